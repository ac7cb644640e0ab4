"""A machine that a test sits at: it hears and speaks on the serial line, presses keys, and looks at the screen.

The guest has no exit port and nobody waits for it, so it stays in its monitor, or with its last words on the screen.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from bfbuild.machine.process import Child
from bfbuild.machine.qemu import ENVIRONMENT, Stage, staged
from bfbuild.machine.spec import FOLDER, BootSpec, command

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from bfbuild.machine.spec import Wrap

ANSWER_S = 20.0  # how long a guest, or QEMU, may take for an answer
TEXT_SCREEN, COLUMNS, ROWS = 0xB8000, 80, 25  # VGA text mode: a character and a colour a cell


@dataclass
class Machine:
    """A running machine."""

    stage: Stage
    serial: socket.socket
    control: IO[str]
    heard: str = ""

    def hear(self, words: str) -> str:
        """Wait for words on the serial line; return what came up to their end, and forget it."""
        deadline = time.monotonic() + ANSWER_S
        while words not in self.heard:
            left = deadline - time.monotonic()
            assert left > 0, f"{words!r} was never said, but: {self.heard}"
            self.serial.settimeout(left)
            data = self.serial.recv(1 << 16)
            assert data, f"the machine ended before it said {words!r}: {self.heard}"
            self.heard += data.decode("latin-1").replace("\r", "")
        end = self.heard.index(words) + len(words)
        said, self.heard = self.heard[:end], self.heard[end:]
        return said

    def say(self, text: str) -> None:
        """Type on the serial line."""
        self.serial.sendall(text.encode("latin-1"))

    def press(self, *keys: str) -> None:
        """Press and release keys of the keyboard, each by QEMU's name for it, one after another."""
        for key in keys:
            held = [{"type": "qcode", "data": name} for name in key.split("-")]
            self.ask("send-key", {"keys": held, "hold-time": 10})
            time.sleep(0.03)  # the next key would be pressed while this one is held

    def screen(self) -> list[str]:
        """The lines of the text screen, without the spaces at their ends."""
        self.ask("pmemsave", {"val": TEXT_SCREEN, "size": 2 * COLUMNS * ROWS, "filename": f"{FOLDER}/screen"})
        cells = (self.stage.folder / "screen").read_bytes()[::2].decode("cp437")
        return [cells[at : at + COLUMNS].rstrip() for at in range(0, len(cells), COLUMNS)]

    def ask(self, order: str, arguments: dict[str, object]) -> object:
        """Have QEMU do something, by QMP; return its answer."""
        self.control.write(json.dumps({"execute": order, "arguments": arguments}) + "\n")
        self.control.flush()
        while "return" not in (answer := json.loads(self.control.readline())):
            assert "error" not in answer, answer
        return answer["return"]


@contextmanager
def at_machine(image: Path, wrap: Wrap, *extra: str) -> Iterator[Machine]:
    """Start an image with nobody waiting for its end; end it when the test is done."""
    doors = (
        *("-serial", f"unix:{FOLDER}/serial,server=on,wait=on", "-qmp", f"unix:{FOLDER}/control,server=on,wait=off"),
        *("-monitor", "none"),
    )
    spec = BootSpec(image, mode=None, extra=extra)
    with (
        staged(spec) as stage,
        Child(wrap(command(spec, doors, exits=False), stage.binds), ENVIRONMENT),
        _door(stage, "serial") as serial,
        _door(stage, "control") as control,
        control.makefile("rw") as channel,
    ):
        channel.readline()  # the greeting
        machine = Machine(stage, serial, channel)
        machine.ask("qmp_capabilities", {})
        yield machine


def _door(stage: Stage, name: str) -> socket.socket:
    """Return a connection to a socket that QEMU is about to open."""
    deadline = time.monotonic() + ANSWER_S
    while True:
        try:
            return stage.connect(name, ANSWER_S)
        except OSError:
            assert time.monotonic() < deadline, f"QEMU never opened its {name} socket"
            time.sleep(0.02)
