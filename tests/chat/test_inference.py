"""What a model says is what an independent implementation of its description says, in numpy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.chat.reference import Llama, surprise
from tests.weights.made import Shape, flat, small

if TYPE_CHECKING:
    from tests.chat.conftest import Open
    from tests.conftest import Built

ONCE = [6403, 1980, 253, 655]  # "Once upon a time"
TALE = [  # how it goes on
    *(
        28,
        260,
        2240,
        282,
        23324,
        27108,
        436,
        253,
        15114,
        39228,
        28,
        351,
        25854,
        41658,
        284,
        14055,
        9018,
        30,
        1249,
        347,
        260,
        929,
    ),
    *(
        3514,
        411,
        28,
        260,
        2240,
        2585,
        288,
        5946,
        624,
        2798,
        9615,
        30,
        378,
        2268,
        29,
        16591,
        20215,
        282,
        260,
        3925,
        2591,
    ),
    *(
        2585,
        288,
        25858,
        28,
        284,
        260,
        2268,
        29,
        16591,
        10959,
        282,
        260,
        5065,
        2585,
        288,
        25858,
        30,
        378,
        2268,
        29,
        16591,
    ),
]
QUESTION = "What is the capital of France?"
TEXT = Path(__file__).parent / "text.txt"
ODD = Shape(dim=36, hidden=50, heads=6, kv_heads=3, vocabulary=301)
ONE_KEY = Shape(dim=64, hidden=96, heads=8, kv_heads=1)
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
    expected = llama.logits(LONGER)
    np.testing.assert_allclose(model.logits(LONGER, exact=True), expected, rtol=1e-3, atol=1e-4)
    difference = model.logits(LONGER, exact=False) - expected
    assert np.sqrt(np.mean(difference**2)) < 0.05 * np.sqrt(np.mean(expected**2))


@pytest.fixture(scope="module")
def smollm2_in_numpy(built: Built) -> Llama:
    """The same model for numpy: half a gigabyte of floats."""
    return Llama(built("smollm2.gguf")["smollm2.gguf"])


def test_a_tale_goes_on_as_in_numpy(chat: Open, smollm2: Path, smollm2_in_numpy: Llama) -> None:
    """SmolLM2, greedy: 64 tokens behind "Once upon a time", by the exact way and by numpy.

    Each token is the likeliest behind all before it, so it is the one that would be said.
    """
    text, model = ONCE + TALE[:-1], chat(smollm2, "quick")
    for logits in (model.logits(text, exact=True), smollm2_in_numpy.logits(text)):
        assert logits.argmax(axis=1)[len(ONCE) - 1 :].tolist() == TALE
    assert model.follow(ONCE, 8, exact=True) == TALE[:8]


@pytest.mark.parametrize("exact", [True, False])
def test_a_question_is_answered(chat: Open, smollm2: Path, *, exact: bool) -> None:
    """The model's own template around a question, either way."""
    model = chat(smollm2, "quick")
    system = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    asked = model.encode(f"{system}<|im_start|>user\n".encode(), "M") + model.encode(QUESTION.encode())
    asked += model.encode(b"<|im_end|>\n<|im_start|>assistant\n", "M")
    answer = model.follow(asked, 9, exact=exact)
    assert model.decode(answer[: answer.index(2)]) == b"The capital of France is Paris."


def test_rounding_costs_less_than_a_hundredth(chat: Open, smollm2: Path, smollm2_in_numpy: Llama) -> None:
    """The fast way's perplexity of a text of some two thousand tokens is within 1 % of numpy's; the exact way's is it.

    The exact way, which takes longest, is compared with numpy on the text's beginning.
    """
    model = chat(smollm2, "quick")
    tokens = model.encode(TEXT.read_bytes())
    assert len(tokens) > 2000
    parts = [tokens[at : at + 512] for at in range(0, len(tokens), 512)]
    exact = math.exp(-sum(surprise(smollm2_in_numpy.logits(part), part) for part in parts) / len(tokens))
    fast = math.exp(-sum(model.surprise(part, exact=False) for part in parts) / len(tokens))
    assert abs(fast / exact - 1) < 0.01, (exact, fast)
    begun = parts[0][:64]
    ours, theirs = model.surprise(begun, exact=True), surprise(smollm2_in_numpy.logits(begun), begun)
    assert ours == pytest.approx(theirs, rel=1e-4)
