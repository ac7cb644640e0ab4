"""The bench as tables: what guests measured (figures.py) for a person, and as differences between two benches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bfbuild.errors import MachineError

if TYPE_CHECKING:
    from bfbuild.machine.figures import Bench, Benched, Boot

COMPARED = ("aot", "first", "warm")

Cell = str | int | None


def render(bench: Bench) -> str:
    """Return the tables for a person."""
    return "\n".join(_run(run) for run in bench.runs)


def _run(run: Benched) -> str:
    sizes = ("size", "bytes"), [(row.name, row.bytes) for row in run.sizes]
    tables = [sizes, *(three(run) if "aot" in run.by_kind else one(run.boots[0]))]
    rest = f"\n{sentence(speedups(run))}\n" if "aot" in run.by_kind else ""
    rest += "".join(f"{line}\n" for line in ("", *run.notes)) if run.notes else ""
    return f"{run.name}\n{'=' * len(run.name)}\n\n" + "\n".join(_table(*each) for each in tables) + rest


Table = tuple[Sequence[str], Sequence[Sequence[Cell]]]


def one(boot: Boot) -> list[Table]:
    """The tables of a run that was booted once."""
    cycles = [("kernel entry to the app", boot.init_cycles), ("overhead of a profiled call", boot.overhead_cycles)]
    return [
        (("time", "cycles"), cycles),
        (
            ("test", "calls", "cycles", "result"),
            [(row.name, row.calls, row.cycles, row.result) for row in boot.tests],
        ),
        (
            ("function", "calls", "total", "min", "max", "avg"),
            [(row.name, row.calls, row.total, row.min, row.max, row.avg) for row in boot.functions],
        ),
    ]


def three(run: Benched) -> list[Table]:
    """The tables of a run whose guest optimizes itself: its boots side by side."""
    boots = [run.by_kind[kind] for kind in COMPARED]
    totals = [milestones(boot) for boot in boots]
    whole = [each["whole program"] for each in totals]
    rows: list[Sequence[Cell]] = [(what, *(each[what] for each in totals)) for what in totals[0]]
    shares = [f"{count / whole[0]:.2f}x" if count and whole[0] else None for count in whole]
    rows.append(("whole program, by AOT's", *shares))
    tests, speeds = _tests(run)
    amounts = [[f"{row.name}, {row.unit}", *_amounts(row.name, boots)] for row in boots[0].amounts]
    tables: list[Table] = [
        (("function, cycles a call", *COMPARED, "faster", "first boot", "warm boot", "compiled in"), _functions(run)),
        (("test, cycles a call", *COMPARED, "faster"), tests),
        (("test, time and rate", *COMPARED), speeds),
        (("amount", *COMPARED), amounts),
        (("boot, cycles", *COMPARED), rows),
    ]
    return [table for table in tables if table[1]]


def _amounts(name: str, boots: Sequence[Boot]) -> list[Cell]:
    return [next((row.value for row in boot.amounts if row.name == name), None) for boot in boots]


def _tests(run: Benched) -> tuple[list[Sequence[Cell]], list[Sequence[Cell]]]:
    """Tests that are of no optimized function: cycles a call; and as time, or as calls a second where it had many."""
    boots = [run.by_kind[kind] for kind in COMPARED]
    functions = {row.name for row in boots[-1].optimized}
    tests, speeds = list[Sequence[Cell]](), list[Sequence[Cell]]()
    for test in boots[0].tests:
        cycles = [boot.call_cycles(test.name) for boot in boots]
        if test.name.rpartition(":")[2] in functions or not all(cycles):
            continue
        tests.append((test.name, *cycles, f"{(cycles[0] or 0) / (cycles[-1] or 1):.2f}x"))
        ms = [(each or 0) / run.cycles_per_ms for each in cycles]
        what = f"{test.name}, ms" if test.calls == 1 else f"{test.name}, calls a second"
        speeds.append((what, *(f"{each if test.calls == 1 else 1000 / each:,.2f}" for each in ms)))
    return tests, speeds


def _functions(run: Benched) -> list[Sequence[Cell]]:
    boots = [run.by_kind[kind] for kind in COMPARED]
    states = [{row.name: f"{row.state}, {row.origin}" for row in boot.optimized} for boot in boots[1:]]
    compiled = run.by_kind["first"].compile_cycles()
    return [
        (
            name,
            *(boot.call_cycles(name) for boot in boots),
            f"{times:.2f}x",
            *(state.get(name, "") for state in states),
            compiled.get(name),
        )
        for name, times in speedups(run).items()
    ]


def milestones(boot: Boot) -> dict[str, int | None]:
    """What a boot took until where, in cycles, and read of the disk; None where the guest did not say."""
    compiled = boot.compile_cycles()
    read = sum(last.sectors - first.sectors for first, last in boot.spans("load", "loaded", "compiler"))
    return {
        "kernel entry to the app": boot.init_cycles,
        "start of the JIT": boot.cycles("start", "started", "jit"),
        "compiler read and started": boot.cycles("load", "loaded", "compiler"),
        "compiling": sum(compiled.values()) if compiled else None,
        "until all are swapped": boot.swapped_cycles(),
        "whole program": boot.cycles("entry", "done", "program"),
        "counting adds to a call": boot.overhead_cycles,
        "sectors read": boot.events[-1].sectors if boot.events else None,
        "sectors read of the compiler": read if boot.events else None,
    }


def speedups(run: Benched) -> dict[str, float]:
    """How many times as fast as AOT each function is in the warm boot; raise MachineError where nothing says it."""
    aot, warm = run.by_kind["aot"], run.by_kind["warm"]
    found = {}
    for row in warm.optimized:
        before, after = aot.call_cycles(row.name), warm.call_cycles(row.name)
        if before and after:
            found[row.name] = before / after
    if not found:
        names = [row.name for row in warm.optimized]
        raise MachineError(
            "the guest optimizes functions, but measures none of them",
            facts=[("run", run.name), ("functions", ", ".join(names))],
            hint=f"in every boot it must say `@bf test name=now:{names[0]} calls=N cycles=N result=N`",
        )
    return found


def sentence(times: dict[str, float]) -> str:
    """What all speed-ups come to."""
    mean = math.exp(sum(math.log(each) for each in times.values()) / len(times))
    least, most = min(times, key=times.__getitem__), max(times, key=times.__getitem__)
    return (
        f"warm against AOT: geometric mean {mean:.2f}x, least {times[least]:.2f}x ({least}), "
        f"most {times[most]:.2f}x ({most})"
    )


@dataclass(frozen=True)
class Change:
    """One number in two benches; None where a bench lacks it."""

    what: str
    old: int | None
    new: int | None

    @property
    def delta(self) -> int | None:
        """New minus old, where there are both."""
        return None if self.old is None or self.new is None else self.new - self.old

    @property
    def percent(self) -> float | None:
        """The change in per cent of the old number, where that says anything."""
        return None if self.delta is None or not self.old else 100 * self.delta / abs(self.old)


def compare(old: Bench, new: Bench) -> tuple[Change, ...]:
    """Return every number of the new bench's runs in both, in its order; what only the old one has comes last."""
    names = {run.name for run in new.runs}
    before = dict(pair for run in old.runs if run.name in names for pair in _numbers(run))
    after = dict(pair for run in new.runs for pair in _numbers(run))
    return tuple(Change(what, before.get(what), after.get(what)) for what in {**after, **before})


def render_changes(changes: Sequence[Change]) -> str:
    """Return the numbers that differ, for a person, and how many do not."""
    rows = [_changed(change) for change in changes if change.old != change.new]
    equal = f"{len(changes) - len(rows):,} of {len(changes):,} numbers are equal\n"
    return _table(("what", "old", "new", "change", "%"), rows) + f"\n{equal}" if rows else equal


def _changed(change: Change) -> Sequence[Cell]:
    if change.old is None:
        return (change.what, "", change.new or 0, "new", "")
    if change.new is None:
        return (change.what, change.old, "", "gone", "")
    percent = "" if change.percent is None else f"{change.percent:+.1f}"
    return (change.what, change.old, change.new, f"{change.new - change.old:+,}", percent)


def _numbers(run: Benched) -> Iterator[tuple[str, int]]:
    yield from ((f"{run.name}: size of {row.name}", row.bytes) for row in run.sizes)
    for boot in run.boots:
        label = run.name if boot.kind == "only" else f"{run.name}, {boot.kind}"
        yield f"{label}: cycles to the app", boot.init_cycles
        yield f"{label}: cycles of call overhead", boot.overhead_cycles
        kinds = (
            ("test", boot.tests),
            ("function", boot.functions),
            ("amount", boot.amounts),
            ("optimized", boot.optimized),
        )
        for kind, rows in kinds:
            for row in rows:
                yield from (
                    (f"{label}: {kind} {row.name}: {key}", value) for key, value in row if isinstance(value, int)
                )
        if boot.events:
            yield from (
                (f"{label}: {what}", value)
                for what, value in list(milestones(boot).items())[1:]
                if value is not None and what != "counting adds to a call"
            )
            yield from ((f"{label}: compiling {name}", took) for name, took in boot.compile_cycles().items())


def _table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return aligned lines: the first column to the left, the others to the right, thousands apart."""
    cells = [list(head), *([cell_text(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = [
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in cells
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def cell_text(cell: Cell) -> str:
    """A cell of a table: numbers with thousands apart, nothing where nothing is known."""
    return "" if cell is None else cell if isinstance(cell, str) else f"{cell:,}"
