"""The verdict: how a boot ended, judged from QEMU's exit status and the guest's own records, and told to a person.

A guest ends QEMU by writing a byte B to the exit port, which gives the status 2 * B + 1. Statuses and records are
facts of the guest (`exit` and the boot loader); their one home on this side is STATUSES.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from bfbuild.errors import MachineError

if TYPE_CHECKING:
    from bfbuild.machine.spec import BootSpec
    from bfbuild.machine.transcript import Transcript

SHOWN_LINES = 15  # of the transcript, in an error
SHOWN_FRAMES = 8  # of the backtrace


class Verdict(Enum):
    """How a boot ended."""

    OK = "ok"  # the guest said so
    FAILED = "failed"  # the app returned a failure
    PANIC = "panic"  # the guest found itself broken
    BOOT_ERROR = "boot-error"  # the loader refused the image
    TRIPLE_FAULT = "triple-fault"  # the processor gave up
    RESET = "reset"  # the guest restarted or switched off the machine
    HANG = "hang"  # it printed, then the time was over
    SILENT = "silent"  # it printed nothing
    FLOOD = "flood"  # it printed more than anybody can want
    QEMU_ERROR = "qemu-error"  # QEMU itself failed


class Stop(Enum):
    """Why we ended a boot that had not ended itself."""

    LATE = "the time was over"
    QUIET = "it had said its last word and stayed"
    SILENCE = "nothing was printed"
    FLOOD = "too much was printed"
    AWAITED = "the awaited line came"


STATUSES = {33: Verdict.OK, 35: Verdict.FAILED, 37: Verdict.PANIC, 39: Verdict.BOOT_ERROR}
SUCCESS = 0x10  # the byte of the first of them
SIGNALLED = range(128, 160)  # statuses that tell of a signal that ended QEMU
LAST_WORDS = {"panic": Verdict.PANIC, "booterror": Verdict.BOOT_ERROR}  # records behind which nothing good comes


@dataclass(frozen=True)
class Run:
    """One boot that is over.

    `status` is QEMU's exit status, None where we ended it and `stop` says why. `complaints` is QEMU's standard error.
    Times are the host's, in seconds from the start of QEMU; `ready_s` is the app's first line, None where none came.
    `by` is who ran it; what is said here of QEMU holds for that.
    """

    spec: BootSpec
    verdict: Verdict
    transcript: Transcript
    status: int | None
    stop: Stop | None
    complaints: str
    duration_s: float
    ready_s: float | None
    by: str = "QEMU"

    def require_ok(self) -> Run:
        """Return this run; raise MachineError where it is not a success."""
        if self.verdict is not Verdict.OK:
            raise error_of(self)
        return self


def judge(spec: BootSpec, transcript: Transcript, status: int | None, stop: Stop | None, log: str) -> Verdict:
    """Return how a boot ended; `log` is QEMU's record of processor resets."""
    if status is None:
        return _judge_stopped(spec, transcript, stop)
    if status == 0:  # told never to reboot, QEMU leaves in peace when the guest resets the machine
        return Verdict.TRIPLE_FAULT if "Triple fault" in log else Verdict.RESET
    return STATUSES.get(status, Verdict.QEMU_ERROR if _byte(status) is None else Verdict.FAILED)


def _byte(status: int | None) -> int | None:
    """Return the byte by which the guest ended QEMU, None where it did not: only the exit port makes such a status."""
    if status is None or status <= 1 or status % 2 == 0 or status in SIGNALLED:
        return None
    return status // 2


def _judge_stopped(spec: BootSpec, transcript: Transcript, stop: Stop | None) -> Verdict:
    """Return how a boot would have ended, of one that we had to end."""
    for event, verdict in LAST_WORDS.items():
        if transcript.all(event):
            return verdict
    if stop is Stop.FLOOD:
        return Verdict.FLOOD
    done = transcript.all("done")
    if stop is Stop.QUIET and spec.mode is None and done:  # nobody waits for this guest, so it stays when it is done
        return Verdict.OK if done[-1].fields.get("status") == "0" else Verdict.FAILED
    return Verdict.HANG if transcript.text else Verdict.SILENT


def error_of(run: Run) -> MachineError:
    """Return what a person is told of a run that is no success."""
    transcript = run.transcript
    headline, hint = _told(run)
    facts: list[tuple[str, object]] = [("image", run.spec.image), ("memory", f"{run.spec.memory_mib} MiB")]
    panic = transcript.panic
    if panic is not None:
        where = " ".join(panic.fields[key] for key in ("symbol", "eip") if key in panic.fields)
        facts.append(("where", where or "not said"))
        frames = [frame.fields.get("symbol", frame.fields.get("eip", "?")) for frame in transcript.all("frame")]
        facts += [("called by", "\n".join(frames[:SHOWN_FRAMES]))] if frames else []
    facts.append(("ended", f"{run.by}'s exit status {run.status}" if run.stop is None else f"by us: {run.stop.value}"))
    facts.append(("time", f"{run.duration_s:.1f} s of {run.spec.timeout_s:g} s"))
    facts += [(f"{run.by} says", run.complaints)] if run.complaints else []
    facts += (
        [("broken", "\n".join(str(problem) for problem in transcript.problems[-3:]))] if transcript.problems else []
    )
    tail = transcript.tail(SHOWN_LINES)
    return MachineError(headline, facts=facts, hint=hint, detail=f"the guest's last lines:\n{tail}" if tail else None)


def _told(run: Run) -> tuple[str, str | None]:
    """Return the headline and the hint of a run's verdict."""
    debug = "`doit debug` starts it under gdb"
    leave = f"a guest ends itself by a byte to port 0xf4, {SUCCESS:#x} for success"
    byte, strange = _byte(run.status), run.status not in STATUSES
    panic = run.transcript.panic
    reasons = [record.fields.get("reason", "no reason given") for record in run.transcript.all("booterror")]
    return {
        Verdict.OK: ("the guest succeeded", None),
        Verdict.FAILED: (
            "the app reported a failure",
            f"it wrote {byte:#x}; {leave}" if byte is not None and strange else "its own lines, below, say why",
        ),
        Verdict.PANIC: (
            f"the guest panicked: {panic.fields.get('name', 'no name') if panic else 'it left no record'}",
            debug,
        ),
        Verdict.BOOT_ERROR: (
            f"the boot loader refused the image: {', '.join(reasons) or 'no reason given'}",
            "the image is damaged or was not made by `doit image`",
        ),
        Verdict.TRIPLE_FAULT: ("the processor gave up: a triple fault", debug),
        Verdict.RESET: ("the guest reset the machine, or switched it off", debug),
        Verdict.HANG: ("the guest hangs", debug if run.transcript.records else f"{leave}; {debug}"),
        Verdict.SILENT: ("the guest prints nothing", "is the image bootable, and does its first code write to COM1?"),
        Verdict.FLOOD: ("the guest prints without end", debug),
        Verdict.QEMU_ERROR: (f"{run.by} failed", None),
    }[run.verdict]
