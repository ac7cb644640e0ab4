"""Walks what is to be made in order, in parallel, and makes every output exist: from the store, or by executing.

It decides nothing (decide does) and executes nothing itself (an executor does), and knows no recipes: what there is to
make, and how each piece is described, is a `Work` (declared.py, remembered.py). An action is described when its turn
comes, from the content its inputs have by then; so a changed input whose output comes out the same stops there.

What is not in the store may be at a server (remote/cache.py): a result from there is in the store afterwards, and a
hit. While that is waited for, other pieces go on, so there are more of them under way than actions that are executed.

A source that is edited between the plan of an action and its execution is noticed (files.py): the action is planned
anew, so nothing is ever recorded for bytes that were not built. Whatever ends a walk, Ctrl-C among it, ends what runs.
"""

from __future__ import annotations

import shlex
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from bfbuild.action.action import OUT, Action, Edited, InputFile
from bfbuild.decide import Decider, Decision, Hit, Miss, decide
from bfbuild.digest import Digest
from bfbuild.errors import ActionError, BareflowError, Errors, StoreError
from bfbuild.execute.outcome import outcome_of, outputs_of, result_of
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.store.lookup import REBUILD, StoreLookup
from bfbuild.store.trace import REMOTE, Trace

if TYPE_CHECKING:
    from pathlib import Path

    from bfbuild.errors import Location
    from bfbuild.execute.outcome import Executor, Outcome
    from bfbuild.remote.cache import Cache
    from bfbuild.store import Store

COMMAND_LENGTH = 2000  # characters of a command line that a trace keeps; the whole of it is in the store
REPLANS = 5  # how often a source may be edited under an action before we give up
QUESTIONS = 32  # how many pieces may wait for a server at once
PATIENCE = 5.0  # seconds that what was ended may take to tidy up; the next opening of the store does what is left


class Piece(Protocol):
    """One thing to make: a recipe, or what is remembered of one."""

    @property
    def name(self) -> str:
        """Unique in a project."""

    @property
    def location(self) -> Location:
        """The line that declared it."""


class Work(Protocol):
    """What there is to make. Safe to use from several threads."""

    def order(self) -> Sequence[Piece]:
        """All pieces, each after what it needs."""

    def needs(self, piece: Piece) -> Iterable[Piece]:
        """The pieces whose outputs a piece needs."""

    def describe(self, piece: Piece) -> Action | None:
        """The action that makes a piece from what its inputs are now; None where there was nothing to run."""

    def keep(self, action: Action) -> None:
        """See to it that the store has what an action needs; raise Edited where a source has other bytes by now."""

    def forget(self, action: Action) -> None:
        """Look at an action's sources again the next time."""

    def adopt(self, name: str, file: InputFile) -> None:
        """An output exists."""

    def tools(self, piece: Piece) -> Path:
        """The folder in which a piece's toolchain is unpacked."""

    def recipe_file(self, piece: Piece) -> str:
        """The file that declares a piece, relative to the project."""

    def title(self, piece: Piece) -> str:
        """A piece's name and type, for people."""


@dataclass(frozen=True)
class Step:
    """What became of one recipe: the decision, and the outcome where it ran."""

    recipe: Piece
    action: Action
    decision: Decision
    outcome: Outcome | None


class Events(Protocol):
    """Is told what happens, from several threads; shows it or not."""

    def began(self, total: int) -> None:
        """So many recipes will be looked at."""

    def started(self, label: str) -> None:
        """An action is being executed."""

    def finished(self, step: Step) -> None:
        """A recipe's outputs exist."""

    def failed(self, label: str) -> None:
        """An action was executed, and failed; the error comes with the end of the build."""

    def passed(self, label: str) -> None:
        """A recipe that is no action (a toolchain, a download) is done."""


@dataclass
class Realiser:
    """Makes outputs exist for one build."""

    work: Work
    store: Store
    executor: Callable[[], Executor]
    events: Events
    jobs: int  # actions executed at once
    decider: Decider = decide
    cache: Cache | None = None  # a team's results
    steps: list[Step] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _executor: Executor | None = None
    _stopped: bool = False

    def __post_init__(self) -> None:
        self._slots = threading.Semaphore(self.jobs)

    @property
    def _workers(self) -> int:
        return self.jobs + (QUESTIONS if self.cache is not None else 0)

    def realise(self, *, keep_going: bool = False) -> None:
        """Make all outputs exist; raise the error, or Errors, of what failed."""
        order = self.work.order()
        self.events.began(len(order))
        running: dict[Future[None], Piece] = {}
        pool = ThreadPoolExecutor(self._workers)
        try:
            errors = self._walk(order, pool, running, keep_going=keep_going)
        except BaseException:
            self._stop(pool, running)
            raise
        pool.shutdown()
        if errors:
            raise errors[0] if len(errors) == 1 else Errors(errors)

    def _walk(
        self,
        order: Sequence[Piece],
        pool: ThreadPoolExecutor,
        running: dict[Future[None], Piece],
        *,
        keep_going: bool,
    ) -> list[BareflowError]:
        """Make each recipe once what it needs is made; return what went wrong. `running` is kept up to date.

        What was begun is led to its end before more is begun.
        """
        waiting = {recipe: set(self.work.needs(recipe)) for recipe in order}
        wanted_by: dict[Piece, list[Piece]] = {}
        for recipe, needs in waiting.items():
            for need in needs:
                wanted_by.setdefault(need, []).append(recipe)
        errors: list[BareflowError] = []
        ready = deque(recipe for recipe in order if not waiting[recipe])
        while ready or running:
            while ready and len(running) < self._workers:
                recipe = ready.popleft()
                running[pool.submit(self._make, recipe)] = recipe
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                recipe = running.pop(future)
                errors += _failure(future)
                if future.exception() is None:
                    # First: so outputs are ready, and travel, while others are made (benchmarks/remote_scale.py).
                    ready.extendleft(reversed(_release(recipe, waiting, wanted_by)))
            if errors and not keep_going:
                ready.clear()  # what runs may finish; nothing more is started
        return errors

    def _stop(self, pool: ThreadPoolExecutor, running: Iterable[Future[None]]) -> None:
        """End all that runs, and give it a moment to tidy up; what cannot be ended (a download) is not waited for."""
        self._stopped = True
        pool.shutdown(wait=False, cancel_futures=True)
        if self._executor is not None:
            self._executor.cancel()
        if self.cache is not None:
            self.cache.close()
        wait(running, timeout=PATIENCE)

    def _make(self, recipe: Piece) -> None:
        for _ in range(REPLANS):
            action = self.work.describe(recipe)
            if action is None:
                self.events.passed(recipe.name)
                return
            decision = self.decider(action, self.store)
            if isinstance(decision, Hit):
                self._adopt(recipe, action, decision, decision.result, None)
                return
            with self.store.action_lock(action.digest):
                if self.store.results.path_of(action.digest).exists():
                    decision = self.decider(action, self.store)  # another build may have made it while we waited
                if isinstance(decision, Hit):
                    self._adopt(recipe, action, decision, decision.result, None)
                    return
                try:
                    self.work.keep(action)
                except Edited:
                    self.work.forget(action)
                    continue
                hit = self._asked(recipe, action, decision)
                if hit is not None:
                    self._adopt(recipe, action, hit, hit.result, None)
                    return
                with self._slots:
                    self._execute(recipe, action, decision)
                return
        raise ActionError(
            "a source is edited faster than it can be built", facts=[("recipe", recipe.name)], location=recipe.location
        )

    def _asked(self, recipe: Piece, action: Action, miss: Miss) -> Hit | None:
        """Ask the server for a result, and record one as if it had been executed: so it can be told what changed."""
        if self.cache is None:
            return None
        from bfbuild.remote.wire import Wanted  # noqa: PLC0415  (for a project that has a server)

        wanted = Wanted(files=action.description.outputs, stdout=action.request.stdout is not None)
        started, clock = time.time_ns(), time.monotonic_ns()
        result = self.cache.pull(action.digest, wanted)
        if result is None:
            return None
        outcome = outcome_of(result, time.monotonic_ns() - clock)
        self.store.traces.record(self._trace(recipe, action, miss, outcome, started))
        return Hit(result, source=self.cache.url)

    def _execute(self, recipe: Piece, action: Action, miss: Miss) -> None:
        executor = self._started_executor()
        self.events.started(recipe.name)
        started = time.time_ns()
        try:
            outcome = executor.execute(action, lambda: self.work.tools(recipe))
            self.store.traces.record(self._trace(recipe, action, miss, outcome, started))
            _check(recipe, self.work.title(recipe), action, outcome, self.store)
            result = result_of(action, outcome)
            if outcome.level == REMOTE:
                self.store.results.adopt(action.digest, result)  # nobody here can vouch for it
            else:
                self.store.results.put(action.digest, result)
            if self.cache is not None:
                give, tools = outcome.level == "bubblewrap", action.description.toolchain
                self.cache.share(action.digest, recipe.name, result, toolchain=tools, give=give)
        except StoreLookup as problem:
            self.events.failed(recipe.name)
            raise _lost(recipe, self.work.title(recipe), action, problem) from problem
        except BareflowError:
            self.events.failed(recipe.name)
            raise
        self._adopt(recipe, action, miss, result, outcome)

    def _started_executor(self) -> Executor:
        """The executor, made when the first action must run: it may have to fetch a sandbox first."""
        with self._starting:
            if self._executor is None:
                self._executor = self.executor()
        if self._stopped:
            raise ActionError("the build was stopped")
        return self._executor

    def _adopt(
        self, recipe: Piece, action: Action, decision: Decision, result: api.ActionResult, outcome: Outcome | None
    ) -> None:
        for output in result.output_files:
            name = action.request.name(output.path.removeprefix(f"{OUT}/"))
            self.work.adopt(name, InputFile(Digest.of_message(output.digest), output.is_executable))
        if action.request.stdout is not None:
            self.work.adopt(action.request.stdout, InputFile(Digest.of_message(result.stdout_digest)))
        step = Step(recipe, action, decision, outcome)
        with self._lock:
            self.steps.append(step)
        self.events.finished(step)

    def _trace(self, recipe: Piece, action: Action, miss: Miss, outcome: Outcome, started: int) -> Trace:
        return Trace(
            label=recipe.name,
            recipe=self.work.recipe_file(recipe),
            line=recipe.location.line,
            kind=action.request.kind,
            action=action.digest,
            command=shlex.join(action.request.argv)[:COMMAND_LENGTH],
            reason=miss.reason,
            toolchain=action.description.toolchain,
            sandbox=outcome.level,
            started=started,
            duration=outcome.wall,
            user_time=outcome.user_time,
            system_time=outcome.system_time,
            max_rss=outcome.max_rss,
            exit_code=outcome.exit_code,
            stdout=outcome.stdout,
            stderr=outcome.stderr,
            outputs=outputs_of(action, outcome),
        )


def _release(recipe: Piece, waiting: dict[Piece, set[Piece]], wanted_by: dict[Piece, list[Piece]]) -> list[Piece]:
    """Take a finished recipe off the lists; return those that waited for nothing else."""
    ready = []
    for each in wanted_by.get(recipe, []):
        waiting[each].discard(recipe)
        if not waiting[each]:
            ready.append(each)
    return ready


def _failure(future: Future[None]) -> list[BareflowError]:
    """The errors of a finished recipe; anything that is not an error of ours is a bug, and is raised."""
    error = future.exception()
    if error is None:
        return []
    if isinstance(error, BareflowError):
        return error.errors if isinstance(error, Errors) else [error]
    raise error


def _lost(recipe: Piece, title: str, action: Action, problem: StoreLookup) -> StoreError:
    """The error for an input that was in the store when the action was planned, and is no longer."""
    places = [place for place, file in action.request.inputs.items() if file.digest == problem.digest]
    return StoreError(
        "the store lost what an action needs while the build ran",
        facts=[
            ("recipe", title),
            ("needs", ", ".join(places) or "its output"),
            ("digest", problem.digest),
            ("reason", problem.reason),
        ],
        location=recipe.location,
        hint=REBUILD,
    )


def _check(recipe: Piece, title: str, action: Action, outcome: Outcome, store: Store) -> None:
    """Raise ActionError, or what the kind makes of it, where an execution did not do what its recipe declares."""
    where = [("ran", "at the cluster")] if outcome.level == REMOTE else []
    facts: list[tuple[str, object]] = [("recipe", title), *where]
    if outcome.exit_code != 0 or outcome.limit:
        headline = "an action was stopped" if outcome.limit else "an action failed"
        facts.append(("exit", outcome.limit or outcome.exit_code))
    elif outcome.missing:
        headline = "an action did not make what its recipe declares"
        facts.append(("missing", ", ".join(outcome.missing)))
    else:
        return
    said = "".join(store.cas.get_bytes(digest).decode(errors="replace") for digest in (outcome.stderr, outcome.stdout))
    replay = ("replay", f"doit replay {action.digest.short}")
    explained = action.request.explain(said) if action.request.explain is not None else None
    if explained is not None:
        explained.facts.append(replay)
        raise explained
    facts += [("command", shlex.join(action.request.argv)), replay]
    raise ActionError(headline, facts=facts, location=recipe.location, hint=action.request.hint, detail=said)
