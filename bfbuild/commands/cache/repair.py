"""`doit cache repair [--rebuild]`: remove just what is damaged; with --rebuild, make the results among it anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bfbuild.commands.cache import text as show
from bfbuild.commands.cache import verify
from bfbuild.store.verify import Repaired, repair

if TYPE_CHECKING:
    from bfbuild.store import Store


class Report(NamedTuple):
    """What was removed, which labels lost results, and which of these were built again."""

    repaired: Repaired
    rebuilt: tuple[str, ...]


def look(store: Store, *, rebuild: bool) -> Report:
    """Verify and repair; raise what a rebuild raises."""
    repaired = repair(store, verify.look(store))
    return Report(repaired, _build(repaired.labels) if rebuild else ())


def text(report: Report) -> str:
    """Return the table for people."""
    removed, labels = report.repaired.removed, report.repaired.labels
    if not removed:
        return "nothing is damaged"
    lines = [f"removed {show.count(len(removed), 'damaged thing')}", verify.table(removed)]
    left = [label for label in labels if label not in report.rebuilt]
    if report.rebuilt:
        lines.append(f"built again: {' '.join(report.rebuilt)}")
    if left:
        lines.append(f"the next build makes anew: {' '.join(left)}")
    return "\n".join(lines)


def data(report: Report) -> object:
    """Return the same for programs."""
    return {
        "removed": [verify.vars_of(damage) for damage in report.repaired.removed],
        "labels": list(report.repaired.labels),
        "rebuilt": list(report.rebuilt),
    }


def _build(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Build those of the labels that the project around the current folder still declares; return them."""
    from bfbuild import config  # noqa: PLC0415  (a repair needs no project)
    from bfbuild.commands.build import build  # noqa: PLC0415
    from bfbuild.commands.project import Project  # noqa: PLC0415

    project = Project(config.find_root(Path.cwd()))
    targets = [project.graph.recipes[label] for label in labels if label in project.graph.recipes]
    if targets:
        build(project, targets)
    return tuple(recipe.name for recipe in targets)
