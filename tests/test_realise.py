"""The walk over the graph, with an executor of the tests' own: order, stops, edits in between, what is recorded."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bfbuild.action.action import Action, InputFile, Tree
from bfbuild.decide import Hit, Miss
from bfbuild.declared import Declared
from bfbuild.digest import canonical, digest_bytes
from bfbuild.errors import ActionError, Errors, RecipeError, StoreError
from bfbuild.execute.outcome import Made, Outcome
from bfbuild.files import Files
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.realise import Realiser, Step
from bfbuild.recipe.graph import connect
from bfbuild.recipe.model import Command, Fetch, In, Out, Recipe, Toolchain
from bfbuild.store import Store

tools = Toolchain(name="tools", packages=("some",))


def join(name: str, *inputs: Recipe | str, stdout: str | None = None) -> Command:
    """Declare what the tests' executor does: all inputs in their order, as one file."""
    arguments = (*(In(each) for each in inputs), Out(name))
    return Command(name=name, tool="join", toolchain=tools, args=arguments, stdout=stdout)


@dataclass
class Joiner:
    """Executes by joining the inputs' content; does what a test says before."""

    store: Store
    before: Callable[[str], object] = lambda _: None
    ran: list[str] = field(default_factory=list)
    running: int = 0
    most: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def execute(self, action: Action, tools: Callable[[], Path]) -> Outcome:
        """Join the inputs, or fail where an input says so."""
        del tools
        label = action.request.label
        with self._lock:
            self.ran.append(label)
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            self.before(label)
            inputs = (self.store.cas.get_bytes(action.request.inputs[p].digest) for p in action.request.argv[1:-1])
            data = b"".join(inputs)
        finally:
            with self._lock:
                self.running -= 1
        failed = b"fail" in data
        said = self.store.cas.put_bytes(b"it said so\n" if failed else b"")
        made = {} if failed or b"forget" in data else {label: Made(self.store.cas.put_bytes(data), executable=False)}
        return Outcome(
            exit_code=3 if failed else 0,
            stdout=said,
            stderr=said,
            outputs=made,
            missing=tuple({label} - set(made)),
            level="bubblewrap",
            wall=1,
            user_time=1,
            system_time=1,
            max_rss=1,
        )

    def cancel(self) -> None:
        """Let everything that waits go on."""
        self.cancelled.set()


class Tools:
    """A toolchain that is always there."""

    def plan(self, recipe: Toolchain) -> Tree:
        """Return a root with nothing in it."""
        del recipe
        root = api.Directory()
        root.directories.add(name="work", digest=digest_bytes(b"").to_message())
        return Tree(digest_bytes(canonical(root)), root)

    def ensure(self, recipe: Toolchain) -> Path:
        """Return any folder."""
        del recipe
        return Path("/")


class Silent:
    """Is told, and keeps quiet."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def began(self, total: int) -> None:
        """Keep the number."""
        self.told.append(f"began {total}")

    def started(self, label: str) -> None:
        """Keep the name."""
        self.told.append(f"started {label}")

    def finished(self, step: Step) -> None:
        """Keep the name."""
        self.told.append(f"finished {step.recipe.name}")

    def failed(self, label: str) -> None:
        """Keep the name."""
        self.told.append(f"failed {label}")

    def passed(self, label: str) -> None:
        """Keep the name."""
        self.told.append(f"passed {label}")


@dataclass
class World:
    """A folder with sources and a store; `build` makes a new realiser each time, as each command does."""

    root: Path
    store: Store
    joiner: Joiner
    events: Silent = field(default_factory=Silent)
    fetched: list[str] = field(default_factory=list)
    executors: int = 0

    def executor(self) -> Joiner:
        """Count how often an executor is asked for."""
        self.executors += 1
        return self.joiner

    def build(self, *recipes: Recipe, targets: int = 1, jobs: int = 2, keep_going: bool = False) -> Realiser:
        """Build the last `targets` of these recipes."""
        graph = connect([tools, *recipes], lambda path: (self.root / path).is_file())
        self.joiner.ran.clear()
        self.events = Silent()
        work = Declared(
            graph=graph,
            targets=recipes[-targets:],
            files=Files(graph, self.root, self.store, lambda _: None),
            toolchains=Tools(),
            fetch=lambda recipe: self.fetched.append(recipe.name),
            source_date_epoch=0,
        )
        realiser = Realiser(work=work, store=self.store, executor=self.executor, events=self.events, jobs=jobs)
        realiser.realise(keep_going=keep_going)
        return realiser

    def content(self, realiser: Realiser, name: str) -> bytes:
        """Return what was made."""
        return self.store.cas.get_bytes(made(realiser)[name].digest)


def made(realiser: Realiser) -> dict[str, InputFile]:
    """Return the outputs of a build."""
    assert isinstance(realiser.work, Declared)
    return realiser.work.files.made


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a world with three sources."""
    for name in ("one", "two", "bad"):
        (tmp_path / name).write_text("fail" if name == "bad" else f"{name} ")
    store = Store(tmp_path / "cache")
    world = World(tmp_path, store, Joiner(store))
    yield world
    world.joiner.cancelled.set()


def test_each_recipe_is_made_after_what_it_needs(world: World) -> None:
    """Outputs flow into inputs, each action runs once, and the second build is hits only."""
    a, b = join("a", "one"), join("b", "two")
    c = join("c", a, b, a)
    done = world.build(a, b, c)
    assert world.content(done, "c") == b"one two one "
    assert sorted(world.joiner.ran[:2]) == ["a", "b"]
    assert world.joiner.ran[2:] == ["c"]
    assert [type(step.decision) for step in done.steps] == [Miss] * 3
    again = world.build(a, b, c)
    assert world.joiner.ran == []
    assert [type(step.decision) for step in again.steps] == [Hit] * 3
    assert [step.outcome for step in again.steps] == [None] * 3


def test_only_what_a_target_needs_is_looked_at(world: World) -> None:
    """A recipe beside the target is left alone."""
    world.build(join("a", "bad"), join("b", "two"))
    assert world.joiner.ran == ["b"]
    assert world.events.told[0] == "began 2", "the toolchain and the target"


def test_equal_outputs_stop_a_change(world: World) -> None:
    """An input that changed, and whose maker's output did not, runs nothing further."""
    a = join("a", "one", "two")
    b = join("b", a)
    world.build(a, b)
    (world.root / "one").write_text("one two")
    (world.root / "two").write_text(" ")
    world.build(a, b)
    assert world.joiner.ran == ["a"]


def test_what_was_begun_is_led_to_its_end(world: World) -> None:
    """One at a time, a chain is made to its last link before the next chain is begun."""
    chains = [("a1", "a2", "a3"), ("b1", "b2", "b3")]
    recipes = [
        join(name, *([chain[place - 1]] if place else [])) for chain in chains for place, name in enumerate(chain)
    ]
    world.build(*recipes, targets=6, jobs=1)
    assert world.joiner.ran == ["a1", "a2", "a3", "b1", "b2", "b3"]


@pytest.mark.parametrize("jobs", [1, 3])
def test_as_many_at_once_as_there_are_jobs(world: World, jobs: int) -> None:
    """Independent actions run beside one another, never more than asked for."""
    gate = threading.Barrier(jobs)
    world.joiner.before = lambda _: gate.wait(20)
    parts = [join(f"part{number}", "one") for number in range(6)]
    world.build(*parts, targets=6, jobs=jobs)
    assert world.joiner.most == jobs


def test_a_failure_ends_the_build_with_its_output(world: World) -> None:
    """The error has the recipe, the exit code, the way to replay, the line and what the tool said; nothing is kept."""
    a = join("a", "bad")
    with pytest.raises(ActionError) as problem:
        world.build(a, join("b", a))
    error = problem.value
    facts = dict(error.facts)
    assert error.headline == "an action failed"
    assert (facts["recipe"], facts["exit"]) == ("a (Command)", "3")
    assert facts["command"] == "join bad out/a"
    trace = world.store.traces.latest("a")
    assert trace is not None
    assert facts["replay"] == f"doit replay {trace.action.short}"
    assert error.location == a.location
    assert error.detail == "it said so\nit said so\n"
    assert trace.exit_code == 3
    assert world.store.results.get(trace.action) is None
    assert world.events.told[-1] == "failed a"


def test_what_failed_is_tried_again_and_says_so(world: World) -> None:
    """A failure is never a hit; the next trace gives it as the reason."""
    for _ in range(2):
        world.store = Store(world.store.path)
        with pytest.raises(ActionError):
            world.build(join("a", "bad"))
    assert [trace.reason.text for trace in world.store.traces.history("a")] == [
        "it failed the last time",
        "it was never built",
    ]


def test_an_output_that_was_not_made_is_a_failure(world: World) -> None:
    """A tool that succeeds and does not make what was declared has failed."""
    (world.root / "one").write_text("forget")
    with pytest.raises(ActionError, match="did not make what its recipe declares") as problem:
        world.build(join("a", "one"))
    assert dict(problem.value.facts)["missing"] == "a"


def test_keep_going_builds_what_does_not_depend_on_a_failure(world: World) -> None:
    """All errors come at the end, together; what hangs on a failure is not tried."""
    bad, worse, good = join("a", "bad"), join("b", "two", "bad"), join("c", "one")
    after = join("d", bad, good)
    with pytest.raises(Errors) as problem:
        world.build(bad, worse, good, after, targets=3, keep_going=True)
    assert sorted(dict(error.facts)["recipe"] for error in problem.value.errors) == ["a (Command)", "b (Command)"]
    assert sorted(world.joiner.ran) == ["a", "b", "c"]


def test_a_source_edited_before_its_action_is_planned_anew(world: World) -> None:
    """Between the plan and the copy into the store the source changes: the action is planned with what is there now."""
    original = world.store.action_lock
    edits = ["edited "]

    def edit_once(digest: object) -> object:
        if edits:
            (world.root / "one").write_text(edits.pop())
        return original(digest)  # type: ignore[arg-type]

    world.store.action_lock = edit_once  # type: ignore[method-assign, assignment]
    done = world.build(join("a", "one"))
    assert world.content(done, "a") == b"edited "
    assert world.joiner.ran == ["a"]
    (world.root / "one").write_text("one ")
    world.build(join("a", "one"))
    assert world.joiner.ran == ["a"], "nothing was recorded for the bytes that were never built"


def test_a_source_that_never_rests_is_told(world: World) -> None:
    """A source that changes each time it is planned ends in an error, not in a build without end."""
    numbers = iter(range(1000))
    original = world.store.action_lock

    def edit(digest: object) -> object:
        (world.root / "one").write_text(str(next(numbers)))
        return original(digest)  # type: ignore[arg-type]

    world.store.action_lock = edit  # type: ignore[method-assign, assignment]
    with pytest.raises(ActionError, match="edited faster than it can be built"):
        world.build(join("a", "one"))
    assert world.joiner.ran == []


def test_a_source_that_vanishes_is_told(world: World) -> None:
    """A source that is deleted while the build runs is an error that names it."""
    a = join("a", "one")
    world.joiner.before = lambda _: (world.root / "two").unlink(missing_ok=True)
    with pytest.raises(RecipeError, match="a source cannot be read") as problem:
        world.build(a, join("b", a, "two"))
    assert problem.value.facts == [("file", str(world.root / "two")), ("why", "No such file or directory")]


def test_an_input_that_the_store_loses_is_told_and_made_anew(world: World) -> None:
    """A blob that goes between the decision and its use: a clear error of the store, then the maker runs again."""
    a = join("a", "one")
    b = join("b", a)
    lost = world.store.cas.path_of(made(world.build(a, b))["a"].digest)
    (world.root / "two").write_text("two")
    c = join("c", a, "two")
    world.joiner.before = lambda _: lost.unlink()
    with pytest.raises(StoreError, match="lost what an action needs") as problem:
        world.build(a, c)
    assert dict(problem.value.facts)["needs"] == "build/a"
    world.joiner.before = lambda _: None
    world.build(a, c)
    assert world.joiner.ran == ["a", "c"]


def test_a_full_disk_under_an_action_is_an_error_of_the_store(world: World) -> None:
    """What the store says of its disk reaches the user as it is."""

    def full(_: str) -> None:
        raise StoreError("cannot write to the store", facts=[("reason", "No space left on device")])

    world.joiner.before = full
    with pytest.raises(StoreError, match="cannot write to the store"):
        world.build(join("a", "one"))


def test_ctrl_c_ends_what_runs_and_starts_nothing_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt in the main thread cancels the executor, waits for it, and is passed on; no outcome is recorded."""
    entered, interrupts = threading.Event(), [KeyboardInterrupt()]

    def run_until_cancelled(_: str) -> None:
        entered.set()
        assert world.joiner.cancelled.wait(20)
        raise ActionError("the build was stopped")

    def wait(running: dict[Future[None], Recipe], **options: Any) -> object:
        if interrupts and [recipe.name for recipe in running.values()] == ["a"]:
            assert entered.wait(20)
            raise interrupts.pop()
        return concurrent.futures.wait(running, **options)

    world.joiner.before = run_until_cancelled
    monkeypatch.setattr("bfbuild.realise.wait", wait)
    a = join("a", "one")
    with pytest.raises(KeyboardInterrupt):
        world.build(a, join("b", a))
    assert world.joiner.cancelled.is_set()
    assert (world.joiner.running, world.joiner.ran) == (0, ["a"])
    assert list(world.store.traces.recent()) == []


def test_an_executor_is_made_only_when_something_runs(world: World) -> None:
    """A build of hits needs no sandbox, so none is fetched for it."""
    world.build(join("a", "one"))
    assert world.executors == 1
    world.build(join("a", "one"))
    assert world.executors == 1


def test_a_download_is_asked_for_by_content(world: World) -> None:
    """A fixed download is fetched, and is an input like any output."""
    digest = world.store.cas.put_bytes(b"fetched")
    fetch = Fetch(name="file", urls=("http://127.0.0.1:9/",), sha256=digest.hash, size=digest.size)
    done = world.build(fetch, join("a", fetch))
    assert world.fetched == ["file"]
    assert world.content(done, "a") == b"fetched"


def test_what_a_tool_prints_can_be_an_output(world: World) -> None:
    """With stdout=..., the printed bytes are a file for others."""
    done = world.build(join("a", "one", stdout="said"), targets=1)
    assert world.content(done, "said") == b""


def test_a_bug_is_raised_as_it_is(world: World) -> None:
    """What is no error of ours is not dressed up as one."""

    def bug(_: str) -> None:
        raise ZeroDivisionError

    world.joiner.before = bug
    with pytest.raises(ZeroDivisionError):
        world.build(join("a", "one"))


def test_a_trace_tells_all_of_an_execution(world: World) -> None:
    """Recipe and line, command, reason, tools, level, times, exit and outputs are on record."""
    a = join("a", "one")
    done = world.build(a)
    trace = world.store.traces.latest("a")
    assert trace is not None
    assert (trace.label, trace.line, trace.kind, trace.command) == ("a", a.location.line, "command", "join one out/a")
    assert trace.recipe == Path(__file__).name
    assert trace.reason.text == "it was never built"
    assert trace.toolchain == Tools().plan(tools).digest
    assert (trace.sandbox, trace.exit_code, trace.duration) == ("bubblewrap", 0, 1)
    assert trace.outputs == {"a": made(done)["a"].digest}
