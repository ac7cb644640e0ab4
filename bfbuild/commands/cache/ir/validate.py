"""`doit cache ir validate [KEY|FUNCTION]`: compile on this machine what is in the store, and compare byte for byte.

What a boot made and this machine makes as well is on record as this machine's from then on: it may be released.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bfbuild.action import optimize
from bfbuild.action.action import make_action
from bfbuild.commands.cache import text as show
from bfbuild.commands.cache.ir.found import Code, codes, find, here
from bfbuild.commands.show import FAILED
from bfbuild.errors import ActionError, Location, StoreError
from bfbuild.recipe.model import SANDBOX
from bfbuild.store.trace import BOOT, Reason

if TYPE_CHECKING:
    from bfbuild.commands.project import Project
    from bfbuild.execute.outcome import Outcome
    from bfbuild.store import Store
    from bfbuild.store.trace import Trace

SAME, LOST = "the same", "what it was made of is gone from the store"


@dataclass(frozen=True)
class Verdict:
    """What was compiled anew, and how each came out: SAME, LOST, or what is different."""

    found: list[tuple[Code, str]]

    @property
    def wrong(self) -> list[tuple[Code, str]]:
        """Those that came out otherwise."""
        return [(code, what) for code, what in self.found if what not in (SAME, LOST)]


def look(store: Store, word: str | None = None) -> Verdict:
    """Compile; raise ActionError where this machine cannot."""
    project = here()
    wanted = codes(store, project) if word is None else [find(store, project, word)]
    with project.progress:
        return Verdict([(code, _again(store, project, code)) for code in wanted])


def code(verdict: Verdict) -> int:
    """Return the exit code."""
    return FAILED if verdict.wrong else 0


def text(verdict: Verdict) -> str:
    """Return the lines for people."""
    lines = [f"{code.function} is different: {what}\n  {code.head}" for code, what in verdict.wrong]
    same = sum(what == SAME for _, what in verdict.found)
    lines.append(f"{show.count(len(verdict.found), 'piece')} of code: {same:,} came out the same when compiled here")
    lost = len(verdict.found) - same - len(verdict.wrong)
    return "\n".join([*lines, *([f"{lost:,} could not be compiled: {LOST}"] if lost else [])])


def data(verdict: Verdict) -> object:
    """Return the same for programs."""
    return [{"key": code.key, "function": code.function, "became": what} for code, what in verdict.found]


def _again(store: Store, project: Project, code: Code) -> str:
    """Run one action once more; return what is different."""
    trace = code.trace
    location = Location(project.root / trace.recipe, trace.line)
    request = optimize.asked(trace.label, location, dict(code.description.inputs), {})
    action = make_action(request, project.toolchains.plan(SANDBOX), project.config.source_date_epoch)
    started = time.time_ns()
    try:
        outcome = project.executor.execute(action, lambda: project.toolchains.ensure(SANDBOX))
    except StoreError:
        return LOST
    if outcome.exit_code != 0 or outcome.missing:
        return _failure(store, request.explain, outcome)
    made = [outcome.outputs[name].digest for name in optimize.OUTPUTS]
    for name, there, now in zip(optimize.OUTPUTS, (code.object, code.optimized), made, strict=True):
        if there != now:
            return f"{name} is {there.short} in the store, {now.short} when compiled here"
    if trace.sandbox == BOOT and action.digest == trace.action:
        store.traces.record(_own(trace, outcome, started))
    return SAME


def _own(trace: Trace, outcome: Outcome, started: int) -> Trace:
    """This machine's record of what a boot made first."""
    return replace(
        trace,
        reason=Reason(text=f"{trace.reason.text}, then here to the same bytes"),
        sandbox=outcome.level,
        started=started,
        duration=outcome.wall,
        user_time=outcome.user_time,
        system_time=outcome.system_time,
        max_rss=outcome.max_rss,
        stdout=outcome.stdout,
        stderr=outcome.stderr,
    )


def _failure(store: Store, explain: object, outcome: Outcome) -> str:
    """What a compiler that fails said; raise ActionError where this machine cannot run it."""
    said = store.cas.get_bytes(outcome.stderr).decode(errors="replace").strip()
    error = explain(said) if callable(explain) else None
    if isinstance(error, ActionError):
        raise error
    return f"the compiler fails here: {outcome.limit or said or outcome.exit_code}"
