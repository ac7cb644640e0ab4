"""A child process that is read as it speaks and that never outlives us.

The child leads a process group of its own, so a Ctrl-C at the terminal reaches us alone, and ending the group ends
nothing else. Leaving the `with` block, by whatever exception, kills the group and waits until its last member has let
go of the output. Should we be killed, the kernel tells the child.

Every wait has a deadline, a reading of `time.monotonic()`.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from bfbuild.errors import MachineError
from bfbuild.execute.parent import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHUNK = 1 << 16
COMPLAINT_LIMIT = 1 << 16  # bytes of standard error that are kept: the first say what went wrong
KILL_S = 10.0  # how long the kernel may take to end what was killed


class Child:
    """A running process, its standard output as serial bytes, its standard error as complaints."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start `argv`; raise MachineError where it cannot be started."""
        self._complaints = bytearray()
        try:
            self._process = subprocess.Popen(
                argv,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                process_group=0,
                preexec_fn=die_with_parent,  # noqa: PLW1509  (one system call, no lock that another thread could hold)
            )
        except OSError as error:
            raise MachineError(
                "QEMU cannot be started", facts=[("program", argv[0]), ("why", error.strerror or error)]
            ) from error
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._output, self._errors = self._process.stdout.fileno(), self._process.stderr.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)
        self._selector.register(self._errors, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.kill()
        finally:
            self._selector.close()
            for pipe in (self._process.stdout, self._process.stderr):
                assert pipe is not None
                pipe.close()

    @property
    def complaints(self) -> str:
        """What came on standard error so far."""
        return self._complaints.decode(errors="replace").strip()

    def read(self, deadline: float) -> bytes | None:
        """Return the next output, b"" at its end, or None when the deadline passed first."""
        while True:
            left = deadline - time.monotonic()
            ready = self._ready(left)
            if self._output in ready:
                return os.read(self._output, CHUNK)
            if left <= 0:
                return None

    def wait(self, deadline: float) -> int | None:
        """Return the exit status once the process has ended its output and itself, or None when the deadline passed."""
        self._selector.unregister(self._output)
        while self._errors in self._selector.get_map() and (left := deadline - time.monotonic()) > 0:
            self._ready(left)
        try:
            return self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End the group, if it runs, and wait for its end; raise MachineError where the kernel cannot end it."""
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):  # it may just have ended; until it is reaped the number is its own
            os.killpg(self._process.pid, signal.SIGKILL)
        deadline = time.monotonic() + KILL_S
        while self._output in self._selector.get_map() and self.read(deadline):
            pass  # at the end of the output the last holder of the pipe is gone, also one outside of the group
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise MachineError("QEMU was killed and still runs", facts=[("process", self._process.pid)]) from error

    def _ready(self, seconds: float) -> set[int]:
        """Wait for the child to speak; keep its complaints; return the pipes that had something."""
        ready = {key.fd for key, _ in self._selector.select(max(0.0, seconds))}
        if self._errors in ready:
            data = os.read(self._errors, CHUNK)
            if not data:
                self._selector.unregister(self._errors)
            self._complaints += data[: max(0, COMPLAINT_LIMIT - len(self._complaints))]
        return ready
