"""The bench on the real processor: many runs of a twin become one set of figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from bfbuild.errors import MachineError
from bfbuild.machine import native, twin
from bfbuild.machine.figures import Boot, Kind
from bfbuild.machine.spec import BootSpec
from bfbuild.machine.transcript import parse


def boot(kind: Kind, init: int, cycles: int, whole: int, compiling: int = 0) -> Boot:
    """A boot that measured this."""
    said = (
        f"@bf ready init_cycles={init}\n@bf overhead cycles={init // 10}\n"
        f"@bf test name=now:dot cycles={cycles} calls=10 result=7\n@bf event at=0 sectors=0 what=entry name=program\n"
    )
    if compiling:
        said += "@bf event at=10 sectors=1 what=compile name=dot\n"
        said += f"@bf event at={10 + compiling} sectors=1 what=compiled name=dot\n"
    said += f"@bf event at={whole} sectors=9 what=done name=program\n"
    return Boot.of(parse(said.encode()), kind)


def test_the_least_of_all_rounds_counts() -> None:
    """Each number that a test or a start gave is the least that any round gave; the events are the fastest boot's."""
    rounds = [
        (boot("aot", 100, 900, 5000), boot("first", 300, 700, 9000, 4000)),
        (boot("aot", 200, 800, 4000), boot("first", 200, 750, 9900, 3000)),
    ]
    aot, first = native.settle(rounds)
    assert (aot.kind, aot.init_cycles, aot.overhead_cycles, aot.tests[0].cycles) == ("aot", 100, 10, 800)
    assert (first.kind, first.init_cycles, first.overhead_cycles, first.tests[0].cycles) == ("first", 200, 20, 700)
    assert (aot.events[-1].at, first.events[-1].at) == (4000, 9000)
    assert native.compilations(rounds) == (3000,)


def test_notes_tell_of_the_processor_and_of_compiling() -> None:
    """Cycles become milliseconds by the rate of the processor's own counter."""
    found = native.Native((), (4_000_000, 12_000_000), "Some Processor", "sse,sse2", 2_000_000)
    assert native.notes(found) == (
        "processor: Some Processor, 2,000,000 cycles a millisecond",
        "features: sse,sse2",
        f"the least of {native.ROUNDS} rounds; what happened when is that of the fastest",
        "compiling a function: 4.0 ms on average, 6.0 ms at most",
    )


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A program in the place of a twin, which says and does what a test writes to it."""
    path = tmp_path / "fake.twin"
    path.touch(mode=0o755)
    return path


def test_a_bench_measures_a_twin_that_runs_alike_each_time(script: Path, tmp_path: Path) -> None:
    """Every round runs on a copy of the image, and the counter's rate comes from the host's clock."""
    script.write_text(
        "#!/bin/sh\n[ $# = 0 ] && exit 2\n"
        "echo '@bf boot version=1 entry_tsc='$(date +%s%N)\necho '@bf cpu vendor=v features=sse'\n"
        "echo '@bf ready init_cycles=5'\necho '@bf overhead cycles=1'\n"
        "echo '@bf test name=t cycles=10 calls=1 result=1'\necho '@bf done status=0'\nexit 33\n"
    )
    image = tmp_path / "disk.img"
    image.write_bytes(b"disk")
    told: list[str] = []
    found = native.measure(BootSpec(image, mode="bench"), script, told.append)
    assert [(each.kind, each.init_cycles) for each in found.boots] == [("only", 5)]
    assert told == [f"round {number} of {native.ROUNDS}" for number in range(1, native.ROUNDS + 1)]
    assert 900_000 < found.cycles_per_ms < 1_100_000  # of this counter: nanoseconds
    assert found.features == "sse"


def test_a_twin_that_fails_is_an_error(script: Path, tmp_path: Path) -> None:
    """Its exit status is judged as QEMU's is, and the error names the twin."""
    script.write_text("#!/bin/sh\n[ $# = 0 ] && exit 2\necho '@bf done status=1'\nexit 35\n")
    image = tmp_path / "disk.img"
    image.write_bytes(b"disk")
    with pytest.raises(MachineError, match="the app reported a failure") as caught:
        twin.run(BootSpec(image), script).require_ok()
    assert ("ended", "the twin's exit status 35") in caught.value.facts
