"""Every `NAME.c` beside this file is a guest: it is built, booted, and ends as its name says.

A guest opens with the sentence that it tests; a `panic_` guest must panic, in the place that PANICS names.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bfbuild.machine.verdict import Verdict
from tests.guest.conftest import SOURCES

if TYPE_CHECKING:
    from bfbuild.machine.transcript import Transcript
    from tests.conftest import Boot

ARGUMENTS = {"arguments": "one two"}
ENTRY = ("kernel_main", "kernel_entry")  # who calls app_main


class Panic(NamedTuple):
    """What a panic must say of itself: its record, the functions of its backtrace, and words on the screen."""

    vector: int
    name: str
    symbol: str
    frames: tuple[str, ...] = ENTRY
    error: int = 0
    words: str = ""


RAISED = 48  # the vector of panic() and assert()

PANICS = {
    "panic_assertion": Panic(RAISED, "assertion", "app_main", words="app_arguments() == NULL at panic_assertion.c:"),
    "panic_broken_trace": Panic(6, "invalid-opcode", "app_main", ()),
    "panic_deep_trace": Panic(RAISED, "panic", "descend", ("descend",) * 32, words="deep enough"),
    "panic_divide": Panic(0, "divide-error", "divide", ("app_main", *ENTRY), words="divide-error, exception 0"),
    "panic_double_free": Panic(
        RAISED, "panic", "heap_fault", ("live_block", "free", "app_main", *ENTRY), words="double free"
    ),
    "panic_in_interrupt": Panic(
        RAISED,
        "panic",
        "tick",
        ("interrupt_dispatch", "interrupt_common", "app_main", *ENTRY),
        words="the timer ticked",
    ),
    "panic_opcode": Panic(6, "invalid-opcode", "app_main"),
    "panic_overrun": Panic(RAISED, "panic", "heap_fault", ("live_block", "free", "app_main", *ENTRY), words="overrun"),
    "panic_segment": Panic(13, "general-protection", "app_main", error=0x78),
    "panic_trace": Panic(
        RAISED, "panic", "level_3", ("level_2", "level_1", "app_main", *ENTRY), words="three levels down"
    ),
    "panic_vector": Panic(13, "general-protection", "app_main", error=99 << 3 | 2),
}


def sentence(source: Path) -> str:
    """The first comment of a C file, on one line."""
    found = re.match(r"/\*(.*?)\*/", source.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"{source.name} does not open with the sentence that it tests"
    return " ".join(found[1].split())


def expected(source: Path) -> Verdict:
    """How a guest of this name must end."""
    if source.stem == "fail":
        return Verdict.FAILED
    return Verdict.PANIC if source.stem.startswith("panic_") else Verdict.OK


def panic_of(transcript: Transcript) -> Panic:
    """What a guest said of its panic, without offsets in functions."""
    record = transcript.panic
    assert record is not None
    symbols = [each.text("symbol").split("+")[0] for each in (record, *transcript.all("frame"))]
    return Panic(record.number("vector"), record.text("name"), symbols[0], tuple(symbols[1:]), record.number("error"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.stem}: {sentence(source)}")
def test_a_guest_ends_as_its_name_says(source: Path, images: dict[str, Path], start: Boot) -> None:
    """A guest proves its sentence and succeeds; `fail` fails; a `panic_` guest panics, and says exactly where."""
    run = start(images[source.stem], args=ARGUMENTS.get(source.stem, ""))
    assert run.verdict is expected(source), run.transcript.text
    assert run.transcript.problems == ()
    if run.verdict is Verdict.PANIC:
        wanted = PANICS[source.stem]
        assert panic_of(run.transcript) == wanted._replace(words="")
        assert wanted.words in run.transcript.text
