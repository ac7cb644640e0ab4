"""The door hands words on to doit as doit can read them."""

from __future__ import annotations

import pytest

from bfbuild.commands.door import joined


@pytest.mark.parametrize(
    ("words", "read"),
    [
        (["run", "--args", "a=1 b"], ["run", "--args=a=1 b"]),
        (["run", "--args=a=1", "b=2"], ["run", "--args=a=1", "b=2"]),
        (["chat", "--prompt", "What is 1 + 1?"], ["chat", "--prompt", "What is 1 + 1?"]),
        (["chat", "--prompt", "x = 2"], ["chat", "--prompt=x = 2"]),
        (["x=1", "run", "-i"], ["x=1", "run", "-i"]),
    ],
)
def test_a_value_with_an_equals_sign_stays_with_its_option(words: list[str], read: list[str]) -> None:
    """Doit takes a word of the form NAME=VALUE for a variable of its own, wherever it stands."""
    assert joined(words) == read
