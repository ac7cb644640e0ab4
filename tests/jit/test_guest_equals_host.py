"""Law 4: the module makes the same bytes in a guest as on the host, whatever processor either runs on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tests.jit.processors import PROCESSORS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Boot, Built
    from tests.jit.conftest import Compiler

FUNCTIONS, AGAIN = 22, 3  # of kernels.c that objects.c compiles, and compiles once more


def test_a_guest_makes_what_the_host_makes(built: Built, start: Boot, compiler: Compiler, kernels: Path) -> None:
    """22 functions for 3 processors, byte for byte; the first ones also when they are asked for again at the end."""
    run = start(built("jit/objects.img")["jit/objects.img"], extra=("-cpu", "max"))
    run.require_ok()
    found = [
        tuple(each.text(name) for name in ("function", "features", "sha256", "optimized"))
        for each in run.transcript.all("object")
    ]
    assert len(found) == FUNCTIONS * len(PROCESSORS) + AGAIN
    assert found[-AGAIN:] == found[:AGAIN]
    assert {features for _, features, _, _ in found} == {features or "none" for features in PROCESSORS.values()}
    for function, features, *digests in found:
        made = compiler(function, features.replace("none", ""), kernels)
        parts = (made.object, made.optimized)
        assert digests == [hashlib.sha256(part).hexdigest() for part in parts], (function, features)
    assert run.transcript.one("module").number("refused") == 0
