"""Code that was made for a function's use computes what the build's code does, whatever it is called with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Boot, Built

FUNCTIONS = {"blend", "count_above", "power", "shift_add", "fill", "calculate"}


def test_a_version_computes_what_the_function_does(built: Built, start: Boot) -> None:
    """72 versions, for values and branches by dice: equal results for arguments that match, and for others."""
    run = start(built("jit/specialise.img")["jit/specialise.img"], extra=("-cpu", "max"), timeout_s=120)
    run.require_ok()
    assert {each.text("name") for each in run.transcript.all("specialised")} == FUNCTIONS
