"""Actions here and at a cluster at once: which place an action takes, and what happens when the cluster is away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from bfbuild.action.action import Action, Request, Tree, make_action
from bfbuild.digest import digest_bytes
from bfbuild.errors import ActionError, Location
from bfbuild.execute.hybrid import REFUSALS, HybridExecutor, NotExecutedError
from bfbuild.execute.outcome import Outcome, Tools
from bfbuild.protos import remote_execution_pb2 as api

NOTHING = digest_bytes(b"")


def action(name: str) -> Action:
    """Return an action of this name."""
    request = Request(name, "command", Location(Path("r.py"), 1), ("true",), {}, (), ("/bin",), env={"NAME": name})
    return make_action(request, Tree(NOTHING, api.Directory()), 0)


@dataclass
class Place:
    """An executor that holds each action until it is let go, and may refuse."""

    level: Literal["bubblewrap", "remote"]
    refuses: Callable[[str], NotExecutedError | None] = lambda _: None
    began: list[str] = field(default_factory=list)
    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    cancelled: bool = False

    def execute(self, action: Action, tools: Tools) -> Outcome:
        """Wait to be let go."""
        del tools
        self.began.append(action.request.label)
        self.entered.release()
        self.gate.acquire()
        if self.cancelled:
            raise ActionError("the build was stopped")
        problem = self.refuses(action.request.label)
        if problem is not None:
            raise problem
        return Outcome(0, NOTHING, NOTHING, {}, (), self.level, 1)

    def cancel(self) -> None:
        """Let all go, as stopped."""
        self.cancelled = True
        self.gate.release(100)


@dataclass
class World:
    """Both places, and what was told; `start` runs an action in a thread of its own."""

    jobs: int = 1
    remote_jobs: int = 1
    unpacked: bool = True

    def __post_init__(self) -> None:
        self.here, self.there, self.notes = Place("bubblewrap"), Place("remote"), list[str]()
        self.pool = ThreadPoolExecutor(8)
        self.hybrid = HybridExecutor(
            local=lambda: self.here,
            remote=self.there,
            jobs=self.jobs,
            remote_jobs=self.remote_jobs,
            is_here=lambda _: self.unpacked,
            note=self.notes.append,
        )

    def start(self, name: str) -> Future[Outcome]:
        """Run an action."""
        return self.pool.submit(self.hybrid.execute, action(name), Path)

    def run(self, *names: str) -> list[str]:
        """Run actions to their end with both places open, one after the other; return where each was run."""
        self.here.gate.release(100)
        self.there.gate.release(100)
        return [self.start(name).result(20).level for name in names]


def test_this_machine_takes_the_first_action_and_the_cluster_the_next() -> None:
    """Both places are used at once, each up to its number, and whichever is free first takes what waits."""
    world = World(jobs=1, remote_jobs=2)
    first = world.start("a")
    world.here.entered.acquire(timeout=20)
    others = [world.start(name) for name in "bc"]
    for _ in others:
        world.there.entered.acquire(timeout=20)
    last = world.start("d")
    world.here.gate.release()
    assert first.result(20).level == "bubblewrap"
    world.here.gate.release()
    assert last.result(20).level == "bubblewrap"
    world.there.gate.release(2)
    assert [each.result(20).level for each in others] == ["remote", "remote"]
    assert (sorted(world.here.began), sorted(world.there.began)) == (["a", "d"], ["b", "c"])


def test_without_its_tools_here_an_action_waits_for_the_cluster() -> None:
    """Packages are not fetched for what the cluster does; once the tools are here, so are the actions."""
    world = World(unpacked=False)
    assert world.run("a", "b") == ["remote", "remote"]
    world.unpacked = True
    assert world.run("c") == ["bubblewrap"]


def test_a_cluster_that_is_away_is_told_once_and_not_asked_again() -> None:
    """All that was under way there and all that follows is run here, with tools that are unpacked for it."""
    world = World(jobs=1, remote_jobs=3, unpacked=False)
    world.there.refuses = lambda _: NotExecutedError("nobody answers", away=True)
    running = [world.start(name) for name in "abc"]
    for _ in running:
        world.there.entered.acquire(timeout=20)
    world.here.gate.release(3)
    world.there.gate.release(3)
    assert [each.result(20).level for each in running] == ["bubblewrap"] * 3
    assert world.run("d", "e") == ["bubblewrap"] * 2
    assert sorted(world.there.began) == ["a", "b", "c"]
    assert world.notes == ["warning: the cluster does not execute: nobody answers: the rest is run here"]


def test_what_the_cluster_refuses_is_run_here_and_the_rest_goes_on() -> None:
    """One action that it cannot run says nothing about the next."""
    world = World(unpacked=False)
    world.there.refuses = lambda name: NotExecutedError("no such link", away=False) if name == "b" else None
    assert world.run("a", "b", "c") == ["remote", "bubblewrap", "remote"]
    assert world.notes == ["warning: the cluster does not execute: no such link: b is run here"]


def test_a_cluster_that_runs_nothing_is_given_up() -> None:
    """Refusals in a row end the attempts: the second warning says so, and there is no third."""
    world = World(unpacked=False)
    world.there.refuses = lambda _: NotExecutedError("no worker has that", away=False)
    names = [str(number) for number in range(REFUSALS + 2)]
    assert set(world.run(*names)) == {"bubblewrap"}
    assert world.there.began == names[:REFUSALS]
    assert world.notes == [
        "warning: the cluster does not execute: no worker has that: 0 is run here",
        "warning: the cluster does not execute: no worker has that: the rest is run here",
    ]


def test_cancel_ends_both_and_lets_nobody_wait() -> None:
    """What runs has no outcome, what waits for a place is not started, and nothing more is."""
    world = World()
    running = [world.start("a")]
    world.here.entered.acquire(timeout=20)
    running.append(world.start("b"))
    world.there.entered.acquire(timeout=20)
    waiting = world.start("c")
    world.hybrid.cancel()
    for each in [*running, waiting, world.start("d")]:
        with pytest.raises(ActionError, match="the build was stopped"):
            each.result(20)
    assert sorted(world.here.began + world.there.began) == ["a", "b"]
