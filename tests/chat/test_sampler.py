"""Tokens are drawn by their shares, only from the likeliest, and alike for equal seeds."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.weights.made import Floats, Shape, flat, small

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.chat.conftest import Chat, Open

LOGITS = np.array([0.0, 2.0, 1.0, -1.0, 2.0, 0.5, -30.0], np.float32)
DRAWN = 20_000


@pytest.fixture(scope="module")
def tool(chat: Open, tmp_path_factory: pytest.TempPathFactory) -> Chat:
    """Any model: none is asked for."""
    path = tmp_path_factory.mktemp("sampler") / "model.bin"
    path.write_bytes(flat(small(Shape(), "Q8_0")[0]))
    return chat(path)


def drawn(tool: Chat, logits: Floats, seed: int, heat: tuple[float, float], count: int = DRAWN) -> NDArray[np.uint32]:
    """Return so many tokens; `heat` is temperature and top_p."""
    words = struct.pack("<IffI", seed, *heat, count) + logits.tobytes()
    return np.frombuffer(tool.ask("S", words), np.uint32)


def test_without_a_temperature_it_is_the_likeliest(tool: Chat) -> None:
    """Of two equal ones, the first."""
    assert set(drawn(tool, LOGITS, 1, (0, 0.9), 10)) == {1}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_shares_are_those_of_the_temperature(tool: Chat, temperature: float) -> None:
    """With all tokens to choose from, each comes as often as its share says."""
    shares = np.exp(LOGITS / temperature)
    shares /= shares.sum()
    counts = np.bincount(drawn(tool, LOGITS, 3, (temperature, 1.0)), minlength=len(LOGITS)) / DRAWN
    np.testing.assert_allclose(counts, shares, atol=4 * np.sqrt(0.25 / DRAWN))


def test_only_the_likeliest_are_drawn_from(tool: Chat) -> None:
    """The least number of tokens that have the wanted share together, and they by their shares."""
    shares = np.exp(LOGITS) / np.exp(LOGITS).sum()
    counts = np.bincount(drawn(tool, LOGITS, 3, (1.0, 0.8)), minlength=len(LOGITS))
    assert set(np.flatnonzero(counts)) == {1, 4, 2}
    np.testing.assert_allclose(counts[[1, 4, 2]] / DRAWN, shares[[1, 4, 2]] / shares[[1, 4, 2]].sum(), atol=0.02)


def test_equal_seeds_draw_alike(tool: Chat) -> None:
    """And others do not."""
    first, same, other = (drawn(tool, LOGITS, seed, (1.0, 0.95), 50).tolist() for seed in (0, 0, 1))
    assert first == same != other


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_lead_to_some_token(tool: Chat, number: float) -> None:
    """A hostile model's logits are survived."""
    assert (drawn(tool, np.full(7, number, np.float32), 1, (1.0, 0.9), 10) < 7).all()
