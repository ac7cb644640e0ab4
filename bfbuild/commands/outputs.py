"""What a build leaves for people: outputs in build/, and its record in the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.decide import Miss
from bfbuild.digest import digest_file
from bfbuild.errors import StoreError
from bfbuild.store.disk import disk_errors, token
from bfbuild.store.trace import Build, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bfbuild.action.action import InputFile
    from bfbuild.commands.progress import Progress
    from bfbuild.realise import Realiser
    from bfbuild.store import Store

BUILD = "build"  # the folder


def export(root: Path, store: Store, outputs: Mapping[str, InputFile]) -> list[Path]:
    """Put outputs into build/; files that are right already are not touched. Raise StoreError."""
    paths = []
    for name, made in outputs.items():
        path = root / BUILD / name
        if not _holds(path, made):
            with disk_errors("put an output into build/", path):
                path.parent.mkdir(parents=True, exist_ok=True)
                store.cas.copy_to(made.digest, path, executable=made.executable)
        paths.append(path)
    return paths


def _holds(path: Path, made: InputFile) -> bool:
    """Whether a file in build/ is what was made."""
    try:
        status = path.stat()
        same = status.st_size == made.digest.size and bool(status.st_mode & 0o100) == made.executable
        return same and digest_file(path) == made.digest
    except OSError:
        return False


def record(done: Realiser, progress: Progress, *, project: str, targets: Sequence[str], started: int) -> None:
    """File what was decided. A store that takes no record (full, read-only) fails no build of nothing but hits."""
    build = Build(id=token(6), project=project, started=started, targets=tuple(targets), steps=tuple(_steps(done)))
    try:
        done.store.traces.record_build(build)
    except StoreError as error:
        progress.note(f"warning: this build is not on record: {error.headline}: {dict(error.facts)['reason']}")


def _steps(done: Realiser) -> Iterator[Step]:
    """Yield what was decided, in order; a step comes after those that it needs."""
    labels = {step.recipe.name for step in done.steps}
    moved: set[str] = set()  # what ran, and what builds on it
    for step in done.steps:
        label = step.recipe.name
        needs = tuple(need.name for need in done.work.needs(step.recipe) if need.name in labels)
        ran = isinstance(step.decision, Miss)
        behind = not moved.isdisjoint(needs)
        if ran or behind:
            moved.add(label)
        yield Step(
            label=label,
            action=step.action.digest,
            decision="miss" if ran else "hit",
            reason=step.decision.reason.text if isinstance(step.decision, Miss) else step.decision.source,
            needs=needs,
            cut_off=behind and not ran,
        )
