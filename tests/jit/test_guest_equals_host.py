"""Law 4: the module makes the same bytes in a guest as on the host, whatever processor either runs on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tests.jit.conftest import request
from tests.jit.processors import PROCESSORS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Boot, Built
    from tests.jit.conftest import Compiler

FUNCTIONS, AGAIN = 22, 3  # of kernels.c that objects.c compiles, and compiles once more
USES = 7  # requests that say how a function is used


def test_a_guest_makes_what_the_host_makes(built: Built, start: Boot, compiler: Compiler, kernels: Path) -> None:
    """22 functions for 3 processors, and some for their use, byte for byte; the first when asked for again, too."""
    run = start(built("jit/objects.img")["jit/objects.img"], extra=("-cpu", "max"), timeout_s=300)
    run.require_ok()
    records = run.transcript.all("object")
    answers = [
        (request(each.text("function"), each.text("features"), kernels) + lines(each.text("use")), digests)
        for each in records
        for digests in [[each.text("sha256"), each.text("optimized")]]
    ]
    assert len(answers) == (FUNCTIONS + USES) * len(PROCESSORS) + AGAIN
    assert len({text for text, _ in answers}) == len(answers) - AGAIN
    assert len({object_ for _, (object_, _) in answers}) > FUNCTIONS + USES
    assert {each.text("features") for each in records} == {features or "none" for features in PROCESSORS.values()}
    for text, digests in answers:
        made = compiler.answer(text, kernels)
        parts = (made.object, made.optimized)
        assert digests == [hashlib.sha256(part).hexdigest() for part in parts], text
    assert run.transcript.one("module").number("refused") == 0


def lines(word: str) -> str:
    """What a request says of a function's use, from a word of a record."""
    return "" if word == "general" else word.replace(",", " ").replace(";", "\n")
