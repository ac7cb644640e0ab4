"""`doit cache import FILE`: read what `doit cache export` wrote into the store, all of it or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.commands.cache.export import data, text
from bfbuild.store.archive_reader import read

if TYPE_CHECKING:
    from bfbuild.store import Store
    from bfbuild.store.archive import Contents

__all__ = ["data", "look", "text"]


def look(store: Store, file: str) -> Contents:
    """Import the archive; raise ArchiveError for what is wrong in it, StoreError where it cannot be read or stored."""
    return read(store, Path.cwd() / file)
