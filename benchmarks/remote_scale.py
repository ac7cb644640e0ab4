"""How a graph of 100,000 actions would run on 1 to 1,000 workers: a real build's traces, grown, on a cluster on paper.

    .venv/bin/python benchmarks/remote_scale.py [--target NAME] [--actions N] [--workers N,N,...] [--html FILE] [--json]

Sizes and needs are those of the newest build of the target on record, durations the quickest on record of its actions.
The graph is copies of it beside each other, as of many programs in one repository. The durations of each copy are
drawn, with a seed, from those of the same kind. The model, and what it leaves out, stands in cluster_model.py. What the
client spends on an action is an input, measured by remote_lookups.py and remote_execution.py.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.cluster_model import Outcome, Setting, Task, simulate
from bfbuild import config
from bfbuild.action.action import read_description
from bfbuild.errors import BareflowError, StoreError, render
from bfbuild.store import Store
from bfbuild.store.trace import Build, Step, Trace

WORKERS = (1, 3, 10, 30, 100, 300, 1000)
PARTS = ("workers", "client", "line up", "line down")
WIDTH = 900  # pixels
MBIT = 1e6 / 8  # bytes


def main() -> int:
    """Load, grow, simulate, print."""
    asked = _arguments()
    try:
        base = load(Store(config.load(config.find_root(Path.cwd())).cache_dir), asked.target)
    except BareflowError as error:
        sys.stderr.write(render(error) + "\n")
        return 1
    graph = grow(base, asked.actions, asked.seed)
    settings = [
        Setting(
            workers=workers,
            latency=asked.latency / 1e3,
            line=asked.line * MBIT,
            worker_line=asked.worker_line * MBIT,
            client=asked.client / 1e3,
            jobs=asked.jobs or 2 * workers,
            download=not asked.leave,
        )
        for workers in asked.workers
    ]
    outcomes = [simulate(graph, setting) for setting in settings]
    if asked.json:
        rows = [{**asdict(setting), **asdict(outcome)} for setting, outcome in zip(settings, outcomes, strict=True)]
        sys.stdout.write(json.dumps({"actions": len(graph), "runs": rows}, indent=1) + "\n")
    else:
        sys.stdout.write(table(graph, settings, outcomes))
    if asked.html is not None:
        asked.html.write_text(page(graph, settings, outcomes), encoding="utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    numbers = lambda text: [int(each) for each in text.split(",")]  # noqa: E731
    parser.add_argument("--target", default="bareflow.img", help="whose newest build is grown")
    parser.add_argument("--actions", type=int, default=100_000)
    parser.add_argument("--workers", type=numbers, default=list(WORKERS))
    parser.add_argument("--latency", type=float, default=1.0, metavar="MS", help="a round trip to the server")
    parser.add_argument("--line", type=float, default=1000.0, metavar="MBIT/S", help="the client's, each way")
    parser.add_argument("--worker-line", type=float, default=1000.0, metavar="MBIT/S")
    parser.add_argument("--client", type=float, default=6.0, metavar="MS", help="the client's work on an action")
    parser.add_argument("--jobs", type=int, default=0, help="actions on their way at once (default: two a worker)")
    parser.add_argument("--leave", action="store_true", help="leave outputs at the server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--html", type=Path)
    return parser.parse_args()


def load(store: Store, target: str) -> list[Task]:
    """Return the actions of the newest build of a target; raise StoreError where the store does not know one."""
    build = store.traces.latest_build(target)
    if build is None:
        raise StoreError("no build of it is on record", facts=[("target", target)], hint=f"doit build {target}")
    executed = [_executed(store, step) for step in build.steps]
    steps = _wanted(build, [trace for trace in executed if target in trace.outputs or target == trace.label])
    places: dict[str, int] = {}
    tasks: list[Task] = []
    there: set[object] = set()  # what the server has: what was sent or made by now
    for step, trace in zip(build.steps, executed, strict=True):
        if step.label not in steps:
            continue
        inputs = {file.digest for file in read_description(step.action, store.cas.get_bytes).inputs.values()}
        places[step.label] = len(tasks)
        tasks.append(
            Task(
                kind=trace.kind,
                duration=trace.duration / 1e9,
                sent=sum(digest.size for digest in inputs - there),
                fetched=sum(digest.size for digest in inputs),
                made=sum(digest.size for digest in trace.outputs.values()),
                needs=tuple(sorted(places[need] for need in step.needs if need in places)),
            )
        )
        there |= inputs | set(trace.outputs.values())
    return tasks


def _executed(store: Store, step: Step) -> Trace:
    """How a step's action ran: the quickest time, since others tell what else the machine did; or as it was before."""
    ran = [trace for trace in store.traces.of_action(step.action) if trace.exit_code == 0]
    trace = min(ran, key=lambda each: each.duration) if ran else store.traces.latest(step.label)
    if trace is None:
        raise StoreError("an action of the build was never executed here", facts=[("action", step.label)])
    return trace


def _wanted(build: Build, makers: Sequence[Trace]) -> set[str]:
    """The steps that a target is made by, and all that they need; each step stands after what it needs."""
    wanted = {trace.label for trace in makers}
    for step in reversed(build.steps):
        if step.label in wanted:
            wanted.update(step.needs)
    return wanted


def grow(base: Sequence[Task], actions: int, seed: int) -> list[Task]:
    """Return so many actions: whole copies of a build, and a last one in part."""
    dice = random.Random(seed)
    durations: dict[str, list[float]] = {}
    for task in base:
        durations.setdefault(task.kind, []).append(task.duration)
    graph: list[Task] = []
    while len(graph) < actions:
        start = len(graph)
        for task in base[: actions - start]:
            needs = tuple(start + need for need in task.needs)
            graph.append(replace(task, duration=dice.choice(durations[task.kind]), needs=needs))
    return graph


def table(graph: Sequence[Task], settings: Sequence[Setting], outcomes: Sequence[Outcome]) -> str:
    """Return the table: a row for each number of workers, and a bar for how often quicker than the first."""
    work = sum(task.duration for task in graph)
    lines = [f"{len(graph):,} actions, {work:,.0f} s of execution, {_megabytes(graph)}", ""]
    head = ("workers", "time", "speedup", *(f"{part} busy" for part in PARTS), "limit")
    rows = [head]
    for setting, outcome in zip(settings, outcomes, strict=True):
        busy = [f"{outcome.busy(part):.0%}" for part in PARTS]
        speedup = outcomes[0].seconds / outcome.seconds
        rows.append((f"{setting.workers:,}", f"{outcome.seconds:,.0f} s", f"{speedup:,.1f}x", *busy, outcome.limit))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(lines) + "\n"


def page(graph: Sequence[Task], settings: Sequence[Setting], outcomes: Sequence[Outcome]) -> str:
    """Return a page with the speedups as bars and the table."""
    from bfbuild.commands.bench_page import STYLE  # noqa: PLC0415  (for who wants a page)
    from bfbuild.commands.plot import bars  # noqa: PLC0415

    rows = []
    for setting, outcome in zip(settings, outcomes, strict=True):
        speedup = outcomes[0].seconds / outcome.seconds
        told = f"{speedup:,.1f}x, {outcome.limit}, client {outcome.busy('client'):.0%} busy"
        rows.append((f"{setting.workers:,} workers", speedup, told))
    picture = bars("Speedup by workers", rows, "times as quick as the first", WIDTH)
    title = f"{len(graph):,} actions on a cluster on paper"
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"<main><h1>{title}</h1><div class=box>{picture}</div>"
        f"<div class=box><pre>{table(graph, settings, outcomes)}</pre></div></main></html>\n"
    )


def _megabytes(graph: Sequence[Task]) -> str:
    sent, made = (sum(sizes) / 1e6 for sizes in zip(*((task.sent, task.made) for task in graph), strict=True))
    return f"{sent:,.0f} MB of sources, {made:,.0f} MB made"


if __name__ == "__main__":
    sys.exit(main())
