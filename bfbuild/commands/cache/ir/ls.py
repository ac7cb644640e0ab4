"""`doit cache ir ls`: the optimized code in the store as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild.commands.cache import text as show
from bfbuild.commands.cache.ir.found import Code, codes, here

if TYPE_CHECKING:
    from bfbuild.store import Store

HEAD = ("key", "function", "processor", "version", "before", "after", "per mille", "from", "size")


def look(store: Store) -> list[Code]:
    """Return what is there."""
    return codes(store, here())


def text(found: list[Code]) -> str:
    """Return the table for people; what this project's profile does not know was not measured here."""
    if not found:
        return "the store holds no optimized code yet; `doit run` of a program that optimizes itself brings some"
    return show.table(HEAD, [_row(code) for code in found], right=(4, 5, 6, 8))


def data(found: list[Code]) -> object:
    """Return the same for programs."""
    return [fields(code) for code in found]


def fields(code: Code) -> dict[str, object]:
    """Return one for programs."""
    entry = code.entry
    return {
        "key": code.key,
        "request": list(code.lines),
        "function": code.function,
        "before": entry.before if entry is not None else None,
        "after": entry.after if entry is not None else None,
        "per_mille": entry.per_mille if entry is not None else None,
        "state": entry.state if entry is not None else None,
        "from": code.origin,
        "reason": code.trace.reason.text,
        "action": str(code.trace.action),
        "object": str(code.object),
        "bitcode": str(code.optimized),
    }


def cycles(code: Code) -> tuple[str, str, str]:
    """Return cycles before and after, and the second in per mille of the first, where they were measured."""
    entry = code.entry
    if entry is None or entry.state == "untried":
        return "-", "-", "-"
    worth = f"{entry.per_mille}{' (rejected)' if entry.state == 'rejected' else ''}"
    return f"{entry.before:,}", f"{entry.after:,}", worth


def _row(code: Code) -> tuple[str, ...]:
    return (
        code.key[:12],
        code.function,
        code.processor,
        code.version,
        *cycles(code),
        code.origin,
        show.size(code.object.size),
    )
