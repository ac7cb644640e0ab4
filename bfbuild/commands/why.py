"""`doit why TARGET`: what the last build did with a target and all it needs, and what made it run."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.cmd_base import Command

from bfbuild.commands.show import guarded
from bfbuild.errors import RecipeError

if TYPE_CHECKING:
    from bfbuild.commands.project import Project
    from bfbuild.store.trace import Build, Cause, Step, Trace

DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


class Why(Command):  # type: ignore[misc]  # doit has no types
    """The doit command."""

    doc_purpose = "tell what ran for a target in the last build, and why"
    doc_usage = "TARGET"
    doc_description = "TARGET is the name of a recipe, or of one of its outputs."
    cmd_options = ({"name": "json", "long": "json", "type": bool, "default": False, "help": "for machines"},)

    def execute(self, opt_values: dict[str, Any], pos_args: list[str]) -> int:
        """Answer the command line."""
        return guarded(lambda: why(Path.cwd(), pos_args, as_json=opt_values["json"]))


def why(start: Path, names: list[str], *, as_json: bool) -> int:
    """Print what the last build that looked at the target did, and the causes."""
    from bfbuild import config  # noqa: PLC0415  (after doit has shown that the command is meant)
    from bfbuild.commands.project import Project  # noqa: PLC0415

    if len(names) != 1:
        raise RecipeError("why takes one target", hint="doit why kernel.elf")
    project = Project(config.find_root(start))
    target = project.graph.find(names[0].removeprefix("build/"))
    labels = [recipe.name for recipe in project.graph.closure([target])]
    build = _build_of(project, target.name)
    steps = {step.label: step for step in build.steps}
    told = [(steps[label], _trace_of(project, steps[label])) for label in labels if label in steps]
    if as_json:
        _print_json(target.name, told)
    else:
        _print(target.name, told)
    return 0


def _build_of(project: Project, label: str) -> Build:
    for build in project.store.traces.builds():
        if any(step.label == label for step in build.steps):
            return build
    raise RecipeError("no build has looked at this target yet", facts=[("target", label)], hint="doit image")


def _trace_of(project: Project, step: Step) -> Trace | None:
    """The execution behind a step: the newest one of its action."""
    return next((trace for trace in project.store.traces.history(step.label) if trace.action == step.action), None)


def _print(target: str, told: list[tuple[Step, Trace | None]]) -> None:
    ran = [(step, trace) for step, trace in told if step.decision == "miss"]
    own = next((step for step, _ in told if step.label == target), None)
    lines = [f"{target}: {_word(own)}; of the {len(told)} actions behind it {len(ran)} ran"]
    for step, trace in ran:
        where = f"  {trace.recipe}:{trace.line}" if trace is not None else ""
        lines += ["", f"  {step.label}{where}", f"    ran because {step.reason}"]
        if trace is not None:
            lines += [f"      {_cause(cause)}" for cause in trace.reason.causes]
    if not ran:
        lines += [
            f"  {step.label}  last ran because {trace.reason.text}"
            for step, trace in told
            if step.label == target and trace is not None
        ]
    sys.stdout.write("\n".join(lines) + "\n")


def _word(step: Step | None) -> str:
    return "not an action" if step is None else {"hit": "from the store", "miss": "it ran"}[step.decision]


def _cause(cause: Cause) -> str:
    return f"{cause.kind} {cause.subject}: {_short(cause.old)} -> {_short(cause.new)}"


def _short(value: str | None) -> str:
    return "(none)" if value is None else DIGEST.sub(lambda found: found[0][:12], value)


def _print_json(target: str, told: list[tuple[Step, Trace | None]]) -> None:
    import json  # noqa: PLC0415

    steps = [
        {
            "label": step.label,
            "action": str(step.action),
            "decision": step.decision,
            "reason": step.reason,
            "recipe": None if trace is None else f"{trace.recipe}:{trace.line}",
            "causes": []
            if trace is None or step.decision == "hit"
            else [
                {"kind": cause.kind, "subject": cause.subject, "old": cause.old, "new": cause.new}
                for cause in trace.reason.causes
            ],
        }
        for step, trace in told
    ]
    sys.stdout.write(json.dumps({"target": target, "steps": steps}, indent=1) + "\n")
