"""Where the time of a cold boot goes: the optimizer's first boot in QEMU's emulator, without counted instructions.

    .venv/bin/python benchmarks/cold.py

Run it on a quiet machine. For each step it prints seconds since QEMU was started, and what QEMU's threads have computed
by then, which other programs disturb less.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bfbuild.commands.boot import Bootable
from bfbuild.machine import qemu
from bfbuild.machine.figures import DECIDED, Event
from bfbuild.machine.transcript import MARK, parse

ROOT = Path(__file__).parent.parent
STEPS = {"entry": "the program begins", "started": "the JIT has started", "loaded": "the compiler is there"}
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Boot once, and print the table."""
    bootable = Bootable(ROOT, "optimizer")
    began = time.monotonic()
    swapped: tuple[str, float, float] | None = None
    rows: list[tuple[str, float, float]] = []

    def hear(line: str) -> None:
        nonlocal swapped
        event = event_of(line)
        if event is None:
            return
        now = time.monotonic() - began, computed()
        if event.what in STEPS:
            rows.append((STEPS[event.what], *now))
        elif event.what == "compiled":
            rows.append((f"{event.name} is compiled", *now))
        elif event.what in DECIDED:
            swapped = ("all functions are swapped", *now)

    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder, "disk.img")
        shutil.copyfile(bootable.image, disk)
        qemu.boot(replace(bootable.spec("bench", disk=disk), timeout_s=300), bootable.wrap, hear).require_ok()
    assert swapped is not None, "the guest swaps its functions"
    rows = [row for row in rows if row[1] <= swapped[1]]
    sys.stdout.write(f"{'step':32}{'seconds':>9}{'computed':>10}\n")
    for what, wall, cpu in [*rows, swapped]:
        sys.stdout.write(f"{what:32}{wall:9.2f}{cpu:10.2f}\n")
    return 0


def event_of(line: str) -> Event | None:
    """What a line says that happened, if anything."""
    found = parse(f"{line}\n".encode()).all("event") if line.startswith(MARK) else ()
    return (
        Event(
            **{key: found[0].number(key) for key in ("at", "sectors")},
            what=found[0].text("what"),
            name=found[0].text("name"),
        )
        if found
        else None
    )


def computed() -> float:
    """The seconds that QEMU, a child of ours by some programs in between, has computed."""
    ticks, parents = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue  # it has ended
        fields = rest.split()
        parents[int(stat.parent.name)] = int(fields[1])
        if name.startswith("qemu-system"):
            ticks[int(stat.parent.name)] = int(fields[11]) + int(fields[12])
    for process, count in ticks.items():
        above = process
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid():
            return count / TICKS
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
