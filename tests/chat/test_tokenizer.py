"""Text becomes the tokens that the `tokenizers` package makes of it, whatever the text."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from bfbuild.weights import gguf
from bfbuild.weights.data import Data
from tests.chat.reference import by_scores, texts_of
from tests.weights.made import Shape, checkpoint, flat, tokenizer_bin

if TYPE_CHECKING:
    from tests.chat.conftest import Chat, Open
    from tests.conftest import Built

FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PIECES = st.sampled_from(
    (
        *("don't", "'S we'LL", "it's", "'re've'd'm", "  ", " ", "\n\n", "\t ", " \r\n", "1234", "\u00bd", "\u0663"),
        *("x1y", "Zo\u00eb", "\u65e5\u672c", "\U0001f600\u200d", "e\u0301", "\u00a0", "\u3000", "\u1680", "..."),
        *("$5.00", "\x1c", "\x85", "\x00", "\u2028", "the quick brown fox", "    return", "\ufeff", "\u01c5"),
        "<|im_end|>",
    )
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=12).map("".join))


@pytest.fixture(scope="session")
def smol(chat: Open, smollm2: Path) -> Chat:
    """SmolLM2's vocabulary."""
    return chat(smollm2)


@pytest.fixture(scope="session")
def reference(built: Built, smollm2: Path) -> Tokenizer:  # noqa: ARG001  (so that the download is there)
    """The same vocabulary in the reference implementation, from the GGUF file's tokens and merges."""
    values = gguf.keys(Data.open(built("smollm2.gguf")["smollm2.gguf"]))
    tokens, merges = values["tokenizer.ggml.tokens"], values["tokenizer.ggml.merges"]
    pairs: list[Any] = [tuple(merge.split(" ")) for merge in merges]
    made = Tokenizer(models.BPE(vocab={text: token for token, text in enumerate(tokens)}, merges=pairs))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return made


@FUZZ
@given(text=TEXTS)
@example(text="")
@example(text="Once upon a time")
@example(text="<|im_start|>")
def test_byte_level_tokens_are_the_references(smol: Chat, reference: Tokenizer, text: str) -> None:
    """Any text, of any characters: the same tokens."""
    assert smol.encode(text.encode()) == reference.encode(text).ids


def test_every_character_is_of_the_references_class(smol: Chat, reference: Tokenizer) -> None:
    """All characters that Unicode 14 has, between letters and spaces, a thousand at a time."""
    every = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]
    for first in range(0, len(every), 1000):
        text = "".join(f"a{character}b {character} " for character in every[first : first + 1000])
        assert smol.encode(text.encode()) == reference.encode(text).ids, hex(ord(every[first]))


def test_known_tokens(smol: Chat) -> None:
    """The beginning of a tale, as everybody counts it."""
    assert smol.encode(b"Once upon a time") == [6403, 1980, 253, 655]
    assert smol.decode([6403, 1980, 253, 655]) == b"Once upon a time"


@FUZZ
@given(data=st.binary(max_size=60))
@example(data=b"\xff\xfe\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80")
def test_any_bytes_have_tokens_that_give_them_back(smol: Chat, data: bytes) -> None:
    """Bytes that are no UTF-8 too; only those that the vocabulary lacks are lost."""
    assert smol.decode(smol.encode(data)) == bytes(byte for byte in data if smol.encode(bytes([byte])))


@pytest.mark.parametrize("text", [b"a" * 100_000, b" " * 100_000, "\u00e9".encode() * 50_000, b"ab cd\n" * 20_000])
def test_long_texts_take_no_long_time(smol: Chat, reference: Tokenizer, text: bytes) -> None:
    """A hundred thousand bytes in one word, and in many."""
    assert smol.encode(text) == reference.encode(text.decode()).ids


def test_only_the_models_own_text_has_tokens_that_are_no_text(smol: Chat) -> None:
    """What a person types cannot end an answer; the model's own template can, and such tokens have no text."""
    assert smol.encode(b"<|im_start|>user\nHi<|im_end|>", "M") == [1, *smol.encode(b"user\nHi"), 2]
    assert not {1, 2} & set(smol.encode(b"<|im_start|>user\nHi<|im_end|>"))
    assert smol.decode([1, *smol.encode(b"Hi"), 2]) == b"Hi"


SHAPE = Shape(dim=8, hidden=8, layers=1, heads=2, kv_heads=1, vocabulary=400, context=8)
TEXTS_BY_SCORES = texts_of(tokenizer_bin(SHAPE.vocabulary))


@pytest.fixture(scope="session")
def sentences(chat: Open, tmp_path_factory: pytest.TempPathFactory) -> Chat:
    """A small SentencePiece vocabulary: bytes, a space, letters, and pairs and triples of them."""
    path = tmp_path_factory.mktemp("sentences") / "model.bin"
    path.write_bytes(flat(checkpoint(SHAPE, 0, shared=True)[0], tokenizer_bin(SHAPE.vocabulary)))
    return chat(path)


@FUZZ
@given(text=st.one_of(st.text(max_size=40), st.text(" abcdefgh\u2581#1\u00e9", max_size=60)))
@example(text=" abababab  ab")
def test_sentencepiece_tokens_are_those_by_scores(sentences: Chat, text: str) -> None:
    """The best pair first, over the whole text; what has no token becomes bytes."""
    assert sentences.encode(text.encode()) == by_scores(text, TEXTS_BY_SCORES)
    assert sentences.decode(sentences.encode(text.encode())) == text.replace("\u2581", " ").encode()
