"""What boot is wanted, and QEMU's command line for it. Pure: nothing here starts or touches anything.

QEMU sees two paths only: `/work`, a scratch folder of this boot, and `/work/disk.img`, the image. They and nothing else
are mounted for it, so the command line is the same wherever the image lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bfbuild.errors import MachineError

if TYPE_CHECKING:
    from pathlib import Path

    from bfbuild.execute.sandbox import Bind

    # Turns a command line as it reads inside QEMU's toolchain tree into one of the host's, which must hand on the
    # environment and the exit status.
    Wrap = Callable[[Sequence[str], Sequence[Bind]], list[str]]

FOLDER = "/work"
IMAGE = f"{FOLDER}/disk.img"
LOG = f"{FOLDER}/qemu.log"

Mode = Literal["run", "bench"]

# Bare hardware: a PC with a disk, a screen and a serial port, and no floppy, CD-ROM or network card to be probed.
PC = (
    *("qemu-system-i386", "-L", "/usr/share/qemu", "-L", "/usr/share/seabios", "-no-user-config", "-nodefaults"),
    *("-machine", "pc", "-accel", "tcg", "-vga", "std", "-display", "none"),
)

# A byte B written to this port ends QEMU with the exit status 2 * B + 1.
EXIT_DEVICE = ("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04")

# One instruction is one nanosecond and one cycle, an idle processor jumps to its next timer, the calendar starts fixed.
# Equal code takes equal cycles then; only the answers of the disk still come in the host's time.
DETERMINISTIC = ("-icount", "shift=0,sleep=off", "-rtc", "base=2000-01-01,clock=vm")


@dataclass(frozen=True)
class BootSpec:
    """One boot that is wanted.

    `mode` tells the guest who is watching: "run" leaves after the app, "bench" does so and measures; without it the
    guest ends in its monitor. `args` is one line for the app. A `writable` boot changes the image; any other writes to
    a layer that is thrown away. `timeout_s` bounds the whole boot; `silence_s` the time until the first byte.
    `cpu` is a processor of QEMU's; where it is empty, QEMU chooses. `extra` goes to QEMU as it is.
    """

    image: Path
    memory_mib: int = 128
    cpu: str = ""
    mode: Mode | None = "run"
    args: str = ""
    deterministic: bool = False
    writable: bool = False
    timeout_s: float = 60.0
    silence_s: float = 20.0
    extra: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise MachineError for a boot that cannot be: no image, or arguments that are not one line."""
        if not self.image.is_file():
            raise MachineError(
                "there is no image to boot",
                facts=[("image", self.image), ("found", "no file" if self.image.exists() else "nothing")],
                hint="`doit image` makes it",
            )
        if not self.args.isprintable():
            raise MachineError("the app's arguments must be one line of text", facts=[("args", repr(self.args))])


def command(spec: BootSpec, serial: Sequence[str], *, exits: bool = True) -> list[str]:
    """Return QEMU's command line; `serial` says where COM1 goes, `exits` whether the guest may end QEMU by its port."""
    snapshot = "off" if spec.writable else "on"
    line = [*PC, "-m", str(spec.memory_mib), "-drive", f"file={IMAGE},format=raw,if=ide,snapshot={snapshot}", *serial]
    if spec.cpu:
        line += ["-cpu", spec.cpu]
    if exits:
        line += EXIT_DEVICE
    for name, value in (("mode", spec.mode), ("args", spec.args)):
        if value:
            line += ["-fw_cfg", f"name=opt/bareflow/{name},string={value.replace(',', ',,')}"]  # QEMU's own quoting
    if spec.deterministic:
        line += DETERMINISTIC
    return [*line, *spec.extra]
