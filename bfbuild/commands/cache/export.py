"""`doit cache export TARGET FILE`: what a target is made of, tools and all, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.commands.cache import text as show
from bfbuild.commands.cache.find import find_root
from bfbuild.store.archive import Contents, write

if TYPE_CHECKING:
    from bfbuild.store import Store


def look(store: Store, target: str, file: str) -> Contents:
    """Write the archive; raise StoreError where the store does not have all of it, or it cannot be written."""
    return write(store, find_root(store, target), Path.cwd() / file)


def text(contents: Contents) -> str:
    """Return the line for people."""
    parts = [
        show.count(contents.results, "result"),
        show.count(contents.content, "blob"),
        show.count(contents.traces, "trace"),
    ]
    return f"{contents.target}: {', '.join(parts)}, {show.size(contents.bytes)}"


def data(contents: Contents) -> object:
    """Return the same for programs."""
    return {
        "target": contents.target,
        "results": contents.results,
        "content": contents.content,
        "traces": contents.traces,
        "bytes": contents.bytes,
    }
