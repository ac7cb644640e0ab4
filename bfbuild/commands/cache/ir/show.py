"""`doit cache ir show KEY|FUNCTION`: optimized code as LLVM's own text and as instructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bfbuild.commands.cache.ir import tools
from bfbuild.commands.cache.ir.found import Code, find, here
from bfbuild.commands.cache.ir.ls import cycles, fields

if TYPE_CHECKING:
    from bfbuild.store import Store


class Shown(NamedTuple):
    """One piece of code, to be read."""

    code: Code
    ir: str
    instructions: list[str]


def look(store: Store, word: str) -> Shown:
    """Return what a key or function means; raise StoreError where that is none or several."""
    project = here()
    code = find(store, project, word)
    return Shown(
        code,
        tools.ir(project, store.cas.get_bytes(code.optimized)),
        tools.disassembly(project, store.cas.get_bytes(code.object)),
    )


def text(shown: Shown) -> str:
    """Return it for people."""
    return "\n".join([*heads(shown.code), "", shown.ir.rstrip("\n"), "", *shown.instructions])


def heads(code: Code) -> list[str]:
    """Return what is known of a piece of code."""
    before, after, per_mille = cycles(code)
    return [
        code.head,
        f"cycles a call: {before} -> {after}, per mille {per_mille}",
        *(f"  {line}" for line in code.lines[1:]),
        f"action {code.trace.action.short}, object {code.object.short}, bitcode {code.optimized.short}",
    ]


def data(shown: Shown) -> object:
    """Return it for programs."""
    return {**fields(shown.code), "ir": shown.ir, "disassembly": shown.instructions}
