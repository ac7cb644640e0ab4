"""`doit check TARGET`: every action behind a target, run again past the store, and compared with what is recorded.

An action whose outputs come out otherwise is named with the first difference, by meaning, and marked in the store; one
that comes out the same loses a mark it had. Nothing else is recorded.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bfbuild.commands.question import Question
from bfbuild.commands.show import FAILED
from bfbuild.errors import ActionError, ConfigError, RecipeError

if TYPE_CHECKING:
    from bfbuild.commands.project import Project
    from bfbuild.compare.finding import Finding
    from bfbuild.digest import Digest
    from bfbuild.execute.outcome import Outcome
    from bfbuild.realise import Step

SHOWN = 8  # lines of a difference


class Check(Question):
    """The doit command."""

    doc_purpose = "run a target's actions again and compare with what is recorded: are they deterministic?"
    doc_usage = "TARGET ..."
    doc_description = "Actions that come out otherwise are marked in the store until a later check finds them the same."
    cmd_options = (
        {"name": "rounds", "long": "rounds", "type": int, "default": 1, "help": "how often each action is run again"},
        {"name": "json", "long": "json", "type": bool, "default": False, "help": "for machines"},
    )

    def answer(self, start: Path, names: Sequence[str], options: Mapping[str, Any]) -> int:
        """Answer the command line."""
        return check(start, names, rounds=options["rounds"], as_json=options["json"])


@dataclass(frozen=True)
class Other:
    """An action that came out otherwise: which output, what differs in words, and by meaning."""

    step: Step
    output: str
    what: str
    findings: tuple[Finding, ...] = ()


def check(start: Path, names: Sequence[str], *, rounds: int, as_json: bool) -> int:
    """Build, run again, compare; return 0 where everything came out the same."""
    from bfbuild import config  # noqa: PLC0415  (after doit has shown that the command is meant)
    from bfbuild.commands.project import Project  # noqa: PLC0415

    if not names:
        raise RecipeError("check takes a target", hint="doit check kernel.elf")
    if rounds < 1:
        raise ConfigError("there must be at least one round", facts=[("rounds", rounds)])
    project = Project(config.find_root(start))
    project.build([project.graph.find(name.removeprefix("build/")) for name in names])
    found = list(_checked(project, rounds))
    if as_json:
        sys.stdout.write(json.dumps(_data(project, found), indent=1) + "\n")
    else:
        sys.stdout.write("\n".join(_text(project, found, rounds)) + "\n")
    return FAILED if found else 0


def _checked(project: Project, rounds: int) -> Iterator[Other]:
    """Run all actions of the build again, several at once; mark and yield those that came out otherwise."""
    with project.progress, ThreadPoolExecutor(project.config.jobs) as pool:
        running: list[tuple[Step, Future[Other | None]]] = [
            (step, pool.submit(_again, project, step, rounds)) for step in sorted(project.steps, key=_place)
        ]
        try:
            for step, future in running:
                other = future.result()
                if other is None:
                    project.store.marks.clear(step.action.digest)
                else:
                    _mark(project, other)
                    yield other
        except BaseException:
            project.executor.cancel()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _place(step: Step) -> tuple[str, int, str]:
    return str(step.recipe.location.path), step.recipe.location.line, step.recipe.name


def _again(project: Project, step: Step, rounds: int) -> Other | None:
    """Run one action up to `rounds` times; return the first outcome that is not the recorded one."""
    from bfbuild.action.action import Edited  # noqa: PLC0415
    from bfbuild.recipe.model import Toolchain  # noqa: PLC0415

    recipe = project.graph.recipes[step.recipe.name]
    tools = next(need for need in project.graph.needs(recipe) if isinstance(need, Toolchain))
    try:
        project.files.keep(step.action)  # the store may have the result only, not what it was made from
    except Edited as error:
        facts = [("recipe", step.recipe.name), ("file", error)]
        raise ActionError("a source was edited while it was checked", facts=facts) from error
    for _ in range(rounds):
        outcome = project.executor.execute(step.action, lambda: project.toolchains.ensure(tools))
        other = _difference(project, step, outcome)
        if other is not None:
            return other
    return None


def _difference(project: Project, step: Step, outcome: Outcome) -> Other | None:
    from bfbuild.compare import compare  # noqa: PLC0415

    if outcome.exit_code != 0 or outcome.missing:
        failed = outcome.limit or f"exit {outcome.exit_code}"
        return Other(step, "", f"it failed this time: {', '.join(outcome.missing) or failed}")
    request = step.action.request
    made = {request.name(place): (each.digest, each.executable) for place, each in outcome.outputs.items()}
    if request.stdout is not None:
        made[request.stdout] = (outcome.stdout, False)
    for name, (digest, executable) in sorted(made.items()):
        recorded = project.files.made[name]
        if recorded.digest != digest:
            old, new = (project.store.cas.get_bytes(each) for each in (recorded.digest, digest))
            return Other(step, name, _values(name, recorded.digest, digest), compare(old, new))
        if recorded.executable != executable:
            return Other(step, name, f"{name} is {'' if executable else 'not '}executable this time")
    return None


def _values(name: str, recorded: Digest, again: Digest) -> str:
    return f"{name} was {recorded.short}, came out as {again.short}"


def _mark(project: Project, other: Other) -> None:
    from bfbuild.store.marks import Mark  # noqa: PLC0415

    project.store.marks.put(other.step.action.digest, Mark(other.step.recipe.name, other.output, other.what))


def _text(project: Project, found: Sequence[Other], rounds: int) -> Iterator[str]:
    from bfbuild.commands.cache.text import count  # noqa: PLC0415
    from bfbuild.compare.finding import lines  # noqa: PLC0415

    for other in found:
        yield f"{other.step.recipe.name} is not deterministic  {_declared(project, other)}"
        yield f"  {other.what}"
        shown = list(lines(other.findings, indent="  "))
        yield from shown[:SHOWN]
        yield f"  doit replay {other.step.action.digest.short}"
    total = len(project.steps)
    yield (
        f"{count(total, 'action')} ran again {count(rounds, 'time')} at most:"
        f" {total - len(found):,} came out the same, {len(found):,} did not"
    )


def _declared(project: Project, other: Other) -> str:
    return str(other.step.recipe.location).removeprefix(f"{project.root}/")


def _data(project: Project, found: Sequence[Other]) -> dict[str, Any]:
    from bfbuild.compare.finding import data  # noqa: PLC0415

    return {
        "actions": len(project.steps),
        "not_deterministic": [
            {
                "label": other.step.recipe.name,
                "action": str(other.step.action.digest),
                "recipe": _declared(project, other),
                "output": other.output,
                "what": other.what,
                "findings": data(other.findings),
            }
            for other in found
        ],
    }
