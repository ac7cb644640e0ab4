"""Walks the graph in order, in parallel, and makes every output exist: from the store, or by executing.

It decides nothing (decide does) and executes nothing itself (an executor does). An action is described when its turn
comes, from the content its inputs have by then; so a changed input whose output comes out the same stops there.

A source is copied into the store under the digest it was planned with before the action sees it. One that is edited in
between does not match: the action is planned anew, so nothing is ever recorded for bytes that were not built.
"""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bfbuild.action.action import OUT, Action, InputFile, Tree, make_action
from bfbuild.action.kinds import KINDS
from bfbuild.decide import Decider, Decision, Hit, Miss, decide
from bfbuild.digest import Digest, digest_bytes, digest_file
from bfbuild.errors import ActionError, BareflowError, Errors
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.recipe.graph import File, Graph, Output, Source
from bfbuild.recipe.model import Fetch, Recipe, Run, Toolchain
from bfbuild.store.trace import Trace

if TYPE_CHECKING:
    from bfbuild.execute.sandbox import Outcome
    from bfbuild.store import Store

COMMAND_LENGTH = 2000  # characters of a command line that a trace keeps; the whole of it is in the store
REPLANS = 5  # how often a source may be edited under an action before we give up


class Executor(Protocol):
    """Runs one action whose toolchain is unpacked at `root`."""

    def execute(self, action: Action, root: Path) -> Outcome:
        """Run it, and keep its outputs in the store."""

    def cancel(self) -> None:
        """End all that is running."""


class Toolchains(Protocol):
    """Knows the root of a toolchain before it is unpacked, and unpacks it when a tool must run."""

    def plan(self, recipe: Toolchain) -> Tree:
        """The root's digest and Directory."""

    def ensure(self, recipe: Toolchain) -> Path:
        """The folder it is unpacked in."""


@dataclass(frozen=True)
class Step:
    """What became of one recipe: the decision, and the outcome where it ran."""

    recipe: Recipe
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

    def passed(self, label: str) -> None:
        """A recipe that is no action (a toolchain, a download) is done."""


class Edited(Exception):  # noqa: N818  (an event, not an error)
    """A source no longer has the bytes it was planned with."""


@dataclass
class Files:
    """The content of a build's files: sources hashed once, outputs as they come. What kinds see as `Inputs`."""

    graph: Graph
    root: Path
    store: Store
    before_read: Callable[[str], None]  # told a source's path, or where one might be, before it is looked at
    made: dict[str, InputFile] = field(default_factory=dict)  # output name -> content
    sources: dict[str, InputFile] = field(default_factory=dict)  # path -> content
    _held: dict[Digest, bytes | Path] = field(default_factory=dict)  # content that the store may not have yet
    _kept: set[Digest] = field(default_factory=set)  # content that it has

    def file(self, file: File) -> InputFile:
        """The digest of a source or of an output that was made by now."""
        if isinstance(file, Output):
            return self.made[file.name]
        found = self.sources.get(file.path)
        if found is None:
            path = self.root / file.path
            self.before_read(file.path)
            found = InputFile(digest_file(path), executable=bool(path.stat().st_mode & 0o100))
            self.sources[file.path] = found
            self._held[found.digest] = path
        return found

    def read(self, file: File) -> bytes:
        """The content of a file."""
        if isinstance(file, Source):
            self.before_read(file.path)
            return (self.root / file.path).read_bytes()
        return self.store.cas.get_bytes(self.made[file.name].digest)

    def data(self, data: bytes) -> InputFile:
        """A file made of these bytes."""
        digest = digest_bytes(data)
        self._held[digest] = data
        return InputFile(digest)

    def is_source(self, path: str) -> bool:
        """Whether the project has a source file at `path`."""
        self.before_read(path)
        return (self.root / path).is_file()

    def keep(self, action: Action) -> None:
        """Copy what `action` needs into the store; raise Edited where a source has other bytes by now."""
        kept: set[Digest] = set()
        with self.store.cas.batch() as batch:
            for data in action.blobs.values():
                batch.put_bytes(data)
            for file in action.request.inputs.values():
                held = self._held.get(file.digest)
                if held is None or file.digest in self._kept:
                    continue
                put = batch.put_bytes(held) if isinstance(held, bytes) else batch.put_file(held)
                if put != file.digest:
                    raise Edited(str(held))
                kept.add(file.digest)
        self._kept |= kept

    def forget(self, action: Action) -> None:
        """Look at an action's sources again the next time."""
        for place in action.request.inputs:
            self.sources.pop(place, None)


@dataclass
class Realiser:
    """Makes outputs exist for one build."""

    graph: Graph
    files: Files
    store: Store
    toolchains: Toolchains
    executor: Callable[[], Executor]
    fetch: Callable[[Fetch], None]
    events: Events
    jobs: int
    source_date_epoch: int
    decider: Decider = decide
    steps: list[Step] = field(default_factory=list)
    _trees: dict[str, Tree] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def realise(self, targets: Sequence[Recipe], *, keep_going: bool = False) -> None:
        """Make the outputs of `targets` exist; raise the error, or Errors, of what failed."""
        order = self.graph.closure(targets)
        self.events.began(len(order))
        waiting = {recipe: set(self.graph.needs(recipe)) for recipe in order}
        wanted_by: dict[Recipe, list[Recipe]] = {}
        for recipe, needs in waiting.items():
            for need in needs:
                wanted_by.setdefault(need, []).append(recipe)
        errors: list[BareflowError] = []
        running: dict[Future[None], Recipe] = {}
        with ThreadPoolExecutor(self.jobs) as pool:
            try:
                running |= {pool.submit(self._make, recipe): recipe for recipe in order if not waiting[recipe]}
                while running:
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        recipe = running.pop(future)
                        errors += _failure(future)
                        if not errors or (keep_going and future.exception() is None):
                            ready = _release(recipe, waiting, wanted_by)
                            running |= {pool.submit(self._make, each): each for each in ready}
            except BaseException:  # Ctrl-C among them: nothing may go on running
                pool.shutdown(wait=False, cancel_futures=True)
                self.executor().cancel()
                raise
        if errors:
            raise errors[0] if len(errors) == 1 else Errors(errors)

    def _make(self, recipe: Recipe) -> None:
        match recipe:
            case Toolchain():
                self._trees[recipe.name] = self.toolchains.plan(recipe)
            case Fetch():
                self.fetch(recipe)
                self.files.made[recipe.name] = InputFile(Digest(recipe.sha256, recipe.size))
            case Run():
                pass  # a boot is started by the machine, when someone asks for it
            case _:
                self._act(recipe)
                return
        self.events.passed(recipe.name)

    def _act(self, recipe: Recipe) -> None:
        toolchain: Toolchain = getattr(recipe, "toolchain", None) or recipe.layout.toolchain  # type: ignore[attr-defined]
        for _ in range(REPLANS):
            request = KINDS[type(recipe)](recipe, self.files)
            action = make_action(request, self._trees[toolchain.name], self.source_date_epoch)
            decision = self.decider(action, self.store)
            if isinstance(decision, Hit):
                self._adopt(recipe, action, decision, decision.result, None)
                return
            with self.store.action_lock(action.digest):
                again = self.decider(action, self.store)  # another build may have made it while we waited
                if isinstance(again, Hit):
                    self._adopt(recipe, action, again, again.result, None)
                    return
                try:
                    self.files.keep(action)
                except Edited:
                    self.files.forget(action)
                    continue
                self._execute(recipe, action, again, toolchain)
                return
        raise ActionError(
            "a source is edited faster than it can be built", facts=[("recipe", recipe.name)], location=recipe.location
        )

    def _execute(self, recipe: Recipe, action: Action, miss: Miss, toolchain: Toolchain) -> None:
        root = self.toolchains.ensure(toolchain)
        executor = self.executor()
        self.events.started(recipe.name)
        started = time.time_ns()
        outcome = executor.execute(action, root)
        self.store.traces.record(self._trace(recipe, action, miss, outcome, started))
        _check(recipe, action, outcome, self.store)
        result = _result(action, outcome)
        self.store.results.put(action.digest, result)
        self._adopt(recipe, action, miss, result, outcome)

    def _adopt(
        self, recipe: Recipe, action: Action, decision: Decision, result: api.ActionResult, outcome: Outcome | None
    ) -> None:
        for output in result.output_files:
            name = output.path.removeprefix(f"{OUT}/")
            self.files.made[name] = InputFile(Digest.of_message(output.digest), output.is_executable)
        if action.request.stdout is not None:
            self.files.made[action.request.stdout] = InputFile(Digest.of_message(result.stdout_digest))
        step = Step(recipe, action, decision, outcome)
        with self._lock:
            self.steps.append(step)
        self.events.finished(step)

    def _trace(self, recipe: Recipe, action: Action, miss: Miss, outcome: Outcome, started: int) -> Trace:
        location = recipe.location
        inside = location.path.is_relative_to(self.files.root)
        return Trace(
            label=recipe.name,
            recipe=str(location.path.relative_to(self.files.root) if inside else location.path.name),
            line=location.line,
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
            outputs={name: made.digest for name, made in outcome.outputs.items()},
        )


def _release(recipe: Recipe, waiting: dict[Recipe, set[Recipe]], wanted_by: dict[Recipe, list[Recipe]]) -> list[Recipe]:
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


def _check(recipe: Recipe, action: Action, outcome: Outcome, store: Store) -> None:
    """Raise ActionError where an execution did not do what its recipe declares."""
    facts: list[tuple[str, object]] = [("recipe", f"{recipe.name} ({type(recipe).__name__})")]
    if outcome.exit_code != 0 or outcome.limit:
        headline = "an action was stopped" if outcome.limit else "an action failed"
        facts.append(("exit", outcome.limit or outcome.exit_code))
    elif outcome.missing:
        headline = "an action did not make what its recipe declares"
        facts.append(("missing", ", ".join(outcome.missing)))
    else:
        return
    facts += [("command", shlex.join(action.request.argv)), ("replay", f"doit replay {action.digest.short}")]
    output = b"".join(store.cas.get_bytes(digest) for digest in (outcome.stderr, outcome.stdout))
    raise ActionError(
        headline,
        facts=facts,
        location=recipe.location,
        hint=action.request.hint,
        detail=output.decode("utf-8", errors="replace"),
    )


def _result(action: Action, outcome: Outcome) -> api.ActionResult:
    """The API's record of a good execution: only what depends on the action, so equal executions give equal records."""
    return api.ActionResult(
        output_files=[
            api.OutputFile(path=f"{OUT}/{name}", digest=made.digest.to_message(), is_executable=made.executable)
            for name, made in sorted(outcome.outputs.items())
        ],
        stdout_digest=outcome.stdout.to_message() if action.request.stdout is not None else None,
    )
