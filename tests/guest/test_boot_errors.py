"""Damaged disks: the loader refuses each with its reason, on the serial line and on the screen, and nothing runs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.machine.screen import screenshot
from bfbuild.machine.spec import BootSpec
from bfbuild.machine.verdict import Verdict
from tests.guest.machine import at_machine

if TYPE_CHECKING:
    from bfbuild.machine.spec import Wrap
    from bfbuild.recipe.model import Layout
    from tests.conftest import Boot

SECTOR = 512
MAGIC, SIZE, CHECKSUM, ENTRY, CODE = 0, 4, 8, 12, 16  # the header of the kernel on the disk (src/boot/seal.py)

Damage = Callable[["Disk"], None]


class Disk:
    """The bytes of a disk, to be damaged."""

    def __init__(self, data: bytes, layout: Layout) -> None:
        self.data = bytearray(data)
        self.layout = layout
        self.kernel = layout["KERNEL_LBA"] * SECTOR

    def field(self, offset: int) -> int:
        """A number of the kernel's header."""
        return int(struct.unpack_from("<I", self.data, self.kernel + offset)[0])

    def set(self, offset: int, value: int) -> None:
        """Write a number of the kernel's header."""
        struct.pack_into("<I", self.data, self.kernel + offset, value)

    def flip(self, place: int) -> None:
        """Flip a bit of a byte of the disk."""
        self.data[place] ^= 1

    def clear(self, lba: int, sectors: int) -> None:
        """Fill sectors with zeros."""
        self.data[lba * SECTOR : (lba + sectors) * SECTOR] = bytes(sectors * SECTOR)

    def cut(self, sectors: int) -> None:
        """End the disk early."""
        del self.data[sectors * SECTOR :]

    def lie(self, size: int) -> None:
        """Change the kernel's size, and make the checksum that of as many bytes."""
        self.set(SIZE, size)
        self.set(CHECKSUM, zlib.crc32(self.data[self.kernel + CODE :][:size]))


@pytest.fixture
def damaged(demo: Path, layout: Layout, tmp_path: Path) -> Callable[[Damage], Path]:
    """Make a damaged copy of the demo's disk."""

    def make(damage: Damage) -> Path:
        disk = Disk(demo.read_bytes(), layout)
        damage(disk)
        (tmp_path / "damaged.img").write_bytes(disk.data)
        return tmp_path / "damaged.img"

    return make


def capacity(disk: Disk) -> int:
    """The bytes of code that the kernel's place on the disk holds."""
    return disk.layout["KERNEL_SECTORS"] * SECTOR - CODE


DAMAGES: dict[str, tuple[Damage, str]] = {
    "no signature": (lambda disk: disk.flip(disk.kernel + MAGIC), "bad-signature"),
    "no kernel": (lambda disk: disk.clear(disk.layout["KERNEL_LBA"], 1), "bad-signature"),
    "first byte of the code": (lambda disk: disk.flip(disk.kernel + CODE), "bad-checksum"),
    "last byte of the code": (lambda disk: disk.flip(disk.kernel + CODE + disk.field(SIZE) - 1), "bad-checksum"),
    "checksum": (lambda disk: disk.flip(disk.kernel + CHECKSUM), "bad-checksum"),
    "one byte too few": (lambda disk: disk.set(SIZE, disk.field(SIZE) - 1), "bad-checksum"),
    "one byte too many": (lambda disk: disk.set(SIZE, disk.field(SIZE) + 1), "bad-checksum"),
    "a size that fills the place": (lambda disk: disk.set(SIZE, capacity(disk)), "bad-checksum"),
    "a size beyond the place": (lambda disk: disk.lie(capacity(disk) + 1), "size-too-large"),
    "the largest size": (lambda disk: disk.set(SIZE, 0xFFFFFFFF), "size-too-large"),
    "no code": (lambda disk: disk.lie(0), "bad-entry"),
    "entry behind the code": (lambda disk: disk.set(ENTRY, disk.field(ENTRY) + disk.field(SIZE)), "bad-entry"),
    "entry in the header": (lambda disk: disk.set(ENTRY, disk.field(ENTRY) - 1), "bad-entry"),
    "no stage 2": (lambda disk: disk.clear(disk.layout["STAGE2_LBA"], disk.layout["STAGE2_SECTORS"]), "bad-stage2"),
    "cut within the code": (lambda disk: disk.cut(disk.layout["KERNEL_LBA"] + 5), "disk-error"),
    "cut before stage 2": (lambda disk: disk.cut(disk.layout["STAGE2_LBA"]), "disk-error"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_disk_is_refused_with_its_reason(what: str, damaged: Callable[[Damage], Path], start: Boot) -> None:
    """The loader says what is wrong, in a record, and ends the machine; the kernel never speaks."""
    damage, reason = DAMAGES[what]
    run = start(damaged(damage))
    assert run.verdict is Verdict.BOOT_ERROR
    assert run.transcript.one("booterror").text("reason") == reason
    assert [record.event for record in run.transcript.records] == ["booterror"]


def test_as_much_code_as_the_place_holds_is_loaded(damaged: Callable[[Damage], Path], start: Boot) -> None:
    """A kernel that fills its place to the last byte boots: every address up to the stack is reached."""
    start(damaged(lambda disk: disk.lie(capacity(disk)))).require_ok()


@pytest.mark.parametrize("what", ["no stage 2", "last byte of the code"], ids=["by stage 1", "by stage 2"])
def test_the_reason_is_on_the_screen(what: str, damaged: Callable[[Damage], Path], qemu_wrap: Wrap) -> None:
    """Whoever sits at the machine reads the same, and the machine stays as it is."""
    damage, reason = DAMAGES[what]
    with at_machine(damaged(damage), qemu_wrap) as machine:
        machine.hear(f"@bf booterror reason={reason}\n")
        screen = machine.screen()
    at = screen.index("BareFlow cannot boot")
    assert screen[at + 1] == f"@bf booterror reason={reason}"


def test_a_boot_error_can_be_photographed(damaged: Callable[[Damage], Path], qemu_wrap: Wrap, tmp_path: Path) -> None:
    """The picture of a refused boot differs from that of another reason: it shows the text."""
    pictures = []
    for what in ("no signature", "checksum"):
        spec = BootSpec(damaged(DAMAGES[what][0]))
        screenshot(spec, qemu_wrap, tmp_path / "screen.png", awaited="@bf booterror")
        pictures.append((tmp_path / "screen.png").read_bytes())
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert pictures[0] != pictures[1]
