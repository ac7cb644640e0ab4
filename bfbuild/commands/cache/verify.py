"""`doit cache verify`: everything in the store against its name; exit 1 where something is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild.commands.cache import text as show
from bfbuild.commands.progress import display
from bfbuild.commands.show import FAILED
from bfbuild.store.verify import Damage, Verdict, verify

if TYPE_CHECKING:
    from bfbuild.store import Store


def look(store: Store) -> Verdict:
    """Check it all, showing how far that is."""
    shown = display()
    try:
        return verify(store, lambda done, total: shown.transfer("verify", done, total))
    finally:
        shown.close()


def code(verdict: Verdict) -> int:
    """Return the exit code."""
    return FAILED if verdict.damage else 0


def text(verdict: Verdict) -> str:
    """Return the table of damage for people, and what was checked."""
    words = {"content": "blob", "result": "result", "root": "root", "tree": "unpacked folder"}
    checked = ", ".join(show.count(count, words[kind]) for kind, count in verdict.checked.items())
    if not verdict.damage:
        return f"checked {checked}: no damage"
    lines = [f"checked {checked}: {show.count(len(verdict.damage), 'thing')} damaged", table(verdict.damage)]
    return "\n".join([*lines, "`doit cache repair` removes just these"])


def data(verdict: Verdict) -> object:
    """Return the same for programs."""
    return {"checked": dict(verdict.checked), "damage": [vars_of(damage) for damage in verdict.damage]}


def table(damage: tuple[Damage, ...]) -> str:
    """Return damaged things as a table."""
    return show.table(("kind", "name", "reason"), [(each.kind, _short(each), each.reason) for each in damage])


def vars_of(damage: Damage) -> dict[str, str]:
    """Return one damaged thing for programs."""
    return {"kind": damage.kind, "name": damage.name, "reason": damage.reason}


def _short(damage: Damage) -> str:
    return damage.name if damage.kind == "root" else damage.name[:12]
