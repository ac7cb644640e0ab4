"""A guest is killed while it saves what it found out: the next boot finds the old or the new, and the disk is sound.

`ROUNDS=100 pytest tests/jit/test_saving.py` cuts the power as often; without it, a seeded few times.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.machine.transcript import Reader
from tests.fsck import complaints, cut_out, harm

if TYPE_CHECKING:
    from bfbuild.machine.transcript import Transcript
    from tests.conftest import Boot, Built, Tool

DATA_LBA = 2048
FEW = "8"
LINES, LATER_S = 60, 0.02  # the power goes up to so many lines and then up to so long after the first saving


class PowerCut(Exception):  # noqa: N818  (nothing is wrong)
    """The power went."""


class Watcher:
    """Hears a guest, and cuts its power at a moment."""

    def __init__(self, lines: int, later_s: float) -> None:
        self.reader, self.lines, self.later_s = Reader(), lines, later_s

    def __call__(self, line: str) -> None:
        """Take one line."""
        self.reader.feed(f"{line}\n".encode())
        if line.startswith("@bf saved"):
            self.lines -= 1
            if self.lines < 0:
                time.sleep(self.later_s)
                raise PowerCut

    @property
    def transcript(self) -> Transcript:
        """What was heard."""
        return self.reader.transcript()


def rounds_of(transcript: Transcript, event: str) -> dict[int, int]:
    """Which round of each number was found, or saved last."""
    return {each.number("number"): each.number("round") for each in transcript.all(event)}


def test_a_power_cut_while_saving_loses_nothing_that_was_saved(
    built: Built, start: Boot, tool: Tool, tmp_path: Path
) -> None:
    """Killed at any moment on one disk: what was told as saved is there, or newer; a boot that saves tidies up."""
    disk = Path(shutil.copyfile(built("jit/saver.img")["jit/saver.img"], tmp_path / "own.img"))
    dice, saved, cuts = random.Random("saving"), dict[int, int](), 0
    for _ in range(int(os.environ.get("ROUNDS", FEW))):
        watcher = Watcher(dice.randrange(LINES), dice.random() * LATER_S)
        try:
            start(disk, watcher, writable=True).require_ok()
        except PowerCut:
            cuts += 1
        found = rounds_of(watcher.transcript, "found")
        assert all(found.get(number, 0) >= round_ for number, round_ in saved.items()), (saved, found)
        saved = saved | found | rounds_of(watcher.transcript, "saved")
        assert harm(tool, cut_out(disk, tmp_path / "volume.img", DATA_LBA)) == []
    assert cuts > 0
    assert rounds_of(start(disk, writable=True).require_ok().transcript, "found").keys() == saved.keys()
    assert complaints(tool, cut_out(disk, tmp_path / "volume.img", DATA_LBA)) == []
