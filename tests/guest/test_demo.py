"""The demo: right on every machine it may meet, and the same, to the cycle, whenever instructions are counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.machine.verdict import Stop, Verdict

if TYPE_CHECKING:
    from bfbuild.machine.transcript import Transcript
    from tests.conftest import Boot, Built

# By mathematics: calls made, and what the last of them returned.
TESTS = [
    ("inline_calls", 10_000, 10_000),
    ("fibonacci", 10, 55),
    ("sum_to_n", 100, 500_500),
    ("count_primes", 5, 25),
]
INIT_CYCLES = 1_000_000  # from the kernel's entry to the app, at most; the original took 3,146,383

RAW_SIZE = 28_794  # bytes of the original's kernel, which had neither disk nor files nor monitor nor names for a panic

# MiB of memory, and QEMU's words.
MACHINES: dict[str, tuple[int, tuple[str, ...]]] = {
    "little memory": (16, ()),
    "as much memory as lies below the devices": (3500, ()),
    "another chipset, without the disk controller that we know": (128, ("-machine", "q35")),
    "an old processor, without SSE": (128, ("-cpu", "pentium2")),
}


def results(transcript: Transcript) -> list[tuple[str, int, int]]:
    """What the demo's tests computed."""
    return [(record.text("name"), record.number("calls"), record.number("result")) for record in transcript.all("test")]


@pytest.mark.parametrize("deterministic", [False, True], ids=["time passes", "instructions are counted"])
def test_the_demo_computes_and_profiles(deterministic: bool, demo: Path, start: Boot) -> None:
    """Results are right, and each function's profile has all its calls, with figures that fit each other."""
    run = start(demo, deterministic=deterministic).require_ok()
    assert run.transcript.problems == ()
    assert results(run.transcript) == TESTS
    profiles = {record.text("name"): record for record in run.transcript.all("function")}
    assert {name: record.number("calls") for name, record in profiles.items()} == {
        name: calls for name, calls, _ in TESTS[1:]
    }
    for record in profiles.values():
        calls, total = record.number("calls"), record.number("total")
        assert record.number("avg") == total // calls
        assert 0 < record.number("min") <= record.number("avg") <= record.number("max")
        assert total <= next(
            test.number("cycles") for test in run.transcript.all("test") if test.text("name") == record.text("name")
        )


def test_two_counted_boots_are_equal(demo: Path, start: Boot) -> None:
    """With counted instructions every figure of two boots is equal, and the way to the app is short."""
    first, second = (start(demo, mode="bench", deterministic=True).require_ok().transcript for _ in range(2))
    assert first.text == second.text
    assert first.one("ready").number("init_cycles") <= INIT_CYCLES


@pytest.mark.parametrize("machine", MACHINES)
def test_the_demo_runs_on_other_machines(machine: str, demo: Path, start: Boot) -> None:
    """The results do not depend on the machine, and nearly all of its memory becomes the heap."""
    mib, extra = MACHINES[machine]
    transcript = start(demo, memory_mib=mib, extra=extra).require_ok().transcript
    assert results(transcript) == TESTS
    memory = transcript.one("memory")
    assert (mib - 1) << 20 < memory.number("total") < mib << 20
    assert (mib - 2) << 20 < memory.number("heap") < memory.number("total")


def test_a_guest_that_nobody_waits_for_stays(demo: Path, start: Boot) -> None:
    """Without a mode the demo ends in its monitor: we end the boot, and judge it by what the guest said."""
    run = start(demo, mode=None)
    assert (run.verdict, run.status, run.stop) == (Verdict.OK, None, Stop.QUIET)
    assert "This is the monitor; type help." in run.transcript.text


@pytest.mark.parametrize("kernel", ["rooms/original.raw", "bareflow/kernel.raw"])
def test_the_kernel_is_no_larger_than_the_original(kernel: str, built: Built) -> None:
    """With the original's features and every function kept; and with all that came since, as far as it is called."""
    assert built(kernel)[kernel].stat().st_size <= RAW_SIZE
