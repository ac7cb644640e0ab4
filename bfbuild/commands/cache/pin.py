"""`doit cache pin TARGET [NAME]`: keep what a target is made of, as it was built last, until somebody unpins it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bfbuild.commands.cache import roots
from bfbuild.commands.cache import text as show
from bfbuild.commands.cache.find import find_root
from bfbuild.errors import StoreError

if TYPE_CHECKING:
    from bfbuild.store import Store
    from bfbuild.store.roots import Root


def look(store: Store, target: str, name: str | None = None) -> Root:
    """Write the pin, named like its target unless told; raise StoreError where nothing is there to be pinned."""
    if name is not None and not name.isprintable():
        raise StoreError("a root's name must be one that can be shown", facts=[("name", ascii(name))])
    root = find_root(store, target)
    pin = replace(root, name=name or root.target, checkout=None)
    for other in store.roots.all():
        if other.name == pin.name and other.checkout is not None:
            raise StoreError("builds of a checkout refresh the root of this name", facts=[("name", pin.name)])
    store.roots.put(pin)
    store.sync()
    return pin


def text(pin: Root) -> str:
    """Return the line for people."""
    actions = show.count(len(pin.actions), "action")
    return f"{pin.name} keeps {pin.target}: {actions}, {show.count(len(pin.downloads), 'download')}"


def data(pin: Root) -> object:
    """Return the same for programs."""
    return roots.data([pin])
