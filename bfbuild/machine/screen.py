"""The screen: a picture of what a guest shows, taken by QEMU itself over its machine protocol (QMP).

QMP is one JSON object a line: a greeting, then one answer to each command, with events between (QEMU,
docs/interop/qmp-spec). We speak three words of it, on a socket in the boot's scratch folder.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import IO, TYPE_CHECKING

from bfbuild.errors import MachineError
from bfbuild.machine.process import Child
from bfbuild.machine.qemu import ENVIRONMENT, SERIAL_PIPE, Listener, Stage, conclude, staged
from bfbuild.machine.spec import FOLDER, BootSpec, command
from bfbuild.machine.verdict import Stop, error_of

if TYPE_CHECKING:
    from pathlib import Path

    from bfbuild.machine.spec import Wrap

SOCKET = "qmp.sock"
PICTURE = "screen.png"
QMP = ("-qmp", f"unix:{FOLDER}/{SOCKET},server=on,wait=off")
ANSWER_S = 10.0  # how long QEMU may take for one answer
QUIET_S = 0.3  # a screen is finished when the serial port has been quiet for so long,
SETTLE_S = 5.0  # or when it never is
DONE = "@bf done"


def screenshot(spec: BootSpec, wrap: Wrap, picture: Path, *, awaited: str = DONE) -> None:
    """Boot until a serial line starts with `awaited`, then write the screen as PNG and end the boot.

    A guest that speaks no records never says that it is done; its picture is taken when it has become quiet. The guest
    has no exit port in this boot, so its last screen stays. Raises MachineError where the line does not come in time,
    the boot ends before it, or the picture cannot be written.
    """
    with staged(spec) as stage:
        listening = replace(spec, extra=(*spec.extra, *QMP))
        argv = wrap(command(listening, SERIAL_PIPE, exits=False), stage.binds)
        listener = Listener(spec, awaited=awaited, quiet_ends=awaited == DONE)
        with Child(argv, ENVIRONMENT) as child:
            status, stop = listener.listen(child)
            finished = stop is Stop.AWAITED or _is_quiet_stranger(listener, stop)
            if finished:
                _settle(child)
                _dump(stage)
        if not finished:
            error = error_of(conclude(listener, child, stage, status, stop))
            error.facts.insert(0, ("awaited", awaited))
            raise error
        try:
            picture.write_bytes((stage.folder / PICTURE).read_bytes())
        except OSError as error:
            raise MachineError(
                "the picture of the screen cannot be written", facts=[("file", picture), ("why", error.strerror)]
            ) from error


def _is_quiet_stranger(listener: Listener, stop: Stop | None) -> bool:
    return listener.quiet_ends and stop in (Stop.QUIET, Stop.SILENCE) and not listener.reader.records


def _settle(child: Child) -> None:
    """Let the guest finish what it was drawing."""
    end = time.monotonic() + SETTLE_S
    while time.monotonic() < end and child.read(time.monotonic() + QUIET_S):
        pass


def _dump(stage: Stage) -> None:
    """Have QEMU write the screen to the scratch folder; raise MachineError where it cannot."""
    try:
        with stage.connect(SOCKET, ANSWER_S) as connection, connection.makefile("rw", encoding="utf-8") as channel:
            channel.readline()  # the greeting
            _ask(channel, "qmp_capabilities", {})
            _ask(channel, "screendump", {"filename": f"{FOLDER}/{PICTURE}", "format": "png"})
    except (OSError, ValueError) as error:
        raise MachineError("QEMU does not answer on its control socket", facts=[("why", error)]) from error


def _ask(channel: IO[str], order: str, arguments: dict[str, str]) -> None:
    channel.write(json.dumps({"execute": order, "arguments": arguments}) + "\n")
    channel.flush()
    while True:  # each line has the socket's time limit, and a stopped QEMU closes the channel
        answer = json.loads(channel.readline())
        if "error" in answer:
            raise MachineError(f"QEMU refuses '{order}'", facts=[("why", answer["error"].get("desc", "not said"))])
        if "return" in answer:
            return
