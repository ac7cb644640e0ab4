"""Boots: start an image in QEMU, listen to its serial port, end it in time, and judge.

Whatever happens (a guest that hangs, an exception in a caller's function, Ctrl-C), nothing is left behind: the process
group is killed and the scratch folder removed before a function of this file returns or raises.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.errors import MachineError
from bfbuild.execute.parent import END_SIGNAL, die_with_parent
from bfbuild.execute.sandbox import Bind
from bfbuild.machine.process import Child
from bfbuild.machine.spec import FOLDER, IMAGE, LOG, BootSpec, command
from bfbuild.machine.transcript import Reader
from bfbuild.machine.verdict import LAST_WORDS, STATUSES, Run, Stop, Verdict, judge

if TYPE_CHECKING:
    from bfbuild.machine.spec import Wrap

# All that a boot sees of the host's environment. QEMU keeps the writes of a read-only boot under TMPDIR.
ENVIRONMENT = {"PATH": "/usr/libexec:/usr/bin", "LC_ALL": "C.UTF-8", "TMPDIR": FOLDER}
OUTPUT_LIMIT = 16 << 20  # bytes of serial output
GRACE_S = 2.0  # of quiet after a guest's last words, until we believe them
STRANGER_S = 3.0  # of quiet, until we take a guest without records for one that is done
END_S = 10.0  # for QEMU to end once its serial port is closed

SERIAL_PIPE = ("-serial", "stdio", "-monitor", "none", "-no-reboot", "-d", "cpu_reset", "-D", LOG)
SERIAL_TERMINAL = ("-serial", "mon:stdio")  # Ctrl-A X leaves, Ctrl-A C is QEMU's monitor; the guest may reboot


@dataclass(frozen=True)
class Stage:
    """The scratch folder of one boot, and what of the host QEMU sees."""

    folder: Path
    binds: tuple[Bind, ...]

    def connect(self, name: str, timeout_s: float) -> socket.socket:
        """Return a connection to a socket that QEMU listens on in the folder; raise OSError where it does not."""
        handle = os.open(self.folder, os.O_PATH)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout_s)
        try:
            connection.connect(f"/proc/self/fd/{handle}/{name}")  # the folder's own path may be too long for an address
        except BaseException:
            connection.close()
            raise
        finally:
            os.close(handle)
        return connection


@contextmanager
def staged(spec: BootSpec) -> Iterator[Stage]:
    """Check the spec and make a boot's scratch folder; remove it afterwards. Raises MachineError."""
    spec.check()
    with tempfile.TemporaryDirectory(prefix="bareflow-boot-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "disk.img").touch()  # a mount needs something to be mounted on
        image = Bind(spec.image.absolute(), IMAGE, writable=spec.writable)
        yield Stage(folder, (Bind(folder, FOLDER, writable=True), image))


@dataclass
class Listener:
    """Takes what a guest says as it comes, and knows how long to wait for more.

    `on_line` gets each line once it is complete, `on_part` what there is of one before that; a line that starts with
    `awaited` ends the wait. With `quiet_ends`, so does a while of quiet of a guest that speaks no records: it has no
    other way to say that it is done.
    """

    spec: BootSpec
    on_line: Callable[[str], None] | None = None
    on_part: Callable[[str], None] | None = None
    awaited: str | None = None
    quiet_ends: bool = False
    started: float = field(default_factory=time.monotonic)
    reader: Reader = field(default_factory=Reader)
    ready_s: float | None = None
    _bytes: int = 0
    _heard: float = 0.0
    _records: int = 0
    _last_words: bool = False
    _stop: Stop | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since it began to listen."""
        return time.monotonic() - self.started

    def listen(self, child: Child) -> tuple[int | None, Stop | None]:
        """Listen until QEMU ends, or has to be ended; return its exit status, or the reason to end it."""
        status = None
        while self._stop is None:
            deadline, meaning = self._patience()
            data = child.read(deadline)
            if data is None:
                self._stop = meaning
            elif data:
                self._hear(data)
            else:
                status = child.wait(time.monotonic() + END_S)
                self._stop = Stop.LATE if status is None else None
                break
        stop = self._stop
        self._show(self.reader.flush())
        return status, stop

    def _patience(self) -> tuple[float, Stop]:
        """Return until when to wait for the next byte, and what it means if none comes."""
        limits = [(self.started + self.spec.timeout_s, Stop.LATE)]
        if not self._bytes:
            limits.append((self.started + self.spec.silence_s, Stop.SILENCE))
        if self._last_words:
            limits.append((self._heard + GRACE_S, Stop.QUIET))
        elif self.quiet_ends and self._bytes and not self.reader.records:
            limits.append((self._heard + STRANGER_S, Stop.QUIET))
        return min(limits, key=lambda limit: limit[0])

    def _hear(self, data: bytes) -> None:
        self._heard = time.monotonic()
        self._bytes += len(data)
        if self._bytes > OUTPUT_LIMIT:
            self._stop = Stop.FLOOD
        elif self._heard > self.started + self.spec.timeout_s:  # a guest that never pauses never lets a wait run out
            self._stop = Stop.LATE
        lines = self.reader.feed(data)
        new = {record.event for record in self.reader.records[self._records :]}
        self._records = len(self.reader.records)
        if "ready" in new and self.ready_s is None:
            self.ready_s = self._heard - self.started
        self._last_words = self._last_words or not new.isdisjoint({*LAST_WORDS, "done"})
        self._show(lines)
        if self.on_part is not None:
            self.on_part(self.reader.begun)

    def _show(self, lines: list[str]) -> None:
        for line in lines:
            if self.on_line is not None:
                self.on_line(line)
            if self.awaited is not None and line.startswith(self.awaited):
                self._stop = Stop.AWAITED


def boot(
    spec: BootSpec,
    wrap: Wrap,
    on_line: Callable[[str], None] | None = None,
    on_part: Callable[[str], None] | None = None,
) -> Run:
    """Boot an image, wait for its end in bounded time, and judge.

    `on_line` gets each line as soon as it is complete, `on_part` what there is of the next one. A boot that ends badly
    is a Run with its verdict; MachineError is raised only where there is no boot at all: no image, or no QEMU.
    """
    with staged(spec) as stage:
        argv = wrap(command(spec, SERIAL_PIPE), stage.binds)
        listener = Listener(spec, on_line, on_part)
        with Child(argv, ENVIRONMENT) as child:
            status, stop = listener.listen(child)
        return conclude(listener, child, stage, status, stop)


def conclude(listener: Listener, child: Child, stage: Stage, status: int | None, stop: Stop | None) -> Run:
    """Return the run that has just been listened to."""
    transcript = listener.reader.transcript()
    log = stage.folder / Path(LOG).name
    resets = log.read_text(errors="replace") if log.is_file() else ""
    return Run(
        spec=listener.spec,
        verdict=judge(listener.spec, transcript, status, stop, resets),
        transcript=transcript,
        status=status,
        stop=stop,
        complaints=child.complaints,
        duration_s=listener.elapsed,
        ready_s=listener.ready_s,
    )


def interactive(spec: BootSpec, wrap: Wrap) -> int:
    """Boot with the guest's serial port on the user's terminal, without a time limit; Ctrl-A X leaves.

    Returns 0 where the user left or the guest succeeded, else QEMU's exit status.
    """
    with staged(spec) as stage:
        return on_terminal(wrap(command(spec, SERIAL_TERMINAL), stage.binds))


def on_terminal(argv: list[str]) -> int:
    """Run QEMU on the user's terminal and leave the terminal as it was, even when QEMU could not."""
    saved = termios.tcgetattr(sys.stdin) if sys.stdin.isatty() else None
    try:
        with subprocess.Popen(argv, env=ENVIRONMENT, preexec_fn=die_with_parent) as process:  # noqa: PLW1509  (as Child)
            try:
                status = process.wait()
            finally:
                _end(process)
    except OSError as error:
        raise MachineError("QEMU cannot be started", facts=[("program", argv[0]), ("why", error.strerror)]) from error
    finally:
        if saved is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)
    return 0 if STATUSES.get(status) is Verdict.OK else status


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that shares our group, and what it started: a sandbox that is just killed may not do that."""
    process.send_signal(END_SIGNAL)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
