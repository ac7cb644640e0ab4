"""The work of `doit release`: refuse, build twice, compare, boot, and put dist/ together."""

from __future__ import annotations

import sys
from pathlib import Path

from bfbuild.commands.releasing.builds import build_twice, prepare
from bfbuild.commands.releasing.files import fill
from bfbuild.commands.releasing.plan import Sigstore, phase, plan_of
from bfbuild.release import compare, dist


def release(root: Path, version: str, old: str, sigstore: Sigstore | None) -> int:
    """Make dist/ of the commit that the work tree is; print its files, and what changed since an old one."""
    if old:
        dist.read(Path(old))  # what cannot be compared is told before anything is built
    plan = plan_of(root, version, sigstore)
    with phase("tools"):
        prepare(plan)
    build_twice(plan)
    with dist.staged(root / dist.FOLDER) as stage:
        about = fill(plan, stage)
        told = compare.compare(Path(old), stage) if old else ""
    for path in sorted((root / dist.FOLDER).iterdir()):
        sys.stdout.write(f"{dist.FOLDER}/{path.name}  {path.stat().st_size:,} bytes\n")
    sys.stdout.write(f"{about.name} {about.version}, commit {about.commit}\n")
    sys.stdout.write(f"\n{told}" if told else "")
    return 0
