"""The figures of a bench: what guests measured of themselves, taken from their records; as JSON, and back.

A run is booted once, or, where its guest optimizes itself, three times: "aot" without that, "first" with nothing known,
"warm" on the disk that the first boot left. Cycles are those of the processor's time-stamp counter; in a deterministic
boot one instruction is one cycle. Equal boots give equal JSON, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from bfbuild.errors import MachineError

if TYPE_CHECKING:
    from bfbuild.machine.transcript import Record, Transcript

SHOWN_FAULTS = 5  # of a file that is no benchmark
SPEAK = "a bench reads lines `@bf ready init_cycles=N` and more of the serial port: docs/your-own-kernel.md lists them"
DECIDED = ("optimized", "rejected", "failed")  # events: what became of the first code for a function

Kind = Literal["only", "aot", "first", "warm"]
Clock = Literal["instructions", "processor"]  # what cycles are; those of a processor differ a little each time


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


class Amount(_Row):
    """Something that the app counts of itself, such as memory, in its own unit."""

    name: str
    value: int
    unit: str


class Optimized(_Row):
    """What became of an optimizable function; `origin` is "disk" where that was known at the boot, else "here"."""

    name: str
    state: str
    origin: str
    calls: int
    before: int
    after: int
    per_mille: int


class Event(_Row):
    """Something that happened `at` cycles after the boot's first event, when `sectors` had been read of the disk."""

    at: int
    sectors: int
    what: str
    name: str


class Sample(_Row):
    """The last `count` calls of a function, of `n` until then: cycles of all of them together."""

    at: int
    name: str
    n: int
    count: int
    cycles: int


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


class Boot(_Row):
    """All that one boot said; rows stand in the order of the guest."""

    kind: Kind
    init_cycles: int  # kernel entry to the app's first line
    overhead_cycles: int  # a profiled call minus a plain one
    tests: Annotated[tuple[Test, ...], AfterValidator(_unique)]
    functions: Annotated[tuple[Function, ...], AfterValidator(_unique)]
    amounts: Annotated[tuple[Amount, ...], AfterValidator(_unique)] = ()
    optimized: Annotated[tuple[Optimized, ...], AfterValidator(_unique)] = ()
    events: tuple[Event, ...] = ()
    samples: tuple[Sample, ...] = ()

    @classmethod
    def of(cls, transcript: Transcript, kind: Kind) -> Self:
        """Take a boot's figures; raise MachineError where the guest did not say them all, or contradicts itself."""
        if not transcript.records:
            raise MachineError("the guest measures nothing of itself", hint=SPEAK)
        try:
            return cls(
                kind=kind,
                init_cycles=transcript.one("ready").number("init_cycles"),
                overhead_cycles=transcript.one("overhead").number("cycles"),
                tests=tuple(_rows(Test, transcript.all("test"))),
                functions=tuple(_rows(Function, transcript.all("function"))),
                amounts=tuple(_rows(Amount, transcript.all("amount"))),
                optimized=tuple(_rows(Optimized, transcript.all("optimized"), origin="from")),
                events=tuple(_rows(Event, transcript.all("event"))),
                samples=tuple(_rows(Sample, transcript.all("calls"))),
            )
        except ValidationError as error:
            raise MachineError("the guest contradicts itself", facts=list(_faults(error))) from error

    def spans(self, begin: str, end: str, name: str) -> tuple[tuple[Event, Event], ...]:
        """Every stretch from an event `begin` to the next `end`, of this name."""
        found, open_ = [], None
        for event in self.events:
            if event.name != name:
                continue
            if event.what == begin:
                open_ = event
            elif event.what == end and open_ is not None:
                found.append((open_, event))
                open_ = None
        return tuple(found)

    def cycles(self, begin: str, end: str, name: str) -> int | None:
        """The cycles of all these stretches together; None where there is none."""
        spans = self.spans(begin, end, name)
        return sum(last.at - first.at for first, last in spans) if spans else None

    def compile_cycles(self) -> dict[str, int]:
        """What compiling each function took."""
        names = dict.fromkeys(event.name for event in self.events if event.what == "compile")
        return {name: took for name in names if (took := self.cycles("compile", "compiled", name)) is not None}

    def swapped_cycles(self) -> int | None:
        """How long after the JIT began to start it was decided of the last function what new code is worth."""
        started = [event.at for event in self.events if (event.what, event.name) == ("start", "jit")]
        decided = [event.at for event in self.events if event.what in DECIDED]
        return max(decided) - started[0] if started and decided else None

    def call_cycles(self, function: str) -> int | None:
        """What a call of a function costs in the end: the test of it that says "now", or the one of its name."""
        tests = {test.name: test for test in self.tests if test.calls > 0}
        test = tests.get(f"now:{function}", tests.get(function))
        return None if test is None else test.cycles // test.calls


class Benched(_Row):
    """A run's figures: what was booted, and its boots."""

    name: str
    sizes: Annotated[tuple[Size, ...], AfterValidator(_unique)]
    boots: tuple[Boot, ...]
    cycles_per_ms: int = 1_000_000  # as boots with counted instructions have it
    notes: tuple[str, ...] = ()  # sentences: what else belongs to the figures

    @property
    def by_kind(self) -> dict[str, Boot]:
        """The boots."""
        return {boot.kind: boot for boot in self.boots}


class Bench(_Row):
    """All figures of a bench; runs stand in the order of the recipes."""

    version: Literal[3] = 3  # of the JSON; another one is refused
    clock: Clock = "instructions"
    runs: Annotated[tuple[Benched, ...], AfterValidator(_unique)]

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, two spaces, one LF at the end."""
        return json.dumps(self.model_dump(), sort_keys=True, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, origin: str) -> Self:
        """Read what `to_json` wrote; raise MachineError, which names `origin`, for anything else."""
        _check_version(text, origin)
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise MachineError(
                "this file is no benchmark",
                facts=[("file", origin), *_faults(error)],
                hint="`doit bench --json FILE` writes one",
            ) from error


def _check_version(text: str, origin: str) -> None:
    """Refuse a benchmark that another bfbuild wrote, in words that say so."""
    try:
        version = json.loads(text)["version"]
    except (ValueError, TypeError, KeyError):
        return  # it is no benchmark at all
    if isinstance(version, int) and version != Bench.model_fields["version"].default:
        raise MachineError(
            "this benchmark has another format",
            facts=[("file", origin), ("version", version), ("read here", Bench.model_fields["version"].default)],
            hint="write it anew, by the bfbuild that reads it: `doit bench --json FILE`",
        )


Model = TypeVar("Model", bound=_Row)


def _rows(model: type[Model], records: Sequence[Record], **named: str) -> Iterator[Model]:
    """A row for each record, whose fields have the row's names, or those that are `named`."""
    for record in records:
        yield model(
            **{
                key: record.number(named.get(key, key)) if field.annotation is int else record.text(named.get(key, key))
                for key, field in model.model_fields.items()
            }
        )


def _faults(error: ValidationError) -> Iterator[tuple[str, str]]:
    for fault in error.errors()[:SHOWN_FAULTS]:
        yield ".".join(str(step) for step in fault["loc"]) or "why", fault["msg"]


def sizes_of(sizes: Mapping[str, int]) -> tuple[Size, ...]:
    """The rows of these sizes."""
    return tuple(Size(name=name, bytes=count) for name, count in sizes.items())
