"""What a model says is what an independent implementation of its description says, in numpy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.chat.reference import Llama
from tests.weights.made import Shape, checkpoint, flat, small, tokenizer_bin

if TYPE_CHECKING:
    from tests.chat.conftest import Open
    from tests.conftest import Built

ONCE = [6403, 1980, 253, 655]  # "Once upon a time"
TALE = [28, 260, 2240, 282, 23324, 27108, 436, 253, 15114, 39228, 28, 351]
QUESTION = "What is the capital of France?"
TEXT = Path(__file__).parent / "text.txt"
BABYLLAMA = Path(__file__).parents[2] / "../shared/models/babyllama"
ODD = Shape(dim=36, hidden=50, heads=6, kv_heads=3, vocabulary=301)
ONE_KEY = Shape(dim=64, hidden=96, heads=8, kv_heads=1)
SOME = [5, 17, 260, 3, 99, 17, 42, 250, 8, 8, 100, 31]
LONGER = [number * 7 % 300 for number in range(45)]  # more than are read at once


@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0", "Q4_0", "Q4_1"])
@pytest.mark.parametrize(
    ("shape", "shared"),
    [(Shape(), False), (Shape(), True), (ODD, False), (ONE_KEY, True), (Shape(kv_heads=4), False)],
    ids=["small", "shared classifier", "odd sizes", "one key", "as many keys as heads"],
)
def test_logits_are_the_references(chat: Open, tmp_path: Path, shape: Shape, kind: str, *, shared: bool) -> None:
    """Made-up models of all types and shapes: the exact way to rounding, the fast one nearly."""
    data, _ = small(shape, kind, shared=shared)
    (tmp_path / "model.gguf").write_bytes(data)
    (tmp_path / "model.bin").write_bytes(flat(data))
    model, llama = chat(tmp_path / "model.bin"), Llama(tmp_path / "model.gguf")
    expected = np.array([llama.logits([token]) for token in LONGER])
    np.testing.assert_allclose(model.logits(LONGER, exact=True), expected, rtol=1e-3, atol=1e-4)
    difference = model.logits(LONGER, exact=False) - expected
    assert np.sqrt(np.mean(difference**2)) < 0.05 * np.sqrt(np.mean(expected**2))


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize(("shape", "group"), [(Shape(vocabulary=320), 32), (ODD._replace(vocabulary=320), 72)])
@pytest.mark.parametrize("shared", [False, True])
def test_checkpoints_say_what_the_reference_says(
    chat: Open, tmp_path: Path, shape: Shape, group: int, version: int, *, shared: bool
) -> None:
    """Every version, with sizes that no block divides: greedy tokens of the exact way are numpy's."""
    data, numbers = checkpoint(shape, version, shared=shared, group=group)
    (tmp_path / "model.bin").write_bytes(flat(data, tokenizer_bin(320)))
    full = checkpoint(shape, 0, shared=shared)[0] if version == 2 else data
    (tmp_path / "full.bin").write_bytes(full)
    (tmp_path / "tokenizer.bin").write_bytes(tokenizer_bin(320))
    llama = Llama(tmp_path / "full.bin", tmp_path / "tokenizer.bin")
    if version == 2:
        llama.embedding = numbers["token_embd.weight"]
        llama.classifier = numbers.get("output.weight", llama.embedding)
        llama.layers = [
            [numbers[name] for name in numbers if name.startswith(f"blk.{layer}.")] for layer in range(shape.layers)
        ]
    expected = np.array([llama.logits([token]) for token in SOME])
    found = chat(tmp_path / "model.bin").logits(SOME, exact=True)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_a_tale_goes_on_as_in_numpy(chat: Open, smollm2: Path, built: Built) -> None:
    """SmolLM2, greedy: 64 tokens behind "Once upon a time" are numpy's, by the exact way."""
    llama = Llama(built("smollm2.gguf")["smollm2.gguf"])
    expected: list[int] = []
    while len(expected) < 64:
        expected.append(int(llama.logits(expected[-1:] or ONCE).argmax()))
    assert expected[: len(TALE)] == TALE
    assert chat(smollm2, "quick").follow(ONCE, 64, exact=True) == expected


@pytest.mark.parametrize("exact", [True, False])
def test_a_question_is_answered(chat: Open, smollm2: Path, *, exact: bool) -> None:
    """The model's own template around a question, either way."""
    model = chat(smollm2, "quick")
    system = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    asked = model.encode(f"{system}<|im_start|>user\n".encode(), "M") + model.encode(QUESTION.encode())
    asked += model.encode(b"<|im_end|>\n<|im_start|>assistant\n", "M")
    answer = model.follow(asked, 9, exact=exact)
    assert model.decode(answer[: answer.index(2)]) == b"The capital of France is Paris."


def test_rounding_costs_less_than_a_hundredth(chat: Open, smollm2: Path) -> None:
    """The fast way's perplexity of a text of some two thousand tokens is within 1 % of the exact way's."""
    model = chat(smollm2, "quick")
    tokens = model.encode(TEXT.read_bytes())
    assert len(tokens) > 2000
    parts = [tokens[at : at + 512] for at in range(0, len(tokens), 512)]
    exact, fast = (
        math.exp(-sum(model.surprise(part, exact=each) for part in parts) / len(tokens)) for each in (True, False)
    )
    assert abs(fast / exact - 1) < 0.01, (exact, fast)


@pytest.mark.skipif(not BABYLLAMA.is_dir(), reason="a real checkpoint for whoever has it")
def test_a_real_checkpoint_speaks_as_in_numpy(chat: Open, tmp_path: Path) -> None:
    """BabyLlama's characters, greedy from its first token, are numpy's, either way."""
    weights, tokenizer = BABYLLAMA / "model5000.bin", BABYLLAMA / "tok105.bin"
    (tmp_path / "model.bin").write_bytes(flat(weights.read_bytes(), tokenizer.read_bytes()))
    llama, expected = Llama(weights, tokenizer), [1]
    while len(expected) < 200:
        expected.append(int(llama.logits(expected[-1:]).argmax()))
    model = chat(tmp_path / "model.bin", "quick")
    assert model.follow([1], 199, exact=True) == expected[1:]
    assert b" the " in model.decode(expected[1:])
