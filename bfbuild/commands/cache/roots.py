"""`doit cache roots`: what is kept, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild.commands.cache import text as show

if TYPE_CHECKING:
    from bfbuild.store import Store
    from bfbuild.store.roots import Root


def look(store: Store) -> list[Root]:
    """Return the roots; raise RootDamaged where one cannot be read."""
    return store.roots.all()


def text(roots: list[Root]) -> str:
    """Return the table for people."""
    if not roots:
        return "the store has no roots: each successful build makes one, and so does `doit cache pin`"
    rows = [(root.name, root.target, str(len(root.actions)), show.when(root.made), _why(root)) for root in roots]
    return show.table(("root", "target", "actions", "built", "kept"), rows, right=(2,))


def data(roots: list[Root]) -> object:
    """Return the same for programs."""
    return [
        {
            "name": root.name,
            "target": root.target,
            "checkout": root.checkout,
            "gone": root.gone,
            "built": show.timestamp(root.made),
            "actions": {label: str(action) for label, action in sorted(root.actions.items())},
            "downloads": [str(download) for download in root.downloads],
        }
        for root in roots
    ]


def _why(root: Root) -> str:
    if root.checkout is None:
        return "pinned"
    return f"not: {root.checkout} is gone" if root.gone else f"by {root.checkout}"
