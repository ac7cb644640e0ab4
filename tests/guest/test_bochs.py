"""A second machine: Bochs, with its own processor, devices and BIOS, boots the disks that QEMU boots.

No guest can end it: each stays in its monitor or halts after its panic, and when it has said so, the machine is
switched off.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.execute.sandbox import Bind
from bfbuild.machine.process import Child
from bfbuild.machine.spec import FOLDER
from bfbuild.machine.transcript import Transcript, parse
from bfbuild.machine.verdict import Verdict
from tests.guest.conftest import SOURCES
from tests.guest.test_demo import INIT_CYCLES, TESTS, results
from tests.guest.test_guests import PANICS, expected, panic_of

if TYPE_CHECKING:
    from bfbuild.execute.sandbox import Sandbox

# A PC of 32 MiB, drawn on a terminal that nobody looks at. Writes to the disk are thrown away at the end.
MACHINE = f"""\
display_library: term
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
megs: 32
boot: disk
ata0-master: type=disk, path={FOLDER}/disk.img, mode=volatile
com1: enabled=1, mode=file, dev={FOLDER}/serial
log: {FOLDER}/log
panic: action=fatal
sound: driver=dummy
speaker: enabled=0
"""
ENVIRONMENT = {"PATH": "/usr/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp", "TERM": "linux", "BXSHARE": "/usr/share/bochs"}
PATIENCE_S = 120.0  # the slowest takes a few seconds where nobody else works

LAST_WORDS = ("This is the monitor; type help.", "The machine is halted.")
WITHOUT_WORDS = ("arguments",)  # only QEMU can hand a guest its arguments

Bochs = Callable[[Path], Transcript]


@pytest.fixture
def bochs(sandbox: Sandbox, toolchain: Callable[[str], Path], tmp_path: Path) -> Bochs:
    """Boot an image until the guest has said its last word; return what it said."""

    def boot(image: Path) -> Transcript:
        (tmp_path / "bochsrc").write_text(MACHINE)
        (tmp_path / "orders").write_text("continue\n")  # Debian's Bochs starts in its debugger
        (tmp_path / "disk.img").touch()
        binds = [Bind(tmp_path, FOLDER, writable=True), Bind(image, f"{FOLDER}/disk.img")]
        argv = ["bochs-bin", "-q", "-f", f"{FOLDER}/bochsrc", "-rc", f"{FOLDER}/orders"]
        with Child(sandbox.wrap(argv, binds, toolchain("bochs")), ENVIRONMENT) as child:
            return _heard(child, tmp_path)

    return boot


def _heard(child: Child, folder: Path) -> Transcript:
    """Listen to the serial port until the guest has come to its end."""
    deadline, serial, data = time.monotonic() + PATIENCE_S, folder / "serial", b""
    while not any(f"\n{words}".encode() in data for words in LAST_WORDS):
        ended = child.read(time.monotonic() + 0.1) == b""
        data = serial.read_bytes() if serial.exists() else b""
        assert not ended, f"Bochs ended before the guest did: {child.complaints}"
        assert time.monotonic() < deadline, f"the guest comes to no end: {data!r}"
    return parse(data)


def test_the_demo_runs_in_bochs(images: dict[str, Path], bochs: Bochs) -> None:
    """All results are right, the profile has all calls, and the way to the app is as short as in QEMU."""
    transcript = bochs(images["bareflow"])
    assert transcript.problems == ()
    assert results(transcript) == TESTS
    calls = [(record.text("name"), record.number("calls")) for record in transcript.all("function")]
    assert calls == [(name, count) for name, count, _ in TESTS[1:]]
    assert transcript.one("ready").number("init_cycles") <= INIT_CYCLES
    assert transcript.one("done").number("status") == 0


@pytest.mark.parametrize(
    "source", [each for each in SOURCES if each.stem not in WITHOUT_WORDS], ids=lambda each: each.stem
)
def test_a_guest_ends_in_bochs_as_in_qemu(source: Path, images: dict[str, Path], bochs: Bochs) -> None:
    """What a guest proves of its room holds on other hardware; a panic is told with the same names and frames."""
    transcript = bochs(images[source.stem])
    assert transcript.problems == ()
    if expected(source) is Verdict.PANIC:
        assert panic_of(transcript) == PANICS[source.stem]._replace(words="")
    else:
        assert (transcript.one("done").number("status") == 0) is (expected(source) is Verdict.OK), transcript.text
