"""`doit report`: the last build as one self-contained page, build/report.html, from the store's records.

The page has what was decided and why, how long each execution took, the critical path, and what was made, with its
size. It loads nothing. It can be made days later, also in another checkout that shares the store.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bfbuild.commands.question import Question
from bfbuild.errors import RecipeError

if TYPE_CHECKING:
    from bfbuild.commands.project import Project
    from bfbuild.store.trace import Build, Step, Trace

PAGE = "report.html"
STYLE = (
    "body{font:14px system-ui,sans-serif;margin:2em;color:#1b1f24}table{border-collapse:collapse}"
    "td,th{padding:3px 10px;text-align:left;border-bottom:1px solid #d0d7de}td.n{text-align:right}"
    ".bar{background:#54aeff;height:10px}.miss td:nth-child(3){color:#bc4c00}.graph{overflow:auto;max-height:70vh}"
)


class Report(Question):
    """The doit command."""

    doc_purpose = "write the last build as a page: graph, causes, times, sizes"
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
    from bfbuild import config  # noqa: PLC0415  (after doit has shown that the command is meant)
    from bfbuild.commands.outputs import BUILD  # noqa: PLC0415
    from bfbuild.commands.project import Project  # noqa: PLC0415
    from bfbuild.commands.timeline import chrome_trace  # noqa: PLC0415
    from bfbuild.store.disk import disk_errors  # noqa: PLC0415

    if len(names) > 1:
        raise RecipeError("report takes one target", hint="doit report kernel.elf")
    project = Project(config.find_root(start))
    build = _last(project, names[0] if names else None)
    executions = {step.label: _execution(project, step) for step in build.steps}
    path = project.root / BUILD / PAGE
    with disk_errors("write the report", path):
        path.parent.mkdir(exist_ok=True)
        path.write_text(_page(project, build, executions), encoding="utf-8")
    sys.stdout.write(f"{path.relative_to(project.root)}\n")
    if trace:
        ran = [executions[step.label] for step in build.steps if step.decision == "miss"]
        with disk_errors("write the trace", Path(trace)):
            Path(trace).write_text(chrome_trace(each for each in ran if each is not None), encoding="utf-8")
        sys.stdout.write(f"{trace}\n")
    return 0


def _last(project: Project, name: str | None) -> Build:
    label = None if name is None else project.graph.find(name.removeprefix("build/")).name
    for build in project.store.traces.builds():
        if build.project != project.config.settings.project.name:
            continue
        if label is None or any(step.label == label for step in build.steps):
            return build
    raise RecipeError("no build is on record", facts=[("target", label or "any")], hint="doit image")


def _execution(project: Project, step: Step) -> Trace | None:
    """The execution that made a step's result: in this build, or in an earlier one."""
    return next((trace for trace in project.store.traces.history(step.label) if trace.action == step.action), None)


def _page(project: Project, build: Build, executions: dict[str, Trace | None]) -> str:
    from bfbuild.commands.draw import Node, svg  # noqa: PLC0415
    from bfbuild.commands.timeline import critical_path  # noqa: PLC0415

    steps = {step.label: step for step in build.steps}
    known = [recipe for recipe in project.graph.recipes.values() if recipe.name in steps]
    order = [recipe.name for recipe in project.graph.closure(known) if recipe.name in steps]
    needs = {name: _needs(project, name, steps) for name in order}
    cost = {label: trace.duration for label, trace in executions.items() if trace is not None}
    critical = critical_path(order, needs, cost)
    nodes = [
        Node(name, steps[name].decision, name in critical, steps[name].reason or "from the store") for name in order
    ]
    ran = [step for step in build.steps if step.decision == "miss"]
    path_time = sum(cost.get(name, 0) for name in critical) / 1e6
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><meta charset="utf-8"><title>{escape(build.project)}: a build</title>',
            f"<style>{STYLE}</style>",
            f"<h1>{escape(build.project)}: {escape(', '.join(build.targets))}</h1>",
            f"<p>Build {escape(build.id)}: {len(build.steps)} actions, {len(ran)} ran, "
            f"{len(build.steps) - len(ran)} from the store. The critical path takes {path_time:.1f} ms "
            f"of {sum(cost.values()) / 1e6:.1f} ms of work.</p>",
            "<h2>Critical path</h2>",
            f"<ol>{''.join(f'<li>{escape(name)} ({cost.get(name, 0) / 1e6:.1f} ms)</li>' for name in critical)}</ol>",
            "<h2>Actions</h2>",
            "<table><tr><th>recipe</th><th>kind</th><th>decision</th><th>cause</th><th>ms</th><th></th><th>bytes</th></tr>",
            *_rows(order, steps, executions, max(cost.values(), default=1)),
            "</table>",
            "<h2>Graph</h2>",
            f'<div class="graph">{svg(nodes, needs)}</div>',
            "</html>\n",
        ]
    )


def _needs(project: Project, name: str, steps: dict[str, Step]) -> list[str]:
    return [need.name for need in project.graph.needs(project.graph.recipes[name]) if need.name in steps]


def _rows(order: Sequence[str], steps: dict[str, Step], executions: dict[str, Trace | None], longest: int) -> list[str]:
    rows = []
    for name in order:
        step, trace = steps[name], executions[name]
        took = trace.duration if trace is not None else 0
        size = sum(digest.size for digest in trace.outputs.values()) if trace is not None else 0
        cells = [escape(name), escape(trace.kind) if trace is not None else "", step.decision, escape(step.reason)]
        bar = f'<div class="bar" style="width:{100 * took / longest:.0f}px"></div>'
        numbers = f'<td class="n">{took / 1e6:.1f}</td><td>{bar}</td><td class="n">{size:,}</td>'
        rows.append(f'<tr class="{step.decision}">{"".join(f"<td>{cell}</td>" for cell in cells)}{numbers}</tr>')
    return rows
