"""The compiler module in a guest: whatever goes wrong in it comes back as a result, and the kernel goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Boot, Built


def test_a_module_may_fail_in_every_way(built: Built, start: Boot) -> None:
    """Faults, no stack, no memory, no end, last words: each is told, the next call works, and no memory is lost."""
    run = start(built("jit/faults.img")["jit/faults.img"], extra=("-cpu", "max"))  # which knows pages of mere data
    run.require_ok()


def test_too_little_memory_is_told(built: Built, start: Boot) -> None:
    """A machine that cannot hold the module says so, and does not panic."""
    run = start(built("jit/objects.img")["jit/objects.img"], memory_mib=32)
    assert run.transcript.one("done").number("status") == 2
    assert "there is too little memory for the compiler module" in run.transcript.text
