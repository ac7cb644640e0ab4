"""The loader on machines that make it hard: disks without block numbers, bad sectors, address line 20 closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.machine.spec import IMAGE
from bfbuild.machine.verdict import Verdict
from tests.guest.machine import at_machine

if TYPE_CHECKING:
    from bfbuild.machine.spec import Wrap
    from bfbuild.recipe.model import Layout
    from tests.conftest import Boot, Built

SECTOR = 512
FLOPPY = 2880 * SECTOR  # 80 cylinders, 2 heads, 18 sectors
HIDDEN = 1 << 20  # what boots lies behind so many zeros: as the ordinary disk, the file cannot boot


@pytest.fixture
def hidden(demo: Path, tmp_path: Path) -> Path:
    """The demo's disk at HIDDEN of a file: it boots only where a test attaches it there."""
    path = tmp_path / "hidden.img"
    path.write_bytes(bytes(HIDDEN) + demo.read_bytes())
    return path


def test_a_floppy_disk_boots_by_cylinder_head_and_sector(hidden: Path, start: Boot) -> None:
    """A floppy drive has no block numbers: both stages read by its geometry, across tracks and heads."""
    drive = f"if=floppy,driver=raw,offset={HIDDEN},size={FLOPPY},read-only=on"
    file = f"file.driver=file,file.filename={IMAGE}"
    start(hidden, extra=("-drive", f"{drive},{file}", "-boot", "a")).require_ok()


def bad_disk(layout: Layout, lba: int, *, once: bool) -> tuple[str, ...]:
    """QEMU's words for a boot disk that fails to read a sector, once or always."""
    rule = {"event": "read_aio", "errno": 5, "sector": HIDDEN // SECTOR + lba, "once": "on" if once else "off"}
    size = layout.size
    drive = (
        f"if=none,id=bad,driver=raw,offset={HIDDEN},size={size},snapshot=on,file.driver=blkdebug,"
        f"file.image.driver=file,file.image.filename={IMAGE},"
        + ",".join(f"file.inject-error.0.{key}={value}" for key, value in rule.items())
    )
    return ("-drive", drive, "-device", "ide-hd,drive=bad,bus=ide.1,bootindex=0")


PLACES = {"stage 2": ("STAGE2_LBA", 2), "the kernel's header": ("KERNEL_LBA", 0), "the kernel": ("KERNEL_LBA", 11)}


@pytest.mark.parametrize("place", PLACES)
def test_a_sector_that_fails_once_is_read_again(place: str, hidden: Path, layout: Layout, start: Boot) -> None:
    """A read error that goes away costs a try, not the boot."""
    name, behind = PLACES[place]
    start(hidden, extra=bad_disk(layout, layout[name] + behind, once=True)).require_ok()


@pytest.mark.parametrize("place", PLACES)
def test_a_sector_that_always_fails_ends_the_boot(place: str, hidden: Path, layout: Layout, start: Boot) -> None:
    """A read error that stays is a disk error after a few tries, in bounded time."""
    name, behind = PLACES[place]
    run = start(hidden, extra=bad_disk(layout, layout[name] + behind, once=False))
    assert run.verdict is Verdict.BOOT_ERROR
    assert run.transcript.one("booterror").text("reason") == "disk-error"


# The sector that closes the line, and bit 1 of port 0x92 when it is open again: this BIOS opens it by that port.
A20_WAYS = {"the BIOS": ("a20_off", 1), "the keyboard controller, where the BIOS refuses": ("a20_off_in_bios", 0)}


@pytest.fixture
def closed(demo: Path, layout: Layout, built: Built, tmp_path: Path) -> Callable[[str], Path]:
    """Make a disk whose first sector closes address line 20 before the loader starts."""

    def make(name: str) -> Path:
        data = bytearray(demo.read_bytes())
        loader = (layout["DATA_LBA"] - 1) * SECTOR
        data[loader : loader + SECTOR] = data[:SECTOR]
        stub = built(f"guest/{name}.bin")[f"guest/{name}.bin"].read_bytes()
        assert len(stub) <= 440  # the partition table follows
        data[: len(stub)] = stub
        (tmp_path / "closed.img").write_bytes(data)
        return tmp_path / "closed.img"

    return make


@pytest.mark.parametrize("way", A20_WAYS)
def test_address_line_20_is_opened(way: str, closed: Callable[[str], Path], start: Boot, qemu_wrap: Wrap) -> None:
    """A machine that starts with the line closed boots, by either way; port 0x92 tells which it was."""
    stub, fast_gate = A20_WAYS[way]
    image = closed(stub)
    start(image).require_ok()
    with at_machine(image, qemu_wrap) as machine:
        machine.hear("@bf ready")
        told = machine.ask("human-monitor-command", {"command-line": "i /b 0x92"})
    assert isinstance(told, str)
    assert int(told.split("=")[1], 16) >> 1 & 1 == fast_gate
