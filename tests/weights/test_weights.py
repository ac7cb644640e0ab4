"""What the flat file of a model holds is what the file that it comes from held."""

from __future__ import annotations

import numpy as np
import pytest

from bfbuild.weights.vocabulary import byte_characters
from tests.weights.made import Flat, Floats, Shape, checkpoint, flat, keys, matrices, small, tokenizer_bin

ODD = Shape(dim=36, hidden=50, heads=6, kv_heads=3, vocabulary=301)  # what no block size divides
LOST = 2.0**-14  # of a row's largest number: what FORMAT.md's integers may lose of a scale
TINY_LLAMA = Shape(dim=2048, hidden=5632, layers=1, heads=32, kv_heads=4, vocabulary=512, context=2048)


def in_order(shape: Shape, numbers: dict[str, Floats]) -> list[Floats]:
    """Return matrices in the order of the flat file's table."""
    names = [name for name in matrices(shape) if name.startswith("blk.")]
    classifier = numbers.get("output.weight", numbers["token_embd.weight"])
    return [numbers["token_embd.weight"], numbers["output_norm.weight"], classifier, *(numbers[name] for name in names)]


def holds(data: bytes, shape: Shape, numbers: dict[str, Floats]) -> Flat:
    """Check a flat file's shape and matrices."""
    made = Flat(data)
    for name, wanted in shape._asdict().items():
        assert made.header[name] == wanted, name
    for index, expected in enumerate(in_order(shape, numbers)):
        largest = np.abs(expected).max(axis=1, keepdims=True)
        assert (np.abs(made.matrix(index) - expected) <= largest * LOST).all()
    return made


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0", "Q4_0", "Q4_1"])
def test_a_gguf_file_keeps_its_numbers(kind: str, *, shared: bool) -> None:
    """Every type, with the last tile not full: numbers are what the blocks stand for, to 2^-14 of a row's largest."""
    data, numbers = small(Shape(), kind, shared=shared)
    holds(flat(data), Shape(), numbers)


def test_sizes_that_no_block_divides_are_kept() -> None:
    """A model of odd sizes has plain matrices."""
    data, numbers = small(ODD, "Q8_0")
    holds(flat(data), ODD, numbers)


def test_a_model_of_the_shape_of_tinyllama_fits() -> None:
    """One layer of TinyLlama-1.1B's shape, with made-up weights in Q4_0."""
    data, numbers = small(TINY_LLAMA, "Q4_0", shared=True)
    holds(flat(data), TINY_LLAMA, numbers)


EVEN, UNEVEN = Shape(vocabulary=320), ODD._replace(vocabulary=320)
CHECKPOINTS = [
    *((EVEN, 0, 0), (UNEVEN, 0, 0), (EVEN, 1, 0), (UNEVEN, 1, 0)),
    *((EVEN, 2, 64), (EVEN, 2, 32), (EVEN, 2, 16)),
    *((UNEVEN, 2, 72), (UNEVEN, 2, 9)),  # groups that begin in one row and end in another
]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("shape", "version", "group"), CHECKPOINTS)
def test_a_checkpoint_keeps_its_numbers(shape: Shape, version: int, group: int, *, shared: bool) -> None:
    """Each version and size of groups, with the classifier shared or not."""
    data, numbers = checkpoint(shape, version, shared=shared, group=group)
    holds(flat(data, tokenizer_bin(320)), shape, numbers)


def test_a_byte_level_vocabulary_is_prepared() -> None:
    """Tokens are bytes, merges are sorted with their ranks, tokens that are no text are known, and so is the chat."""
    made = Flat(flat(small(Shape(), "Q8_0")[0]))
    texts = keys(Shape())["tokenizer.ggml.tokens"]
    characters = byte_characters()
    assert made.token(2) == b"<|im_end|>"
    assert made.token(texts.index("\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}")) == b" "
    byte_tokens = made.numbers("byte_tokens", 256)
    assert [texts[token] for token in byte_tokens] == sorted(characters, key=characters.__getitem__)
    merges = np.array(made.numbers("merges", 4 * made.header["merges"])).reshape(-1, 4)
    assert merges.tolist() == sorted(merges.tolist())
    for left, right, rank, merged in merges.tolist():
        assert texts[merged] == texts[left] + texts[right]
        assert keys(Shape())["tokenizer.ggml.merges"][rank] == f"{texts[left]} {texts[right]}"
    assert list(made.data[made.header["controls_at"] :][:4]) == [1, 1, 1, 0]
    assert (made.header["splitter"], made.header["flags"], made.header["unknown"]) == (2, 0, 0xFFFFFFFF)
    first, question, answer, following = (part.decode() for part in chat(made))
    assert (first, question) == ("", "<|im_start|>user\n")
    assert (answer, following) == ("<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>\n")


def chat(made: Flat) -> list[bytes]:
    """Return the four parts of a chat."""
    at, parts = made.header["chat_at"] + 16, []
    for size in made.numbers("chat", 4):
        parts.append(made.data[at : at + size])
        at += size
    return parts


def test_a_sentencepiece_vocabulary_is_prepared() -> None:
    """What two tokens make together is a merge, ranked by score; bytes and characters are known."""
    made = Flat(flat(checkpoint(Shape(), 0, shared=True)[0], tokenizer_bin(300)))
    assert made.numbers("byte_tokens", 256) == list(range(3, 259))
    assert made.token(3 + 0xE4) == b"\xe4"
    characters = np.array(made.numbers("characters", 2 * made.header["characters"])).reshape(-1, 2).tolist()
    assert [ord(" "), 259] in characters
    assert [0x2581, 259] in characters
    merges = np.array(made.numbers("merges", 4 * made.header["merges"])).reshape(-1, 4).tolist()
    assert len(merges) == 300 - 259 - 9
    for left, right, _, merged in merges:
        assert made.token(merged) == made.token(left) + made.token(right)
    assert [merged for *_, merged in sorted(merges, key=lambda merge: merge[2])] == list(range(268, 300))
    assert (made.header["splitter"], made.header["flags"], made.header["bos"], made.header["eos"]) == (0, 3, 1, 2)
