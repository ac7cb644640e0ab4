"""The critical path, the lanes of a time line, and the Chrome trace."""

from __future__ import annotations

import json

from bfbuild.commands.timeline import chrome_trace, critical_path, lanes
from bfbuild.digest import ActionDigest, Digest
from bfbuild.store.trace import Reason, Trace

NOTHING = Digest("0" * 64, 0)


def execution(label: str, started: int, duration: int) -> Trace:
    """An execution of which only the times matter."""
    return Trace(
        label=label,
        recipe="recipes/kernel.py",
        line=1,
        kind="c",
        action=ActionDigest("1" * 64, 1),
        command="cc",
        reason=Reason(text="it was never built"),
        toolchain=None,
        sandbox="bubblewrap",
        started=started,
        duration=duration,
        exit_code=0,
        stdout=NOTHING,
        stderr=NOTHING,
        outputs={},
    )


def test_the_critical_path_is_the_costliest_way() -> None:
    """Of two ways to the end the one whose costs sum to more is taken, though the other has more steps."""
    needs = {"b": ["a"], "c": ["b"], "end": ["c", "slow"]}
    cost = {"a": 1, "b": 1, "c": 1, "slow": 9, "end": 1}
    assert critical_path(["a", "b", "c", "slow", "end"], needs, cost) == ("slow", "end")


def test_nothing_has_no_critical_path() -> None:
    """An empty build has an empty path."""
    assert critical_path([], {}, {}) == ()


def test_executions_that_overlap_have_lanes_of_their_own() -> None:
    """The third starts when the first is over, so it takes the first's lane."""
    placed = lanes([execution("one", 0, 10), execution("two", 5, 10), execution("three", 10, 5)])
    assert [(lane, trace.label) for lane, trace in placed] == [(0, "one"), (1, "two"), (0, "three")]


def test_a_chrome_trace_counts_microseconds_from_the_first_start() -> None:
    """Times of the Trace Event Format are microseconds; ours are nanoseconds since 1970."""
    text = chrome_trace([execution("one", 5_000_000, 2_000), execution("two", 5_004_000, 1_000)])
    events = [(each["name"], each["ph"], each["ts"], each["dur"]) for each in json.loads(text)["traceEvents"]]
    assert events == [("one", "X", 0.0, 2.0), ("two", "X", 4.0, 1.0)]
