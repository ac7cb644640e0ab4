"""Files that lie: whatever a GGUF file or a checkpoint says, there is a flat file or an error with facts, and soon."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bfbuild.weights.__main__ import main
from bfbuild.weights.faults import WeightsError
from tests.weights.made import Flat, Shape, Tensor, checkpoint, flat, gguf_file, keys, matrices, small, tokenizer_bin

TINY = Shape(dim=8, hidden=8, layers=1, heads=2, kv_heads=1, vocabulary=270, context=8)
GOOD, _ = small(TINY, "F32")
CHECKPOINT, _ = checkpoint(TINY, 0, shared=True)
QUANTIZED, _ = checkpoint(TINY, 2, shared=False, group=8)
TOKENIZER = tokenizer_bin(TINY.vocabulary)


def tensors(shape: Shape = TINY) -> dict[str, Tensor]:
    """Return tensors of zeros."""
    return {
        name: Tensor("F32", rows, columns, bytes(4 * rows * columns))
        for name, (rows, columns) in matrices(shape).items()
    }


def refused(data: bytes, tokenizer: bytes | None = None) -> dict[str, str]:
    """Convert what must not be converted; return the error's facts, with its headline."""
    with pytest.raises(WeightsError) as problem:
        flat(data, tokenizer)
    facts = dict(problem.value.facts)
    assert {"file", "size"} <= set(facts)
    return facts | {"headline": problem.value.headline}


def with_key(name: str, value: Any) -> bytes:
    """Return a file with one key changed, or without it where the value is None."""
    values = keys(TINY) | {name: value}
    return gguf_file({key: each for key, each in values.items() if each is not None}, list(tensors().items()))


@pytest.mark.parametrize(
    ("name", "value", "headline"),
    [
        ("general.architecture", "mamba", "a model has an unknown architecture"),
        ("general.architecture", None, "a GGUF file lacks a key"),
        ("llama.block_count", "two", "a GGUF file's key has another type"),
        ("llama.block_count", True, "a GGUF file's key has another type"),
        ("llama.block_count", 0, "a model's header cannot be true"),
        ("llama.block_count", 2, "a model lacks a tensor"),
        ("llama.context_length", 0xFFFFFFFF, "a model's header cannot be true"),
        ("llama.attention.head_count", 0, "a model's header cannot be true"),
        ("llama.attention.head_count_kv", 3, "a model's header cannot be true"),
        ("llama.attention.layer_norm_rms_epsilon", float("nan"), "a model's header cannot be true"),
        ("llama.rope.freq_base", float("inf"), "a model's header cannot be true"),
        ("llama.embedding_length", 16, "a tensor has not the shape that the header says"),
        ("llama.vocab_size", 4, "a vocabulary has not the size that the header says"),
        ("llama.expert_count", 8, "a model is of a kind that we do not know"),
        ("llama.rope.scaling.type", "yarn", "a model is of a kind that we do not know"),
        ("general.alignment", 0, "a GGUF file's header cannot be true"),
        ("general.alignment", 48, "a GGUF file's header cannot be true"),
        ("tokenizer.ggml.model", "bert", "a vocabulary is of a kind that we do not know"),
        ("tokenizer.ggml.pre", "qwen2", "a vocabulary splits text in a way that we do not know"),
        ("tokenizer.ggml.tokens", ["a"] * 269, "a vocabulary's lists do not fit each other"),
        ("tokenizer.ggml.tokens", [1] * 270, "a vocabulary's lists do not fit each other"),
        ("tokenizer.ggml.merges", ["a zz"], "a merge names a token that the vocabulary lacks"),
        ("tokenizer.ggml.merges", ["ab"], "a merge names a token that the vocabulary lacks"),
        ("tokenizer.ggml.eos_token_id", 270, "a vocabulary names a token that it lacks"),
    ],
)
def test_a_key_that_lies_is_an_error(name: str, value: Any, headline: str) -> None:
    """Each key, with a value that cannot be: the error says what is wrong, and of which file."""
    data = with_key(name, value)
    if headline == "a vocabulary has not the size that the header says":
        headline = "a tensor has not the shape that the header says"  # the embedding is looked at first
    assert refused(data)["headline"] == headline


def test_a_vocabulary_may_have_holes() -> None:
    """Empty and unused tokens, and bytes without a token, are no error: nothing ever becomes one of them."""
    values = keys(TINY)
    texts, types = list(values["tokenizer.ggml.tokens"]), list(values["tokenizer.ggml.token_type"])
    texts[10], types[11] = "", 5
    holes = values | {"tokenizer.ggml.tokens": texts, "tokenizer.ggml.token_type": types}
    made = Flat(flat(gguf_file(holes, list(tensors().items()))))
    assert made.numbers("byte_tokens", 256).count(0xFFFFFFFF) == 2
    assert made.token(10) == b""


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0", "Q4_0", "Q4_1"])
def test_a_number_that_is_none_is_an_error(kind: str, number: float) -> None:
    """In a matrix of any type, and in its last row."""
    data, _ = small(Shape(layers=1, vocabulary=320), kind)
    size = {"F32": 4, "F16": 2, "Q8_0": 34, "Q4_0": 18, "Q4_1": 20}[kind]  # the last block's scale comes first in it
    strange = np.array(number, np.float32 if kind == "F32" else np.float16).tobytes()
    facts = refused(data[: len(data) - size] + strange + data[len(data) - size + len(strange) :])
    assert facts["headline"] == "a tensor has numbers that are infinite or none"
    assert (facts["tensor"], facts["type"]) == ("output.weight", kind)


@pytest.mark.parametrize("kind", [99, 12, -1])
def test_an_unknown_type_is_an_error(kind: int) -> None:
    """The facts name the tensor and the types that we know."""
    at = GOOD.index(b"token_embd.weight") + len(b"token_embd.weight") + 4 + 16
    facts = refused(GOOD[:at] + struct.pack("<i", kind) + GOOD[at + 4 :])
    assert facts["headline"] == "a tensor has a type that we do not know"
    assert (facts["tensor"], facts["known"]) == ("token_embd.weight", "0 F32, 1 F16, 2 Q4_0, 3 Q4_1, 8 Q8_0")


def test_what_is_there_twice_or_not_known_is_an_error() -> None:
    """A tensor or key of a name that was met already; a tensor that no Llama has."""
    every = list(tensors().items())
    assert refused(gguf_file(keys(TINY), [*every, every[0]]))["headline"] == "a GGUF file has a tensor twice"
    extra = [*every, ("blk.0.attn_q.bias", every[1][1])]
    assert refused(gguf_file(keys(TINY), extra))["tensor"] == "blk.0.attn_q.bias"
    twice = GOOD.replace(b"tokenizer.ggml.merges", b"tokenizer.ggml.tokens")
    assert refused(twice)["headline"] == "a GGUF file has a key twice"


@pytest.mark.parametrize("version", [0, 1, 4, 0x03000000])
def test_another_version_is_an_error(version: int) -> None:
    """Also one whose numbers have their bytes the other way round."""
    facts = refused(gguf_file(keys(TINY), list(tensors().items()), version=version))
    assert "big-endian" in facts["headline"] or facts["wanted"] == "2 or 3"


def converted(data: bytes, tokenizer: bytes | None = None) -> None:
    """Convert, or fail with an error that has facts; anything else is a fault of ours."""
    with suppress(WeightsError):
        Flat(flat(data, tokenizer))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(GOOD) - 1))
def test_a_gguf_file_may_end_anywhere(size: int) -> None:
    """Every length that is too short is an error."""
    if size > 4:
        refused(GOOD[:size])


@settings(max_examples=300, deadline=None)
@given(st.integers(4, len(GOOD) - 8), st.sampled_from("BIQ"), st.integers(0, 2**64 - 1))
@example(8, "Q", 2**63)
@example(16, "Q", 2**64 - 1)
@example(24, "Q", 2**64 - 1)
def test_any_number_of_a_gguf_file_may_lie(at: int, form: str, value: int) -> None:
    """Numbers anywhere in the file, huge ones too."""
    made = bytearray(GOOD)
    struct.pack_into(f"<{form}", made, at, value & (1 << 8 * struct.calcsize(form)) - 1)
    converted(bytes(made))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_may_be_a_checkpoint(data: bytes) -> None:
    """Noise is an error, whichever of the two files it is."""
    refused(data, TOKENIZER)
    converted(CHECKPOINT, data)


NUMBERS = st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(-4, 300), st.sampled_from([2**30, -(2**31), 2**16]))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 6), NUMBERS)
def test_a_checkpoints_header_may_lie(field: int, value: int) -> None:
    """Negative, huge and overflowing sizes: what the header says must fit the file's size."""
    for data, at in ((CHECKPOINT, 4 * field), (QUANTIZED, 8 + 4 * field), (QUANTIZED, 37)):
        made = bytearray(data)
        struct.pack_into("<i", made, at, value)
        converted(bytes(made), TOKENIZER)


@pytest.mark.parametrize("change", [-1, 1, -4, 4])
def test_a_checkpoint_has_just_the_size_that_it_says(change: int) -> None:
    """Too short and too long are errors with the shape among the facts."""
    data = CHECKPOINT[:change] if change < 0 else CHECKPOINT + bytes(change)
    facts = refused(data, TOKENIZER)
    assert facts["headline"] == ("a model file ends too early" if change < 0 else "a checkpoint is longer than it says")
    assert (facts["dim"], facts["vocabulary"]) == ("8", "270")


@pytest.mark.parametrize(
    ("harm", "headline"),
    [
        (lambda data: data[:-1], "a model file ends too early"),
        (lambda data: data + b"x", "a tokenizer has more tokens than the model"),
        (lambda data: data[:4] + struct.pack("<f", float("nan")) + data[8:], "a vocabulary's scores cannot be true"),
        (lambda data: data[:8] + struct.pack("<i", -1) + data[12:], "a model file ends too early"),
        (lambda data: data[:8] + struct.pack("<i", 2**31 - 1) + data[12:], "a model file ends too early"),
    ],
)
def test_a_tokenizer_that_lies_is_an_error(harm: Any, headline: str) -> None:
    """Cut, longer, with scores that are none, with tokens of negative and huge length."""
    facts = refused(CHECKPOINT, harm(TOKENIZER))
    assert (facts["headline"], facts["file"]) == (headline, "tokenizer")


def test_the_script_tells_its_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error has a headline and rows of facts, and ends with status 2; a file that cannot be read too."""
    weights, tokenizer, out = (tmp_path / name for name in ("weights", "tokenizer", "out"))
    weights.write_bytes(GOOD[:-1])
    tokenizer.write_bytes(TOKENIZER)
    for arguments, said in (
        ([weights, out], "error: a model file ends too early\n  file"),
        ([weights, tokenizer, out], "error: a GGUF file has its vocabulary, and takes no tokenizer\n"),
        ([tokenizer, out], "error: a checkpoint needs a tokenizer\n"),
        ([tmp_path / "none", out], "error: a file cannot be read or written\n"),
        ([], "error: these arguments mean nothing\n"),
    ):
        assert main([str(each) for each in arguments]) == 2
        assert capsys.readouterr().err.startswith(said)
    weights.write_bytes(GOOD)
    assert main([str(weights), str(out)]) == 0
    assert out.read_bytes() == flat(GOOD)
