"""The bench on the real processor: a twin runs several times, and the least that it measured counts.

Other programs, interrupts and a slower clock only ever make a measurement longer, so the least of many is what the code
itself takes, on a busy machine too. What happened when is told of the fastest boot of each kind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.machine import twin
from bfbuild.machine.boots import AOT, boots

if TYPE_CHECKING:
    from bfbuild.machine.figures import Boot, Test
    from bfbuild.machine.spec import BootSpec

ROUNDS = 9
CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Native:
    """The figures, and the processor that they are of."""

    boots: tuple[Boot, ...]
    compilations: tuple[int, ...]  # the cycles of each, the least of all rounds
    processor: str
    features: str
    cycles_per_ms: int


def measure(spec: BootSpec, program: Path, tell: Callable[[str], None]) -> Native:
    """Run a twin as a bench boots its image; `tell` is told of each round. Raises MachineError as a boot does."""
    clock = Clock(replace(spec, mode="run", args=AOT), program)
    first = clock.read()
    rounds = []
    for number in range(1, ROUNDS + 1):
        tell(f"round {number} of {ROUNDS}")
        rounds.append(boots(spec, lambda wanted, _which: twin.run(wanted, program).require_ok().transcript))
    last = clock.read()
    return Native(
        boots=settle(rounds),
        compilations=compilations(rounds),
        processor=_processor(),
        features=clock.features,
        cycles_per_ms=round((last[1] - first[1]) / (last[0] - first[0]) / 1000),
    )


@dataclass
class Clock:
    """How the processor's time-stamp counter goes: a run says it where it begins, and we know when we heard that."""

    spec: BootSpec
    program: Path
    features: str = field(default="", init=False)

    def read(self) -> tuple[float, int]:
        """Run once; return our clock's seconds and the counter at about that moment."""
        heard: list[float] = []
        ended = twin.run(self.spec, self.program, lambda _line: heard.append(time.monotonic())).require_ok()
        said = ended.transcript
        self.features = said.one("cpu").text("features")
        return heard[0], said.one("boot").number("entry_tsc")


def settle(rounds: Sequence[tuple[Boot, ...]]) -> tuple[Boot, ...]:
    """Return the fastest boot of each kind, with the least of all rounds for tests and for what a start takes."""
    return tuple(_settled(min(found, key=_cycles), found) for found in zip(*rounds, strict=True))


def _cycles(boot: Boot) -> int:
    """What a run took, as far as it says so."""
    return boot.cycles("entry", "done", "program") or sum(test.cycles for test in boot.tests)


def _settled(boot: Boot, others: Sequence[Boot]) -> Boot:
    def cycles(test: Test) -> int:
        return min(each.cycles for other in others for each in other.tests if each.name == test.name)

    return boot.model_copy(
        update={
            "init_cycles": min(other.init_cycles for other in others),
            "overhead_cycles": min(other.overhead_cycles for other in others),
            "tests": tuple(test.model_copy(update={"cycles": cycles(test)}) for test in boot.tests),
        }
    )


def compilations(rounds: Sequence[tuple[Boot, ...]]) -> tuple[int, ...]:
    """What the compiler took for each request: of each function its first, its second and so on."""
    least: dict[tuple[str, int], int] = {}
    for boot in (boot for found in rounds for boot in found):
        for name in boot.compile_cycles():
            for number, (first, last) in enumerate(boot.spans("compile", "compiled", name)):
                took = last.at - first.at
                least[name, number] = min(took, least.get((name, number), took))
    return tuple(least.values())


def _processor() -> str:
    """What the kernel calls this processor."""
    for line in CPUINFO.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return "unknown"


def notes(found: Native) -> tuple[str, ...]:
    """Return what the tables do not say: whose cycles they are, and how long compiling takes."""
    lines = [
        f"processor: {found.processor}, {found.cycles_per_ms:,} cycles a millisecond",
        f"features: {found.features}",
        f"the least of {ROUNDS} rounds; what happened when is that of the fastest",
    ]
    took = [cycles / found.cycles_per_ms for cycles in found.compilations]
    if took:
        lines.append(f"compiling a function: {sum(took) / len(took):.1f} ms on average, {max(took):.1f} ms at most")
    return tuple(lines)
