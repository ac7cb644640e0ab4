"""A build's executions on a time line: the critical path, and the Chrome trace (chrome://tracing, Perfetto)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bfbuild.store.trace import Trace


def critical_path(order: Sequence[str], needs: Mapping[str, Sequence[str]], cost: Mapping[str, int]) -> tuple[str, ...]:
    """Return the way through the graph with the largest sum of costs; `order` has every label after what it needs."""
    total: dict[str, int] = {}
    before: dict[str, str | None] = {}
    for label in order:
        longest = max(needs.get(label, ()), key=lambda need: total[need], default=None)
        before[label] = longest
        total[label] = cost.get(label, 0) + (total[longest] if longest is not None else 0)
    path: list[str] = []
    last = max(order, key=lambda each: total[each], default=None)
    while last is not None:
        path.append(last)
        last = before[last]
    return tuple(reversed(path))


def lanes(traces: Iterable[Trace]) -> list[tuple[int, Trace]]:
    """Give each execution the lowest lane that is free when it starts: as many lanes as ran side by side."""
    ends: list[int] = []
    placed = []
    for trace in sorted(traces, key=lambda each: (each.started, each.label)):
        free = next((lane for lane, end in enumerate(ends) if end <= trace.started), len(ends))
        ends[free : free + 1] = [trace.started + trace.duration]
        placed.append((free, trace))
    return placed


def chrome_trace(traces: Iterable[Trace]) -> str:
    """Return the executions in the Trace Event Format (its "complete" events; times in microseconds from the first)."""
    placed = lanes(traces)
    first = min((trace.started for _, trace in placed), default=0)
    events = [
        {
            "name": trace.label,
            "cat": trace.kind,
            "ph": "X",
            "pid": 1,
            "tid": lane,
            "ts": (trace.started - first) / 1000,
            "dur": trace.duration / 1000,
            "args": {"reason": trace.reason.text, "action": str(trace.action), "sandbox": trace.sandbox},
        }
        for lane, trace in placed
    ]
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}, indent=1) + "\n"
