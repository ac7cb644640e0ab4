"""`doit cache reindex`: make the index of what was done anew from the records themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild.commands.cache import text as show

if TYPE_CHECKING:
    from bfbuild.store import Store


def look(store: Store) -> int:
    """Return how many records the index has now."""
    return store.traces.reindex()


def text(records: int) -> str:
    """Return the line for people."""
    return f"indexed {show.count(records, 'record')}"


def data(records: int) -> object:
    """Return the same for programs."""
    return {"records": records}
