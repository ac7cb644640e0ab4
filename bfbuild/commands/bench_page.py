"""The page of a bench: self-contained HTML that loads nothing and runs no script; pure.

Equal benches give equal pages, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from bfbuild.commands.plot import Mark, Series, Span, Step, bars, lines, time_line
from bfbuild.machine.bench import COMPARED, cell_text, milestones, one, sentence, speedups, three
from bfbuild.machine.figures import DECIDED

if TYPE_CHECKING:
    from bfbuild.machine.bench import Cell, Table
    from bfbuild.machine.figures import Bench, Benched, Boot, Event

WIDTH, HALF = 1120, 550  # pixels of a picture
SPOKEN = {"aot": "AOT", "first": "first boot", "warm": "warm boot"}
CLOCKS = {
    "instructions": "Booted with counted instructions: one instruction is one cycle, 1,000,000 are a millisecond, and a"
    " disk takes no time. Equal programs give equal figures.",
    "processor": "Run on the real processor, as programs of this machine: cycles are those of its time-stamp counter,"
    " and differ a little each time.",
}
MARKED = {  # events of a function, of which the first is marked
    "compiled": "compiled, tried",
    "optimized": "in place",
    "rejected": "rejected",
    "failed": "failed",
    "improved": "better by its profile",
}
PHASES = ("measure", "work")  # events that the next one of them, or the program's end, ends
STYLE = """
:root{color-scheme:light dark;--page:#f6f8fa;--box:#fff;--text:#1f2328;--soft:#59636e;--rule:#d1d9e0;
--aot:#6e7781;--first:#bc4c00;--warm:#0969da;--compile:#8250df;--work:#b6c2cf;--bar:#d4bdf7}
@media(prefers-color-scheme:dark){:root{--page:#0d1117;--box:#161b22;--text:#e6edf3;--soft:#9198a1;--rule:#30363d;
--aot:#9198a1;--first:#f0883e;--warm:#58a6ff;--compile:#bc8cff;--work:#3d4957;--bar:#6e40c9}}
body{font:14px/1.45 system-ui,sans-serif;margin:0;color:var(--text);background:var(--page)}
main{max-width:1160px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:24px;margin:0 0 2px}h2{font-size:20px;margin:40px 0 10px}h3{font-size:15px;margin:26px 0 6px}
p,.key{color:var(--soft);margin:0 0 10px}code,svg,td,th{font-family:ui-monospace,monospace;font-size:12.5px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:12px;margin:12px 0}
.card,.box{background:var(--box);border:1px solid var(--rule);border-radius:8px;padding:12px 14px}
.card b{display:block;font-size:22px}.card span{color:var(--soft)}
.box{overflow-x:auto;margin:0 0 12px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(480px,1fr));gap:12px}
.box h4{font-size:13px;margin:0 0 4px}details{color:var(--soft)}summary{cursor:pointer}
table{border-collapse:collapse}th{color:var(--soft);font-weight:600}
td,th{padding:3px 12px 3px 0;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}
td:first-child,th:first-child{text-align:left}
svg{max-width:100%;height:auto;display:block}svg text{font-size:11px;fill:var(--text)}
svg .tick{text-anchor:middle}svg .tick,svg .axis{fill:var(--soft)}
.grid{stroke:var(--rule)}.base{stroke:var(--soft)}.line{fill:none;stroke-width:1.8}
path.aot{stroke:var(--aot)}path.first{stroke:var(--first)}path.warm{stroke:var(--warm)}
.mark{stroke-dasharray:4 3}path.compile{stroke:var(--compile)}
rect{fill:var(--work)}rect.start,rect.warm{fill:var(--warm)}rect.compile{fill:var(--bar)}
rect.load{fill:var(--first)}rect.decided{fill:var(--text)}
.note{paint-order:stroke;stroke:var(--box);stroke-width:4px}
svg text.compile{fill:var(--compile)}svg text.first{fill:var(--first)}svg text.warm{fill:var(--warm)}
.key i{display:inline-block;width:18px;height:4px;margin:0 6px 3px 16px;border-radius:2px}
"""


def html(bench: Bench) -> str:
    """Return the page."""
    names = ", ".join(run.name for run in bench.runs)
    parts = [
        "<!doctype html>",
        f'<html lang="en"><meta charset="utf-8"><title>Bench: {escape(names)}</title><style>{STYLE}</style><main>',
        f"<h1>Bench: {escape(names)}</h1>",
        f"<p>{CLOCKS[bench.clock]}</p>",
    ]
    for run in bench.runs:
        parts += [f"<h2>{escape(run.name)}</h2>", *(_compared(run) if "aot" in run.by_kind else _once(run))]
    return "\n".join([*parts, "</main></html>\n"])


def _once(run: Benched) -> Iterator[str]:
    yield from (_table(each) for each in (*one(run.boots[0]), _sizes(run)))


def _compared(run: Benched) -> Iterator[str]:
    times = speedups(run)
    first, warm = run.by_kind["first"], run.by_kind["warm"]
    yield from _cards(run, times)
    yield from (f"<p>{escape(line)}</p>" for line in (sentence(times), *run.notes))
    rows = [(name, value, f"{value:.2f}x") for name, value in times.items()]
    yield "<h3>How many times as fast</h3><div class=box>"
    yield bars("How many times as fast each function is", rows, "warm boot against AOT, logarithmic", WIDTH)
    yield "</div>"
    functions, *totals = three(run)
    yield _table(functions)
    yield "<h3>The three boots</h3>"
    yield from map(_table, totals)
    if first.events:
        yield "<div class=box><h4>Time line, from the program's entry to its end</h4>"
        yield _key(
            ("measures and works", "work"),
            ("starts the JIT", "warm"),
            ("reads the compiler", "first"),
            ("compiles", "bar"),
        )
        yield time_line("What happened when", _lanes(), list(_spans(run)), "cycles since the entry", WIDTH)
        yield "</div>"
    close = list(_start(warm))
    if close:
        yield "<div class=box><h4>The warm boot's start, close up: each function as the disk gives it</h4>"
        yield time_line("The start of the warm boot", ["warm boot"], close, "cycles since jit_start()", WIDTH)
        yield "</div>"
    names = [name for name in times if all(_steps(boot, name) for boot in run.boots)]
    if names:
        yield "<h3>What a call costs, over calls</h3>"
        yield "<p>Where the first boot is highest, calls waited for the compiler or for the disk.</p>"
        yield _key(*((SPOKEN[kind], kind) for kind in COMPARED))
        yield "<div class=pair>"
        yield from (_calls(run, name) for name in names)
        yield "</div>"
    yield _table(_sizes(run))


def _cards(run: Benched, times: dict[str, float]) -> Iterator[str]:
    aot, warm = (milestones(run.by_kind[kind]) for kind in ("aot", "warm"))
    whole, of_aot = warm["whole program"], aot["whole program"]
    most = max(times, key=times.__getitem__)
    cards = [(f"{times[most]:.2f}x", f"as fast: {most}"), (f"{min(times.values()):.2f}x", "the least of all functions")]
    if whole is not None and of_aot:
        cards.append((f"{whole / of_aot:.2f}x", "cycles of the whole program, warm by AOT"))
    if warm["start of the JIT"] is not None:
        cards.append((f"{warm['start of the JIT'] / 1e6:.2f} M", "cycles that the warm boot's JIT takes to start"))
    if warm["sectors read of the compiler"] is not None:
        cards.append((f"{warm['sectors read of the compiler']:,}", "sectors of the compiler read, warm"))
    cards.append((f"{run.by_kind['warm'].overhead_cycles:,}", "cycles that counting adds to a call"))
    yield "<div class=cards>"
    yield from (f"<div class=card><b>{escape(value)}</b><span>{escape(what)}</span></div>" for value, what in cards)
    yield "</div>"


def _key(*words: tuple[str, str]) -> str:
    marks = "".join(f'<i style="background:var(--{style})"></i>{escape(name)}' for name, style in words)
    return f"<div class=key>{marks}</div>"


def _sizes(run: Benched) -> Table:
    return ("size", "bytes"), [(row.name, row.bytes) for row in run.sizes]


def _table(table: Table) -> str:
    head, rows = table
    return f"<div class=box>{_rows(head, rows)}</div>"


def _rows(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    lines_ = ["".join(f"<th>{escape(cell)}" for cell in head)]
    lines_ += ["".join(f"<td>{escape(cell_text(cell))}" for cell in row) for row in rows]
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines_)}</table>"


def _lanes() -> list[str]:
    return [*(SPOKEN[kind] for kind in COMPARED), "first: compiles"]


def _spans(run: Benched) -> Iterator[Span]:
    """Phases of each boot in a lane of its own, and in one below what the first boot compiles."""
    for lane, kind in enumerate(COMPARED):
        boot = run.by_kind[kind]
        ends = [event for event in boot.events if event.what in (*PHASES, "start", "done")]
        for event, after in pairwise(ends):
            if event.what in PHASES:
                yield Span(lane, event.at, after.at, f"{event.what} {event.name}", "phase")
        for begin, end in boot.spans("start", "started", "jit"):
            yield Span(lane, begin.at, end.at, "start of the JIT", "start")
    first, lane = run.by_kind["first"], len(COMPARED)
    for begin, end in first.spans("load", "loaded", "compiler"):
        yield Span(lane, begin.at, end.at, "compiler read and started", "load")
    for name in first.compile_cycles():
        for begin, end in first.spans("compile", "compiled", name):
            yield Span(lane, begin.at, end.at, name, "compile")
    for event in first.events:
        if event.what in (*DECIDED, "improved"):
            yield Span(lane, event.at, event.at, f"{event.name} {event.what}", "decided")


def _start(boot: Boot) -> Iterator[Span]:
    """What each function took of the start; the first one's time has that of the disk's tables."""
    for begin, end in boot.spans("start", "started", "jit"):
        last = begin.at
        for event in boot.events:
            if begin.at < event.at <= end.at and event.what in (*DECIDED, "tried"):
                yield Span(0, last - begin.at, event.at - begin.at, event.name, "phase")
                last = event.at


def _steps(boot: Boot, name: str) -> list[Step]:
    return [
        Step(each.n - each.count, each.n, each.cycles / each.count)
        for each in boot.samples
        if each.name == name and each.count > 0 and each.cycles > 0
    ]


def _calls(run: Benched, name: str) -> str:
    """How the cost of a function's calls goes on in the three boots, with what happened to it."""
    series = [Series(SPOKEN[kind], kind, _steps(run.by_kind[kind], name)) for kind in COMPARED]
    marks = [*_marks(run.by_kind["warm"], name, "warm"), *_marks(run.by_kind["first"], name, "first")]
    axes = ("calls of the function since the entry", "cycles a call, logarithmic")
    picture = lines(f"What a call of {name} costs in three boots", series, marks, axes, HALF)
    head = ("calls", *(SPOKEN[kind] for kind in COMPARED))
    rows = [
        (f"{int(steps[0].start) + 1}-{int(steps[0].end)}", *(round(step.value) for step in steps))
        for steps in zip(*(each.steps for each in series), strict=False)
    ]
    told = f"<details><summary>numbers, cycles a call</summary>{_rows(head, rows)}</details>"
    return f"<div class=box><h4>{escape(name)}</h4>{picture}{told}</div>"


def _marks(boot: Boot, name: str, style: str) -> Iterator[Mark]:
    """Where a function was compiled, and where its code was swapped; within a sample, its middle stands for all."""
    marked: dict[str, Event] = {}
    for event in boot.events:
        if event.name == name and event.what in MARKED:
            marked.setdefault(event.what, event)
    samples = [each for each in boot.samples if each.name == name]
    from_disk = any(row.name == name and row.origin == "disk" for row in boot.optimized)
    for what, event in marked.items():
        before = max((each.n for each in samples if each.at <= event.at), default=0)
        after = min((each.n for each in samples if each.at > event.at), default=before)
        at = before if from_disk else (before + after) / 2
        yield Mark(at, f"{SPOKEN[boot.kind]}: {MARKED[what]}", "compile" if what == "compiled" else style)
