"""Twins: an app with the kernel library as a program that Linux runs itself (src/twin), judged as a boot is.

The program's disk is the image that a machine would boot, its serial port the standard output, and it ends with the
status that QEMU would end with. One status is a twin's own: it says that this host does not give it what it needs.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from bfbuild.errors import MachineError
from bfbuild.machine.process import Child
from bfbuild.machine.qemu import Listener
from bfbuild.machine.verdict import Run, judge

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bfbuild.machine.spec import BootSpec

UNUSABLE = 2  # the status of a twin that cannot begin (src/twin/begin.c)
PROBE_S = 10.0
NO_I386 = "this host runs no i386 programs"


def check(program: Path) -> None:
    """Raise MachineError where this host runs no programs of the twin's kind."""
    try:
        asked = subprocess.run([program], env={}, capture_output=True, text=True, check=False, timeout=PROBE_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        why: object = getattr(error, "strerror", None) or error
    else:
        if asked.returncode == UNUSABLE:
            return
        why = f"exit status {asked.returncode}"
    raise MachineError(
        NO_I386,
        facts=[("program", program), ("why", why)],
        hint="Linux must be built with IA32_EMULATION, and a container must allow such programs",
    )


def run(spec: BootSpec, program: Path, on_line: Callable[[str], None] | None = None) -> Run:
    """Run a twin on an image, wait for its end in bounded time, and judge.

    Of the spec all counts that is no matter of an emulator. Raises MachineError where the host cannot run it at all.
    """
    spec.check()
    check(program)
    keep = ["--keep"] if spec.writable else []
    memory = ["--memory", str(spec.memory_mib)]
    argv = [str(program.absolute()), *keep, *memory, str(spec.image.absolute()), spec.mode or "run", spec.args]
    listener = Listener(spec, on_line)
    with Child(argv, {}) as child:
        status, stop = listener.listen(child)
        if status == UNUSABLE:
            raise MachineError("this host cannot run a twin", facts=[("it says", child.complaints)])
        transcript = listener.reader.transcript()
        return Run(
            spec=spec,
            verdict=judge(spec, transcript, status, stop, ""),
            transcript=transcript,
            status=status,
            stop=stop,
            complaints=child.complaints,
            duration_s=listener.elapsed,
            ready_s=listener.ready_s,
            by="the twin",
        )
