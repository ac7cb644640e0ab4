"""The chat program on the machine itself, with a small made-up model: it says what the same code says natively."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.machine.verdict import Verdict
from tests.guest.machine import at_machine
from tests.weights.made import Shape, flat, sealed, small

if TYPE_CHECKING:
    from bfbuild.machine.spec import Wrap
    from tests.chat.conftest import Disk, Open
    from tests.conftest import Boot

SHAPE = Shape(dim=64, hidden=96, heads=4, kv_heads=2, layers=3, vocabulary=300, context=512)
MODEL = flat(small(SHAPE, "Q4_1", seed=5)[0])
LAST_NORM = struct.unpack_from("<I", MODEL, struct.unpack_from("<I", MODEL, 112)[0] + 16 + 12)[0]
NO_NUMBER = 0x7FC00000


def test_a_guest_says_what_the_native_code_says(disk: Disk, start: Boot, chat: Open, tmp_path: Path) -> None:
    """Greedy, the same tokens for the same text, and figures about them."""
    run = start(disk(MODEL), args="tokens=40 tell abc def").require_ok()
    native = chat(tmp_path / "MODEL.BIN")
    tokens = native.encode(b"abc def")
    follow = native.follow(tokens, 40, exact=False)
    end = next((at for at, token in enumerate(follow) if token < 3), 40)
    said = native.decode(tokens + follow[:end]).decode("utf-8", "replace")
    letters = re.sub(r"[^A-Za-z0-9]", "", said)  # what is no text appears as dots
    assert letters in re.sub(r"[^A-Za-z0-9]", "", run.transcript.text)
    assert len(letters) > 10
    assert f"({len(tokens)} tokens read" in run.transcript.text
    assert f"{end} said" in run.transcript.text


def test_dice_fall_alike_for_equal_seeds(disk: Disk, start: Boot) -> None:
    """With a temperature, equal seeds say the same, and others something else."""
    path = disk(MODEL)
    said = [
        start(path, args=f"tokens=30 temp=150 seed={seed} tell abc").require_ok().transcript.text.split("numbers, ")[1]
        for seed in (1, 1, 2)
    ]
    texts = [re.sub(r"@bf .*\n", "", each).rsplit("(", 1)[0] for each in said]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(
    ("model", "memory", "words"),
    [
        (None, 64, "the model MODEL.BIN cannot be used: not found"),
        (b"no model at all", 64, "the model MODEL.BIN cannot be used: it is no model"),
        (MODEL[:-64], 64, "it has not the size that its header says"),
        (MODEL[:9000] + b"\xff" + MODEL[9001:], 64, "its checksum is wrong: it is damaged"),
        (b"\0" * (30 << 20), 24, "there is too little memory"),
        (sealed(MODEL, {LAST_NORM: NO_NUMBER}), 64, "some of its weights are infinite or no numbers"),
    ],
)
def test_a_model_that_cannot_be_used(disk: Disk, start: Boot, model: bytes | None, memory: int, words: str) -> None:
    """None, a damaged one, one that memory cannot hold, one of no numbers: a message, and a failure, no panic."""
    run = start(disk(model), memory_mib=memory)
    assert run.verdict is Verdict.FAILED
    assert words in run.transcript.text


def test_an_empty_question_has_no_answer(disk: Disk, start: Boot) -> None:
    """A message, and a failure."""
    run = start(disk(MODEL), args="ask")
    assert run.verdict is Verdict.FAILED
    assert "there is nothing to answer" in run.transcript.text


def test_a_prompt_longer_than_the_context_is_refused(disk: Disk, start: Boot) -> None:
    """A model that remembers 64 tokens, and a question of more."""
    short = flat(small(SHAPE._replace(context=64), "Q4_1", seed=5)[0])
    run = start(disk(short), args="ask " + "why " * 60)
    assert run.verdict is Verdict.FAILED
    assert "that is more than this model can remember" in run.transcript.text


def test_after_a_failure_the_monitor_comes(disk: Disk, qemu_wrap: Wrap) -> None:
    """Somebody at the machine reads what is wrong, and can go on."""
    with at_machine(disk(None), qemu_wrap) as machine:
        machine.hear("the model MODEL.BIN cannot be used: not found")
        machine.hear("This is the monitor; type help.")


def test_a_conversation(disk: Disk, qemu_wrap: Wrap) -> None:
    """Commands, answers, Ctrl-C in the middle of one, invalid UTF-8, the keyboard, and the end."""
    with at_machine(disk(MODEL), qemu_wrap, "-fw_cfg", "name=opt/bareflow/args,string=talk") as machine:
        machine.hear("Ask something, or /help.\n\n> ")
        machine.say("/help\r")
        machine.hear("  /exit    end the conversation")
        machine.say("/temp 0.75\r")
        machine.hear("temperature 0.75\n")
        machine.say("/temp 0\r")
        machine.hear("temperature 0.00: always the likeliest\n")
        machine.say("/seed 7\r")
        machine.hear("seed 7\n")
        machine.say("abc\r")
        machine.hear("abc\n")
        machine.say("\x03")
        machine.hear("stopped")
        machine.hear("\n> ")
        machine.say("/stats\r")
        assert "of 512 tokens remembered" in machine.hear("for the conversation\n")
        machine.say("/reset\r")
        machine.hear("what was said is forgotten\n")
        machine.say("\xff\xc3(\xe2\x82 \xf0\x9f\x98\r\x03")
        machine.hear("stopped")
        machine.hear("\n> ")
        machine.say("/nothing\r")
        machine.hear("/nothing: unknown; /help lists what there is\n")
        machine.press("slash", "e", "x", "i", "t", "ret")
        machine.hear("This is the monitor; type help.")


def test_a_hostile_model_cannot_harm(chat: Open, tmp_path: Path) -> None:
    """Any word of the header or of the tables changed, with a right checksum: refused, or used inside of the file."""
    (tmp_path / "model.bin").write_bytes(MODEL)
    loader, refused, tried = chat(tmp_path / "model.bin"), 0, 0
    places = [*range(0, 128, 4), *range(128, len(MODEL), 4 * 997)]
    table = struct.unpack_from("<I", MODEL, 112)[0]
    places += range(table, table + 16 * 30, 4)
    for place in places:
        for value in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 64, 300, len(MODEL)):
            answer = loader.ask("R", struct.pack("<II", place, value))
            refused += struct.unpack("<I", answer)[0]
            tried += 1
    assert tried // 4 < refused < tried


def test_the_checksum_is_zlibs(chat: Open, tmp_path: Path) -> None:
    """A file whose CRC-32 Python computed is taken; with one bit changed anywhere it is not."""
    (tmp_path / "model.bin").write_bytes(MODEL)
    assert chat(tmp_path / "model.bin").state == "ok"
    assert struct.unpack_from("<I", MODEL, 12)[0] == zlib.crc32(MODEL[16:])
    (tmp_path / "other.bin").write_bytes(MODEL[:-1] + b"\x01")
    assert chat(tmp_path / "other.bin").state == "its checksum is wrong: it is damaged"
