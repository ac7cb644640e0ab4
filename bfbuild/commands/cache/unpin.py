"""`doit cache unpin NAME`: take a root away; what it kept goes with the next `doit cache gc`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild.commands.cache import roots
from bfbuild.errors import StoreError, nearest

if TYPE_CHECKING:
    from bfbuild.store import Store
    from bfbuild.store.roots import Root


def look(store: Store, name: str) -> Root:
    """Remove the root of exactly that name; raise StoreError where there is none."""
    known = {root.name: root for root in store.roots.all()}
    if name not in known:
        close = nearest(name, known)
        facts = [("nearest", close)] if close else []
        raise StoreError(f"there is no root {name}", facts=facts, hint="`doit cache roots` lists them")
    store.roots.remove(known[name])
    return known[name]


def text(root: Root) -> str:
    """Return the line for people."""
    again = "" if root.checkout is None else "; the next build there makes it anew"
    return f"{root.name} keeps {root.target} no longer{again}"


def data(root: Root) -> object:
    """Return the same for programs."""
    return roots.data([root])
