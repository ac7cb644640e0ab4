"""`doit report`: the last build as one self-contained page, build/report.html, from the store's records.

The page has what ran and the root causes, the time line, the critical path, and what was made, with its size. It can
be made days later, also in another checkout that shares the store.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bfbuild.commands.question import Question
from bfbuild.errors import RecipeError

if TYPE_CHECKING:
    from bfbuild.commands.known import Known
    from bfbuild.commands.page import Page
    from bfbuild.explain.records import Records
    from bfbuild.store.trace import Build, Trace

FILE = "build/report.html"


class Report(Question):
    """The doit command."""

    doc_purpose = "write the last build as a page: causes, time line, critical path, sizes, graph"
    doc_usage = "[TARGET]"
    doc_description = "The last build that looked at TARGET; without one, the last build of this project."
    cmd_options = (
        {"name": "trace", "long": "trace", "type": str, "default": "", "help": "FILE: write a Chrome trace as well"},
    )

    def answer(self, start: Path, names: Sequence[str], options: Mapping[str, Any]) -> int:
        """Answer the command line."""
        return report(start, names, trace=options["trace"])


def report(start: Path, names: Sequence[str], *, trace: str) -> int:
    """Write the page, and the trace where one is wanted; print where they are."""
    from bfbuild.commands.known import known  # noqa: PLC0415  (after doit has shown that the command is meant)
    from bfbuild.commands.page import html  # noqa: PLC0415
    from bfbuild.store.disk import disk_errors  # noqa: PLC0415

    if len(names) > 1:
        raise RecipeError("report takes one target", hint="doit report kernel.elf")
    project = known(start)
    build = _last(project.records, names[0] if names else None)
    path = project.root / FILE
    page = _page(project, build)
    with disk_errors("write the report", path):
        path.parent.mkdir(exist_ok=True)
        path.write_text(html(page), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")
    if trace:
        write_trace((page.executions[step.label] for step in page.ran), Path(trace))
        sys.stdout.write(f"{trace}\n")
    return 0


def write_trace(ran: Iterable[Trace | None], path: Path) -> None:
    """Write executions as a Chrome trace; raise StoreError where it cannot be written."""
    from bfbuild.commands.timeline import chrome_trace  # noqa: PLC0415
    from bfbuild.store.disk import disk_errors  # noqa: PLC0415

    with disk_errors("write the trace", path):
        path.write_text(chrome_trace(each for each in ran if each is not None), encoding="utf-8")


def _last(records: Records, name: str | None) -> Build:
    label = None if name is None else records.label(name)
    for build in records.builds():
        if label is None or label in build.targets or any(step.label == label for step in build.steps):
            return build
    raise RecipeError("no build is on record", hint="doit image")


def _page(project: Known, build: Build) -> Page:
    from bfbuild.commands.page import Page  # noqa: PLC0415
    from bfbuild.explain.changes import of_build  # noqa: PLC0415
    from bfbuild.explain.roots import attribute  # noqa: PLC0415
    from bfbuild.explain.told import tell  # noqa: PLC0415

    records = project.records
    steps = {step.label: step for step in build.steps}
    roots = attribute(of_build(records, build, steps), lambda label, output: records.maker(steps[label].needs, output))
    executions = {
        label: records.execution(step.label, step.action, build.started)
        if step.decision == "miss"
        else records.success(step)
        for label, step in steps.items()
    }
    return Page(build, executions, tell(records, roots, project.root, project.lock))
