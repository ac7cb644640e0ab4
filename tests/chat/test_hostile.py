"""The chat program as a twin under the sanitizers, with models that lie: a sentence each time, and no harm.

The programs are `watched/chat.twin` and `watched/hostile_model.twin` (recipes/twin_tests.py).
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

import pytest

from bfbuild.machine.verdict import Verdict
from tests.weights.made import Flat, Shape, checkpoint, flat, sealed, small, tokenizer_bin

if TYPE_CHECKING:
    from tests.chat.conftest import Disk, Open
    from tests.conftest import Twin

TIMES = 600
MODELS = {
    "half bytes": flat(small(Shape(), "Q4_1", seed=5)[0]),
    "bytes": flat(small(Shape(), "Q8_0", seed=6, shared=True)[0]),
    "SentencePiece": flat(checkpoint(Shape(), 0, shared=False)[0], tokenizer_bin(300)),
}
REASONS = {
    "its checksum is wrong: it is damaged",
    "its shape is none that we know",
    "its vocabulary is of a kind that we do not know",
    "its vocabulary contradicts itself",
    "its matrices are not those of its shape",
    "some of its weights are infinite or no numbers",
}
MODEL = MODELS["half bytes"]
HEAD = Flat(MODEL).header
# Where the header has what lies.
DIM, HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_SIZE, VOCABULARY, CONTEXT, EPSILON = range(16, 52, 4)
MERGES, CHARACTERS, STARTS_AT, MATRICES_AT = 72, 76, 80, 112
NO_NUMBER, INFINITE = 0x7FC00000, 0x7F800000
SHAPE, WORDS, MATRICES = "shape is none that we know", "vocabulary contradicts itself", "matrices are not those"


def weights_at(matrix: int) -> int:
    """Where the table says that a matrix lies."""
    return int(struct.unpack_from("<I", MODEL, HEAD["table_at"] + 16 * matrix + 12)[0])


@pytest.mark.parametrize("model", MODELS)
def test_damaged_models_do_no_harm(start_twin: Twin, disk: Disk, model: str) -> None:
    """Bits, words of every part and the end of the file, mostly sealed again: refused with a reason, or used."""
    ended = start_twin("watched/hostile_model", disk(MODELS[model]), args=f"1 {TIMES}", memory_mib=512)
    said = ended.require_ok().transcript
    found = said.one("models")
    reasons = re.findall(r"the model MODEL.BIN cannot be used: (.*)", said.text)
    assert len(reasons) + found.number("taken") == found.number("times") == TIMES
    assert set(reasons) >= REASONS
    assert 0 < found.number("used") <= found.number("taken") < TIMES / 2


def test_the_program_is_watched(start_twin: Twin, disk: Disk, chat: Open) -> None:
    """It tells what the same code tells natively, and compiles itself anew, without a word of the sanitizers."""
    path = disk(MODEL)
    run = start_twin("watched/chat", path, args="tokens=20 tell abc def", memory_mib=512).require_ok()
    native = chat(path.with_name("MODEL.BIN"))
    tokens = native.encode(b"abc def")
    follow = native.follow(tokens, 20, exact=False)
    said = native.decode(follow[: next((at for at, token in enumerate(follow) if token < 3), 20)])
    letters = re.sub(rb"[^A-Za-z0-9]", b"", said).decode()
    assert letters in re.sub(r"[^A-Za-z0-9]", "", run.transcript.text)
    assert len(letters) > 5


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({DIM: 0xFFFFFFFF}, SHAPE),
        ({DIM: 0}, SHAPE),
        ({HIDDEN: 0x7FFFFFFF}, SHAPE),
        ({HIDDEN: 0x10000}, MATRICES),
        ({LAYERS: 0x400}, MATRICES),
        ({HEADS: 0x400, KV_HEADS: 0x400, HEAD_SIZE: 0x400}, MATRICES),
        ({HEADS: 3, KV_HEADS: 2}, SHAPE),
        ({HEAD_SIZE: 7}, SHAPE),
        ({VOCABULARY: 0x40000}, WORDS),
        ({CONTEXT: 0x80000000}, SHAPE),
        ({EPSILON: NO_NUMBER}, SHAPE),
        ({MERGES: 0x7FFFFFFF}, WORDS),
        ({CHARACTERS: 0x7FFFFFFF}, WORDS),
        ({STARTS_AT: 0xFFFFFFC0}, WORDS),
        ({MATRICES_AT: len(MODEL)}, MATRICES),
        ({HEAD["table_at"] + 8: 0x80000000}, MATRICES),
        ({HEAD["frequencies_at"]: NO_NUMBER}, MATRICES),
        ({HEAD["starts_at"] + 40: 0xFFFFFFFF}, WORDS),
        ({weights_at(1): NO_NUMBER}, "weights are infinite or no numbers"),
        ({weights_at(1): INFINITE}, "weights are infinite or no numbers"),
        ({weights_at(3) + 4: 0x80000000 | INFINITE}, "weights are infinite or no numbers"),
    ],
)
def test_a_header_that_lies_is_told(start_twin: Twin, disk: Disk, words: dict[int, int], reason: str) -> None:
    """Negative, huge and overflowing sizes, and weights that are none, behind a checksum that is right."""
    run = start_twin("watched/chat", disk(sealed(MODEL, words)), args="jit=0 tell abc", memory_mib=128)
    assert run.verdict is Verdict.FAILED
    assert reason in run.transcript.text


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 4096, len(MODEL) // 2, len(MODEL) - 64, len(MODEL) - 1])
def test_a_file_that_ends_too_early_is_told(start_twin: Twin, disk: Disk, size: int) -> None:
    """Cut anywhere, as it is, and with a header that says so."""
    for data in (MODEL[:size], sealed(MODEL, {}, size) if size >= 128 else b""):
        run = start_twin("watched/chat", disk(data), args="jit=0 tell abc", memory_mib=128)
        assert run.verdict is Verdict.FAILED
        assert "the model MODEL.BIN cannot be used: it" in run.transcript.text


def test_a_vocabulary_may_have_holes(start_twin: Twin, disk: Disk) -> None:
    """A byte without a token is left out, a token without text says nothing; without all tokens there is no answer."""
    bytes_at = HEAD["byte_tokens_at"]
    without_b = sealed(MODEL, {MERGES: 0, bytes_at + 4 * ord("b"): 0xFFFFFFFF})
    run = start_twin("watched/chat", disk(without_b), args="jit=0 tokens=5 tell abc", memory_mib=128).require_ok()
    assert "(2 tokens read" in run.transcript.text
    silent = sealed(MODEL, {HEAD["starts_at"] + 4 * token: 0 for token in range(1, HEAD["vocabulary"] + 1)})
    run = start_twin("watched/chat", disk(silent), args="jit=0 tokens=5 tell abc", memory_mib=128).require_ok()
    assert "abc\n(" in run.transcript.text
    none = sealed(MODEL, {bytes_at + 4 * byte: 0xFFFFFFFF for byte in range(256)})
    run = start_twin("watched/chat", disk(none), args="jit=0 tell abc", memory_mib=128)
    assert run.verdict is Verdict.FAILED
    assert "there is nothing to answer" in run.transcript.text
