"""Our own functions of real numbers, beside numpy's in double precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.weights.made import Floats, Shape, flat, small

if TYPE_CHECKING:
    from tests.chat.conftest import Open


@pytest.fixture(scope="module")
def made(chat: Open, tmp_path_factory: pytest.TempPathFactory) -> tuple[Floats, Floats]:
    """Numbers of all sizes, and the five things that are made of each."""
    path = tmp_path_factory.mktemp("numbers") / "model.bin"
    path.write_bytes(flat(small(Shape(), "Q8_0")[0]))
    random = np.random.default_rng(1)
    values = np.concatenate(
        [
            random.uniform(-90, 90, 20_000),
            random.uniform(0, 20_000, 20_000),
            np.exp(random.uniform(-40, 14, 20_000)) * random.choice([1, -1], 20_000),
            [0, -0.0, 1, 65504, 65520, 6e-8, 3e-8, 2.9e-8, 6.1e-5, 2097151],
        ]
    ).astype(np.float32)
    answer = np.frombuffer(chat(path).ask("N", values.tobytes()), np.float32).reshape(-1, 5)
    return values, answer


def test_powers_of_e(made: tuple[Floats, Floats]) -> None:
    """Within 2 units in the last place from -87 to 88, 0 below, and no more than at 88 above."""
    values, found = made[0], made[1][:, 0]
    inside = (values >= -87) & (values <= 88)
    expected = np.exp(values[inside].astype(np.float64))
    assert (np.abs(found[inside] - expected) <= 2 * np.spacing(expected.astype(np.float32))).all()
    assert (found[values < -87] == 0).all()
    assert np.isfinite(found).all()


def test_sines_and_cosines(made: tuple[Floats, Floats]) -> None:
    """Within 2^-22 for every angle below 2^21."""
    values, sines, cosines = made[0], made[1][:, 1], made[1][:, 2]
    inside = values >= 0
    angles = values[inside].astype(np.float64)
    assert np.abs(sines[inside] - np.sin(angles)).max() < 2**-22
    assert np.abs(cosines[inside] - np.cos(angles)).max() < 2**-22


def test_square_roots(made: tuple[Floats, Floats]) -> None:
    """The nearest number, as the processor has it."""
    values, found = made[0], made[1][:, 3]
    np.testing.assert_array_equal(found, np.sqrt(np.maximum(values, 0)))


def test_half_precision(made: tuple[Floats, Floats]) -> None:
    """The lower halves of numbers, as half-precision numbers: each is exact that is one."""
    halves, found = made[0].view(np.uint16)[::2].view(np.float16), made[1][:, 4]
    is_number = np.isfinite(halves)
    assert is_number.sum() > 10_000
    np.testing.assert_array_equal(found[is_number], halves[is_number].astype(np.float32))
