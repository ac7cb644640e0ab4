"""The monitor: what a person who sits at the machine can ask, by serial line and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.guest.machine import Machine, at_machine

if TYPE_CHECKING:
    from bfbuild.machine.spec import Wrap

PROMPT = "\n> "
END = "that-is-all"  # no command: the monitor says so, and then all of the answer before it has come


@pytest.fixture(scope="module")
def machine(demo: Path, qemu_wrap: Wrap) -> Iterator[Machine]:
    """The demo, done, in its monitor."""
    with at_machine(demo, qemu_wrap) as machine:
        machine.hear("This is the monitor; type help.")
        machine.hear(PROMPT)
        yield machine


def answer(machine: Machine, line: str) -> str:
    """What the monitor says to a line."""
    machine.say(f"{line}\r{END}\r")
    said = machine.hear(f"{END}: unknown; type help{PROMPT}")
    return said.removeprefix(f"{line}\n").rpartition(f"> {END}\n")[0]


def test_help_lists_every_command(machine: Machine) -> None:
    """`help` names each command, with what may follow it and what it does."""
    names = [line.split()[0] for line in answer(machine, "help").splitlines()]
    assert names == ["help", "mem", "profile", "bench", "ls", "cat", "version", "reboot"]


def test_mem_shows_the_memory_map_and_the_heap(machine: Machine) -> None:
    """`mem` lists usable memory, which starts at 0, and a heap of nearly all of the 128 MiB."""
    said = answer(machine, "mem")
    regions = [(int(first, 16), int(last, 16)) for first, last in re.findall(r"([0-9a-f]{8}) to ([0-9a-f]{8})", said)]
    assert [first for first, _ in regions] == [0, 1 << 20]
    assert 127 << 20 < regions[1][1] < 128 << 20
    heap = re.search(r"heap: (\d+) bytes, (\d+) in use, largest free block (\d+)", said)
    assert heap
    assert 120 << 20 < int(heap[3]) <= int(heap[1]) < 127 << 20


def test_version_is_development_where_nothing_is_released(machine: Machine) -> None:
    """`version` names no commit in an everyday build, so that its bytes stay the same from commit to commit."""
    assert answer(machine, "version") == "BareFlow development\n"


def test_profile_shows_what_the_program_cost(machine: Machine) -> None:
    """`profile` is the table that the demo has printed, with the calls that it made."""
    said = answer(machine, "profile")
    calls = dict(re.findall(r"^\s*(fibonacci|sum_to_n|count_primes)\s+(\d+)", said, re.MULTILINE))
    assert calls == {"fibonacci": "10", "sum_to_n": "100", "count_primes": "5"}


def test_bench_runs_the_program_again(machine: Machine) -> None:
    """`bench` measures anew, says so in records, and profiles are listed once, not twice."""
    said = answer(machine, "bench")
    assert re.findall(r"^@bf test name=(\S+) .* result=(\d+)$", said, re.MULTILINE) == [
        ("inline_calls", "10000"),
        ("fibonacci", "55"),
        ("sum_to_n", "500500"),
        ("count_primes", "25"),
    ]
    assert len(re.findall(r"^@bf function ", said, re.MULTILINE)) == 3
    assert "the program returned 0" in said


def test_ls_shows_the_files_of_the_disk(machine: Machine, repository: Path) -> None:
    """`ls` shows the one file that the recipe put there with its size, and how many bytes are free."""
    lines = answer(machine, "ls").splitlines()
    size = (repository / "README.md").stat().st_size
    assert lines[:-1] == [f"{size:>10}  README.TXT"]
    assert re.fullmatch(r"3\d{7} bytes free", lines[-1])


def test_cat_shows_a_file(machine: Machine, repository: Path) -> None:
    """`cat` shows a file's bytes, those that are no printable ASCII as dots."""
    text = (repository / "README.md").read_bytes()
    shown = bytes(byte if 32 <= byte < 127 or byte in b"\n\t" else ord(".") for byte in text).decode()
    assert answer(machine, "cat README.TXT").expandtabs(8) == shown.rstrip("\n").expandtabs(8) + "\n"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("cat NOTHING.TXT", "cat NOTHING.TXT: not found"),
        ("ls README.TXT", "ls README.TXT: it is not a directory"),
        ("lss", "lss: unknown; type help"),
    ],
)
def test_what_cannot_be_done_is_said(machine: Machine, line: str, complaint: str) -> None:
    """A wrong path or command gets one line that says why; the monitor goes on."""
    assert answer(machine, line) == f"{complaint}\n"


def test_a_line_can_be_corrected(machine: Machine) -> None:
    """Backspace takes a character back, Ctrl-U the whole line, on the serial line as on a terminal."""
    machine.say(f"rubbish\x15lsx\x7f /\r{END}\r")
    assert "README.TXT" in machine.hear(f"{END}: unknown; type help{PROMPT}")


def test_the_keyboard_is_heard_like_the_serial_line(machine: Machine) -> None:
    """Keys, with shift and backspace among them, type the same commands; the answer is on the screen too."""
    machine.press("c", "a", "t", "spc", "shift-n", "shift-o", "o", "backspace", "ret")
    assert machine.hear("cat NO: not found")
    machine.hear(PROMPT)
    assert "cat NO: not found" in machine.screen()


def test_reboot_starts_the_machine_anew(machine: Machine) -> None:
    """`reboot` resets the machine: it boots again, runs the demo again, and comes back to its monitor."""
    machine.say("reboot\r")
    machine.hear("@bf boot version=1")
    machine.hear("@bf done status=0")
    machine.hear("This is the monitor; type help.")
    machine.hear(PROMPT)
