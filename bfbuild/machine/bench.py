"""The bench: what a guest measured of itself, as tables, as JSON, and as differences between two of them.

The numbers come from the records `ready`, `test`, `function` and `overhead` of one boot, and from the sizes of the
files that were booted. Cycles are those of the processor's time-stamp counter; in a deterministic boot one instruction
is one cycle. Equal boots give equal JSON, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from bfbuild.errors import MachineError

if TYPE_CHECKING:
    from bfbuild.machine.transcript import Transcript

SHOWN_FAULTS = 5  # of a file that is no benchmark
SPEAK = "a bench reads lines `@bf ready init_cycles=N` and more of the serial port: docs/your-own-kernel.md lists them"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Size(_Row):
    """A part of what was booted, in bytes."""

    name: str
    bytes: int


class Test(_Row):
    """One test of the app: cycles of all its calls together, and the last call's result."""

    name: str
    calls: int
    cycles: int
    result: int


class Function(_Row):
    """One function's profile, in cycles a call, `total` of all calls."""

    name: str
    calls: int
    total: int
    min: int
    max: int
    avg: int


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Rows = TypeVar("Rows", bound=Sequence[_Named])


def _unique(rows: Rows) -> Rows:
    names = [row.name for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)}")
    return rows


class Bench(_Row):
    """All numbers of one boot; rows stand in the order of the guest and of whoever gave the sizes."""

    version: Literal[1] = 1  # of the JSON; another one is refused
    sizes: Annotated[tuple[Size, ...], AfterValidator(_unique)]
    init_cycles: int  # kernel entry to the app's first line
    overhead_cycles: int  # a profiled call minus a plain one
    tests: Annotated[tuple[Test, ...], AfterValidator(_unique)]
    functions: Annotated[tuple[Function, ...], AfterValidator(_unique)]

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, two spaces, one LF at the end."""
        return json.dumps(self.model_dump(), sort_keys=True, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, origin: str) -> Self:
        """Read what `to_json` wrote; raise MachineError, which names `origin`, for anything else."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise MachineError(
                "this file is no benchmark",
                facts=[("file", origin), *_faults(error)],
                hint="`doit bench --json FILE` writes one",
            ) from error


def _faults(error: ValidationError) -> Iterator[tuple[str, str]]:
    for fault in error.errors()[:SHOWN_FAULTS]:
        yield ".".join(str(step) for step in fault["loc"]) or "why", fault["msg"]


def measure(transcript: Transcript, sizes: Mapping[str, int]) -> Bench:
    """Return the numbers of a boot; raise MachineError where the guest did not say them all, or contradicts itself."""
    if not transcript.records:
        raise MachineError("the guest measures nothing of itself", hint=SPEAK)
    try:
        return Bench(
            sizes=tuple(Size(name=name, bytes=count) for name, count in sizes.items()),
            init_cycles=transcript.one("ready").number("init_cycles"),
            overhead_cycles=transcript.one("overhead").number("cycles"),
            tests=tuple(
                Test(name=record.text("name"), **{key: record.number(key) for key in ("calls", "cycles", "result")})
                for record in transcript.all("test")
            ),
            functions=tuple(
                Function(
                    name=record.text("name"),
                    **{key: record.number(key) for key in ("calls", "total", "min", "max", "avg")},
                )
                for record in transcript.all("function")
            ),
        )
    except ValidationError as error:
        raise MachineError("the guest contradicts itself", facts=list(_faults(error))) from error


def render(bench: Bench) -> str:
    """Return the tables for a person."""
    functions = [(row.name, row.calls, row.total, row.min, row.max, row.avg) for row in bench.functions]
    tests = [(row.name, row.calls, row.cycles, row.result) for row in bench.tests]
    cycles = [("kernel entry to the app", bench.init_cycles), ("overhead of a profiled call", bench.overhead_cycles)]
    tables = [
        _table(("size", "bytes"), [(row.name, row.bytes) for row in bench.sizes]),
        _table(("time", "cycles"), cycles),
        _table(("test", "calls", "cycles", "result"), tests),
        _table(("function", "calls", "total", "min", "max", "avg"), functions),
    ]
    return "\n".join(tables)


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
    """Return every number of both, in the order of the new bench; what only the old one has comes last."""
    before, after = _numbers(old), _numbers(new)
    return tuple(Change(what, before.get(what), after.get(what)) for what in {**after, **before})


def render_changes(changes: Sequence[Change]) -> str:
    """Return the numbers that differ, for a person, and how many do not."""
    rows = [_changed(change) for change in changes if change.old != change.new]
    equal = f"{len(changes) - len(rows):,} of {len(changes):,} numbers are equal\n"
    return _table(("what", "old", "new", "change", "%"), rows) + f"\n{equal}" if rows else equal


def _changed(change: Change) -> tuple[str | int, ...]:
    if change.old is None:
        return (change.what, "", change.new or 0, "new", "")
    if change.new is None:
        return (change.what, change.old, "", "gone", "")
    percent = "" if change.percent is None else f"{change.percent:+.1f}"
    return (change.what, change.old, change.new, f"{change.new - change.old:+,}", percent)


def _numbers(bench: Bench) -> dict[str, int]:
    numbers = {f"size of {row.name}": row.bytes for row in bench.sizes}
    numbers |= {"cycles to the app": bench.init_cycles, "cycles of call overhead": bench.overhead_cycles}
    for kind, rows in (("test", bench.tests), ("function", bench.functions)):
        for row in rows:
            numbers |= {f"{kind} {row.name}: {key}": value for key, value in row if isinstance(value, int)}
    return numbers


def _table(head: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    """Return aligned lines: the first column to the left, the others to the right, thousands apart."""
    cells = [list(head), *([cell if isinstance(cell, str) else f"{cell:,}" for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = [
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in cells
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "".join(f"{line.rstrip()}\n" for line in lines)
