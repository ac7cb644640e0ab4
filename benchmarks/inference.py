"""How long one pass through a model takes: a small one in the emulator, SmolLM2 as a program of this machine.

    .venv/bin/python benchmarks/inference.py

The original wanted inference in less than 100 ms; a tenth of that is to be reached. Programs take the time themselves,
by the processor's counter, for some tokens that they say; the least of many runs counts, since other work on the
machine only ever makes one longer.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.commands.boot import Bootable
from bfbuild.machine import qemu, twin
from bfbuild.machine.boots import AOT
from bfbuild.machine.native import Clock

if TYPE_CHECKING:
    from bfbuild.machine.spec import BootSpec
    from bfbuild.machine.verdict import Run

ROOT = Path(__file__).parent.parent
TOKENS, ROUNDS = 6, 20
TO_REACH_MS = 10


def main() -> int:
    """Measure both, and print the table."""
    chat, small = Bootable(ROOT, "chat"), Bootable(ROOT, "chat-small")
    program, wrap = chat.twin(), small.wrap
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder, "chat.img")
        shutil.copyfile(chat.image, disk)
        spec = chat.spec("run", disk=disk)
        twin.run(replace(spec, mode="bench"), program).require_ok()  # leaves on the disk what it compiled
        clock = Clock(replace(spec, args=AOT), program)
        first = clock.read()
        native = cycles(lambda wanted: twin.run(wanted, program), replace(spec, writable=False))
        emulated = cycles(lambda wanted: qemu.boot(wanted, wrap), small.spec("run"))
        last = clock.read()
    rate = (last[1] - first[1]) / (last[0] - first[0]) / 1000  # cycles a millisecond
    for what, found in (("260,000 weights, emulated", emulated), ("SmolLM2-135M, native", native)):
        sys.stdout.write(f"{what:<28}{found / rate:>8.2f} ms    to reach: {TO_REACH_MS} ms\n")
    return 0


def cycles(start: Callable[[BootSpec], Run], spec: BootSpec) -> float:
    """The least that saying a token took in several runs."""
    wanted = replace(spec, args=f"tokens={TOKENS} tell Once upon a time")
    runs = [start(wanted).require_ok().transcript for _ in range(ROUNDS)]
    said = [each for run in runs for each in run.all("test") if each.text("name") == "say"]
    return min(each.number("cycles") / each.number("calls") for each in said)


if __name__ == "__main__":
    sys.exit(main())
