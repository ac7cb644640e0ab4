"""What guests leave on their disk: other tools find it sound, and the power may go at any moment."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fsck import complaints, cut_out, harm

if TYPE_CHECKING:
    from bfbuild.recipe.model import Layout
    from tests.conftest import Boot, Tool

SAVED = "saved by a guest/The state of a program.bin"
POWER_CUTS = 6


class PowerCut(Exception):  # noqa: N818  (it is no error of ours)
    """The power goes: raised while QEMU runs, it kills QEMU at once."""


@dataclass
class Disk:
    """A disk that a guest may write to, and what other tools see on its partition."""

    path: Path
    data_lba: int
    tool: Tool

    def read(self, path: str) -> bytes:
        """A file, by mtools."""
        copy = self.path.with_name("copy")
        done = self.tool("mcopy", "-n", "-i", f"{self.path}@@{self.data_lba * 512}", f"::{path}", str(copy))
        assert done.returncode == 0, done.stderr
        return copy.read_bytes()

    def names(self) -> list[str]:
        """What the root directory holds, by mtools."""
        return self.tool("mdir", "-b", "-i", f"{self.path}@@{self.data_lba * 512}", "::").stdout.splitlines()

    def volume(self) -> Path:
        """The partition as a file of its own, for fsck.fat."""
        return cut_out(self.path, self.path.with_name("volume.img"), self.data_lba)


OwnDisk = Callable[[str], Disk]


@pytest.fixture
def own_disk(images: dict[str, Path], layout: Layout, tool: Tool, tmp_path: Path) -> OwnDisk:
    """Copy a guest's disk, so that the guest may write to it."""
    return lambda name: Disk(shutil.copyfile(images[name], tmp_path / "own.img"), layout["DATA_LBA"], tool)


def state(generation: int) -> bytes:
    """What tests/guest/save.c saves at its turn number `generation`."""
    size = 1000 + generation * 7919 % 60000
    body = bytes((generation + i * 11 + i // 256) % 256 for i in range(size))
    return generation.to_bytes(4, "little") + body[4:]


def test_other_tools_read_what_a_guest_wrote(own_disk: OwnDisk, tool: Tool, start: Boot) -> None:
    """The guest's file is there under its long name, also after a second boot, and fsck.fat is content."""
    disk = own_disk("save")
    for saves, generation in ((5, 5), (2, 7)):
        start(disk.path, writable=True, args=str(saves)).require_ok()
        assert disk.read(SAVED) == state(generation)
        assert complaints(tool, disk.volume()) == []


def test_a_guest_that_cleans_up_leaves_a_sound_disk(own_disk: OwnDisk, tool: Tool, start: Boot) -> None:
    """After making, changing and removing files and directories no cluster is lost and no entry is left."""
    disk = own_disk("fat16")
    start(disk.path, writable=True).require_ok()
    assert complaints(tool, disk.volume()) == []
    assert disk.names() == []


def test_a_boot_that_is_not_writable_leaves_the_disk_alone(own_disk: OwnDisk, start: Boot) -> None:
    """Without `writable` the guest sees its writes, and the image keeps its bytes."""
    disk = own_disk("save")
    before = disk.path.read_bytes()
    start(disk.path).require_ok()
    assert disk.path.read_bytes() == before


def test_the_power_may_go_at_any_moment(own_disk: OwnDisk, tool: Tool, start: Boot) -> None:
    """A guest killed while it saves leaves a whole content, none older than it announced, and starts again from it."""
    disk, dice, generation = own_disk("save"), random.Random(1), 0
    for _ in range(POWER_CUTS):
        announced = _save_until_power_cut(disk, start, saves=dice.randrange(1, 20), delay_s=dice.random() / 50)
        found = disk.read(SAVED)
        assert int.from_bytes(found[:4], "little") >= generation + announced
        generation = int.from_bytes(found[:4], "little")
        assert found == state(generation)
        assert harm(tool, disk.volume()) == []
    start(disk.path, writable=True, args="1").require_ok()
    assert disk.read(SAVED) == state(generation + 1)


def _save_until_power_cut(disk: Disk, start: Boot, *, saves: int, delay_s: float) -> int:
    """Boot, kill QEMU a moment after so many saves were announced, and return how many were."""
    announced = 0

    def hear(line: str) -> None:
        nonlocal announced
        announced += line.startswith("@bf saved ")
        if announced == saves:
            time.sleep(delay_s)
            raise PowerCut

    with pytest.raises(PowerCut):
        start(disk.path, hear, writable=True, args="1000000")
    return announced
