"""Is a store whole? Every blob is what its name says, every result is sealed and has all its blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild.digest import ActionDigest
from bfbuild.store.cas import Presence
from bfbuild.store.lookup import StoreLookup
from bfbuild.store.results import result_blobs

if TYPE_CHECKING:
    from bfbuild.store import Store


def damage(store: Store) -> list[str]:
    """Return all that is wrong with an opened store, in words."""
    found = [
        f"blob {digest.short}: {store.cas.state(digest).reason}"
        for digest in store.cas.digests()
        if store.cas.state(digest).presence is not Presence.PRESENT
    ]
    for name in store.results.hashes():
        try:
            result = store.results.get(ActionDigest(name, 0))
        except StoreLookup as problem:
            found.append(f"result {name[:12]}: {problem.reason}")
            continue
        assert result is not None
        found += [
            f"result {name[:12]}: its {path} is {store.cas.state(digest).presence}"
            for path, digest in result_blobs(result)
            if store.cas.state(digest).presence is not Presence.PRESENT
        ]
    return found
