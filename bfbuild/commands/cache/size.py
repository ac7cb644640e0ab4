"""`doit cache size`: how much the store holds, by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild.commands.cache import text as show

if TYPE_CHECKING:
    from bfbuild.store import Store, Usage

MEANING = {
    "cas": "content",
    "ac": "results of actions",
    "trace": "what was done and why",
    "trees": "unpacked folders",
    "tmp": "unfinished work",
}


def look(store: Store) -> dict[str, Usage]:
    """Return files and bytes by kind."""
    usage = store.usage()
    return {kind: usage[kind] for kind in MEANING}


def text(usage: dict[str, Usage]) -> str:
    """Return the table for people."""
    files, total = sum(each.files for each in usage.values()), sum(each.bytes for each in usage.values())
    rows = [(kind, f"{each.files:,}", show.size(each.bytes), MEANING[kind]) for kind, each in usage.items()]
    rows.append(("all", f"{files:,}", show.size(total), ""))
    return show.table(("kind", "files", "size", ""), rows, right=(1, 2))


def data(usage: dict[str, Usage]) -> object:
    """Return the same for programs."""
    return {kind: {"files": each.files, "bytes": each.bytes} for kind, each in usage.items()}
