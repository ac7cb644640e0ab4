"""Facts, gathered from a build."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from bfbuild.digest import digest_bytes
from bfbuild.errors import ReleaseError
from bfbuild.release.facts import Facts, Identity, Level
from bfbuild.release.gather import Build, gather, resolved
from bfbuild.release.refusals import require_executed_here
from tests.small import Small


def gathered(small: Small) -> Facts:
    """Return the facts of a build of nothing but hits."""
    project = small.build()
    return gather(
        Build(
            graph=project.graph,
            targets=project.targets,
            steps=project.steps,
            files=project.files,
            store=project.store,
            toolchains=project.toolchains,
            root=project.root,
        ),
        Identity(name="small", version="1", commit="abc", epoch=1, lock=digest_bytes(b"")),
        (),
    )


@pytest.mark.parametrize(
    ("levels", "best"),
    [
        (("boot",), "boot"),
        (("remote", "boot"), "remote"),
        (("proot", "remote"), "proot"),
        (("boot", "remote", "bubblewrap"), "bubblewrap"),
        ((), "unknown"),
    ],
)
def test_an_action_has_the_best_level_in_which_it_came_out_so(
    copy: Small, levels: tuple[Literal["bubblewrap", "proot", "boot", "remote"], ...], best: Level
) -> None:
    """What a boot, a cluster or proot made counts for no more than that, until the sandbox made the same."""
    old = next(trace for trace in copy.traces() if trace.label == "kernel.elf")
    others = [trace for trace in copy.traces() if trace.label != "kernel.elf"]
    for path in (copy.cache / "trace").iterdir():
        path.unlink()
    (copy.cache / "index.sqlite").unlink(missing_ok=True)
    store = copy.store
    for trace in [*others, *(replace(old, sandbox=level) for level in levels)]:
        store.traces.record(trace)
    store.traces.record(replace(old, sandbox="bubblewrap", outputs={"kernel.elf": digest_bytes(b"other")}))
    store.traces.record(replace(old, sandbox="bubblewrap", exit_code=1))
    facts = gathered(copy)
    assert {each.label: each.sandbox for each in facts.actions}["kernel.elf"] == best
    assert facts.sandbox == best
    with pytest.raises(ReleaseError) if best != "bubblewrap" else nullcontext():
        require_executed_here(facts.actions)


def test_links_are_followed_inside_of_a_root(tmp_path: Path) -> None:
    """As a program there would see them: an absolute one begins at the root, and none leads out of it."""
    (tmp_path / "root" / "usr" / "doc").mkdir(parents=True)
    for name, target in (("relative", "doc"), ("absolute", "/usr/doc"), ("out", "../../../etc"), ("circle", "circle")):
        (tmp_path / "root" / "usr" / name).symlink_to(target)
    root = tmp_path / "root"
    assert resolved(root, "usr/relative/copyright") == "usr/doc/copyright"
    assert resolved(root, "usr/absolute/copyright") == "usr/doc/copyright"
    assert resolved(root, "usr/out/passwd") == "etc/passwd"
    assert not (root / resolved(root, "usr/circle/copyright")).is_file()
