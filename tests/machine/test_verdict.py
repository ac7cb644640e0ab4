"""How an ended boot is judged and told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bfbuild.errors import render
from bfbuild.machine.spec import BootSpec, Mode
from bfbuild.machine.transcript import parse
from bfbuild.machine.verdict import STATUSES, SUCCESS, Run, Stop, Verdict, error_of, judge

PANIC = (
    b"Dividing\n"
    b"@bf panic vector=0 name=divide-error eip=0x10234 error=0x0 cr2=0x0 symbol=divide+0x12\n"
    b"@bf frame eip=0x10300 symbol=app_main+0x4\n"
    b"@bf frame eip=0x10020 symbol=kernel_main+0x20\n"
)


def over(
    verdict: Verdict, said: bytes = b"", *, status: int | None = None, stop: Stop | None = None, complaints: str = ""
) -> Run:
    """Return a run that ended so."""
    return Run(
        spec=BootSpec(Path("demo.img"), memory_mib=64, timeout_s=60),
        verdict=verdict,
        transcript=parse(said),
        status=status,
        stop=stop,
        complaints=complaints,
        duration_s=1.25,
        ready_s=None,
    )


@pytest.mark.parametrize(
    ("status", "stop", "said", "log", "verdict"),
    [
        (33, None, b"", "", Verdict.OK),
        (35, None, b"@bf done status=0\n", "", Verdict.FAILED),  # the exit status is the guest's last word
        (37, None, b"", "", Verdict.PANIC),
        (39, None, b"", "", Verdict.BOOT_ERROR),
        (0, None, b"", "CPU Reset\nTriple fault\n", Verdict.TRIPLE_FAULT),
        (0, None, b"", "CPU Reset\n", Verdict.RESET),
        (1, None, b"", "", Verdict.QEMU_ERROR),
        (99, None, b"", "", Verdict.FAILED),  # a guest with numbers of its own
        (139, None, b"", "", Verdict.QEMU_ERROR),  # 128 and a signal
        (-11, None, PANIC, "", Verdict.QEMU_ERROR),
        (None, Stop.LATE, b"x", "", Verdict.HANG),
        (None, Stop.LATE, b"", "", Verdict.SILENT),
        (None, Stop.SILENCE, b"", "", Verdict.SILENT),
        (None, Stop.QUIET, PANIC, "", Verdict.PANIC),
        (None, Stop.LATE, PANIC, "", Verdict.PANIC),
        (None, Stop.QUIET, b"@bf booterror reason=disk\n", "", Verdict.BOOT_ERROR),
        (None, Stop.QUIET, b"@bf done status=0\n", "", Verdict.HANG),
        (None, Stop.FLOOD, b"x\nx\n", "", Verdict.FLOOD),
        (None, Stop.FLOOD, PANIC, "", Verdict.PANIC),  # a panic that panics
    ],
)
def test_a_supervised_boot_is_judged_by_its_end(
    status: int | None, stop: Stop | None, said: bytes, log: str, verdict: Verdict
) -> None:
    """A guest that was told to leave is judged by its exit status, else by its last words, else by its silence."""
    assert judge(BootSpec(Path()), parse(said), status, stop, log) is verdict


@pytest.mark.parametrize(
    ("mode", "said", "verdict"),
    [
        (None, b"@bf done status=0\n", Verdict.OK),
        (None, b"@bf done status=3\n", Verdict.FAILED),
        (None, b"@bf done\n", Verdict.FAILED),
        ("bench", b"@bf done status=0\n", Verdict.HANG),
    ],
)
def test_only_a_guest_without_a_mode_may_stay_when_it_is_done(mode: Mode | None, said: bytes, verdict: Verdict) -> None:
    """`done` is an end where nobody waits for the machine; where somebody does, staying is a hang."""
    assert judge(BootSpec(Path(), mode=mode), parse(said), None, Stop.QUIET, "") is verdict


def test_a_panic_is_told_with_its_place() -> None:
    """A person sees what happened, where, by which callers, and the last lines."""
    assert render(error_of(over(Verdict.PANIC, PANIC, status=37))) == (
        "error: the guest panicked: divide-error\n"
        "  image      demo.img\n"
        "  memory     64 MiB\n"
        "  where      divide+0x12 0x10234\n"
        "  called by  app_main+0x4\n"
        "             kernel_main+0x20\n"
        "  ended      QEMU's exit status 37\n"
        "  time       1.2 s of 60 s\n"
        "  hint       `doit debug` starts it under gdb\n"
        "\n"
        "the guest's last lines:\n" + PANIC.decode().rstrip()
    )


@pytest.mark.parametrize(
    ("run", "headline"),
    [
        (over(Verdict.FAILED), "the app reported a failure"),
        (over(Verdict.PANIC), "the guest panicked: it left no record"),
        (
            over(Verdict.BOOT_ERROR, b"@bf booterror reason=bad-checksum\n"),
            "the boot loader refused the image: bad-che",
        ),
        (over(Verdict.BOOT_ERROR), "the boot loader refused the image: no reason given"),
        (over(Verdict.TRIPLE_FAULT), "the processor gave up: a triple fault"),
        (over(Verdict.RESET), "the guest reset the machine, or switched it off"),
        (over(Verdict.HANG), "the guest hangs"),
        (over(Verdict.SILENT), "the guest prints nothing"),
        (over(Verdict.FLOOD), "the guest prints without end"),
        (over(Verdict.QEMU_ERROR), "QEMU failed"),
    ],
)
def test_every_bad_end_has_a_headline(run: Run, headline: str) -> None:
    """Each verdict but OK becomes an error that a person understands."""
    error = error_of(run)
    assert error.headline.startswith(headline)
    assert {"image", "memory", "ended"} <= dict(error.facts).keys()


def test_an_error_says_why_we_ended_the_boot_and_what_was_broken() -> None:
    """Our reason, QEMU's complaints and broken records are facts."""
    facts = dict(error_of(over(Verdict.HANG, b"@bf done stat", stop=Stop.LATE, complaints="warning: x")).facts)
    assert facts["ended"] == "by us: the time was over"
    assert facts["QEMU says"] == "warning: x"
    assert facts["broken"] == "line 1: a record is cut off: @bf done stat"


def test_a_stranger_is_told_how_to_leave() -> None:
    """A guest that knows nothing of us, and stays or leaves by another byte, gets the byte of a success as a hint."""
    leave = "a guest ends itself by a byte to port 0xf4, 0x10 for success"
    assert error_of(over(Verdict.FAILED, status=99)).hint == f"it wrote 0x31; {leave}"
    assert error_of(over(Verdict.HANG, b"hello\n")).hint == f"{leave}; `doit debug` starts it under gdb"
    assert error_of(over(Verdict.HANG, b"@bf ready init_cycles=1\n")).hint == "`doit debug` starts it under gdb"


def test_a_success_is_handed_on() -> None:
    """`require_ok` returns a good run, so that it can be chained."""
    run = over(Verdict.OK, status=33)
    assert run.require_ok() is run


def test_every_status_is_one_that_the_exit_port_can_make() -> None:
    """The port makes 2 * B + 1 of a byte B, so statuses are odd, and never 1, which is QEMU's own failure."""
    assert all(status % 2 == 1 and status > 1 for status in STATUSES)
    assert STATUSES[2 * SUCCESS + 1] is Verdict.OK
