"""A cluster on paper: how long a graph of actions takes with so many workers, by discrete-event simulation.

An action goes through these places, first come first served at each:

    client's processor    it is described, and asked for: half of what the client spends on an action
    line up               what only the client has (sources) goes to the server
    a worker              fetches the inputs, runs the command, brings the outputs to the server
    line down             the outputs come to the client, unless they stay at the server
    client's processor    they are checked and recorded: the other half

Between them lie the round trips of the protocol: lookup, FindMissing, upload, Execute, download. The client keeps at
most `jobs` actions on their way. Workers are alike, and keep no inputs; the server itself costs nothing, and has the
toolchains. Equal graphs and settings give equal answers.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

ASKED = 2  # round trips before an action can be sent off: lookup, FindMissing
HALF = 0.5


@dataclass(frozen=True, slots=True)
class Task:
    """One action. `needs` are places in the graph, each before its own; sizes are bytes, `duration` is in seconds."""

    kind: str
    duration: float
    sent: int  # what the server does not have yet
    fetched: int  # all inputs, but for the toolchain
    made: int  # all outputs
    needs: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The cluster and the way to it: times in seconds, lines in bytes a second."""

    workers: int
    latency: float  # a round trip between client and server
    line: float  # each way
    worker_line: float  # of one worker, to the server
    client: float  # processor time that the client spends on an action
    jobs: int  # actions on their way at once
    download: bool = True  # every output, as a local store wants that is to be complete


@dataclass(frozen=True)
class Outcome:
    """What came of it. `bounds` says for each part what it alone would need: the time is never below any of them."""

    seconds: float
    bounds: dict[str, float]

    @property
    def limit(self) -> str:
        """The part that would need longest."""
        return max(self.bounds, key=lambda part: self.bounds[part])

    def busy(self, part: str) -> float:
        """Which share of the time a part was at work."""
        return self.bounds[part] / self.seconds if self.seconds else 0.0


class _Queue:
    """Some servers of one kind; who comes first is served first."""

    def __init__(self, servers: int) -> None:
        self._free = [0.0] * servers  # when each is free again; a heap

    def serve(self, now: float, seconds: float) -> float:
        """Return when something that arrives now is done."""
        done = max(now, self._free[0]) + seconds
        heapq.heapreplace(self._free, done)
        return done


def simulate(graph: Sequence[Task], setting: Setting) -> Outcome:
    """Run the graph; what arrives at the same moment is served in the order in which it was sent."""
    return Outcome(_Run(graph, setting).makespan(), bounds(graph, setting))


class _Run:
    """One simulation: the heap of what happens next, and the queues at the places."""

    def __init__(self, graph: Sequence[Task], setting: Setting) -> None:
        self.graph, self.setting = graph, setting
        self.client, self.up, self.down = _Queue(1), _Queue(1), _Queue(1)
        self.workers = _Queue(setting.workers)
        self.missing = [len(task.needs) for task in graph]
        self.wanted: list[list[int]] = [[] for _ in graph]
        for place, task in enumerate(graph):
            for need in task.needs:
                self.wanted[need].append(place)
        self.ready = deque(place for place, missing in enumerate(self.missing) if not missing)
        self.events: list[tuple[float, int, int, int]] = []  # when, number, stage, place in the graph
        self.stages = (self._describe, self._send, self._execute, self._fetch, self._record)
        self.number = self.under_way = 0

    def makespan(self) -> float:
        """Return when the last action is done."""
        now = 0.0
        self._start(now)
        while self.events:
            now, _, stage, place = heapq.heappop(self.events)
            if stage == len(self.stages):
                self._finish(now, place)
            else:
                self._at(self.stages[stage](now, self.graph[place]), stage + 1, place)
        return now

    def _at(self, when: float, stage: int, place: int) -> None:
        self.number += 1
        heapq.heappush(self.events, (when, self.number, stage, place))

    def _start(self, now: float) -> None:
        while self.ready and self.under_way < self.setting.jobs:
            self.under_way += 1
            self._at(now, 0, self.ready.popleft())

    def _describe(self, now: float, _: Task) -> float:
        return self.client.serve(now, HALF * self.setting.client) + ASKED * self.setting.latency

    def _send(self, now: float, task: Task) -> float:
        sent = self.up.serve(now, task.sent / self.setting.line) + self.setting.latency if task.sent else now
        return sent + HALF * self.setting.latency  # the way there of Execute

    def _execute(self, now: float, task: Task) -> float:
        return self.workers.serve(now, _occupied(task, self.setting)) + HALF * self.setting.latency

    def _fetch(self, now: float, task: Task) -> float:
        made = _downloaded(task, self.setting)
        return self.down.serve(now + self.setting.latency, made / self.setting.line) if made else now

    def _record(self, now: float, _: Task) -> float:
        return self.client.serve(now, HALF * self.setting.client)

    def _finish(self, now: float, place: int) -> None:
        self.under_way -= 1
        for each in reversed(self.wanted[place]):
            self.missing[each] -= 1
            if not self.missing[each]:
                self.ready.appendleft(each)  # as our walk does: what was begun is led to its end
        self._start(now)


def bounds(graph: Sequence[Task], setting: Setting) -> dict[str, float]:
    """What each part alone would need for all actions, and what the longest way through the graph needs."""
    ends: list[float] = []
    for task in graph:
        ends.append(max((ends[need] for need in task.needs), default=0.0) + alone(task, setting))
    return {
        "workers": sum(_occupied(task, setting) for task in graph) / setting.workers,
        "client": setting.client * len(graph),
        "line up": sum(task.sent for task in graph) / setting.line,
        "line down": sum(_downloaded(task, setting) for task in graph) / setting.line,
        "jobs": sum(alone(task, setting) for task in graph) / setting.jobs,
        "critical path": max(ends, default=0.0),
    }


def alone(task: Task, setting: Setting) -> float:
    """How long one action takes where nothing else is to be done."""
    made = _downloaded(task, setting)
    trips = ASKED + 1 + bool(task.sent) + bool(made)
    lines = (task.sent + made) / setting.line
    return setting.client + trips * setting.latency + lines + _occupied(task, setting)


def _downloaded(task: Task, setting: Setting) -> int:
    return task.made if setting.download else 0


def _occupied(task: Task, setting: Setting) -> float:
    """How long an action keeps its worker."""
    return task.duration + (task.fetched + task.made) / setting.worker_line
