"""What is wrong with a store: blobs that are not what their names say, results without their seal or their blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bfbuild.digest import ActionDigest
from bfbuild.store.cas import Presence
from bfbuild.store.lookup import StoreLookup
from bfbuild.store.results import result_blobs

if TYPE_CHECKING:
    from bfbuild.store import Store


class Damage(NamedTuple):
    """One thing that is not as it should be; `name` is its hash."""

    kind: str  # content, result
    name: str
    reason: str


def damage(store: Store) -> list[Damage]:
    """Read all of an opened store; return what is wrong with it."""
    found = []
    for digest in store.cas.digests():
        state = store.cas.state(digest)
        if state.presence is not Presence.PRESENT:
            found.append(Damage("content", digest.hash, state.reason))
    for name in store.results.hashes():
        try:
            result = store.results.get(ActionDigest(name, 0))
        except StoreLookup as problem:
            found.append(Damage("result", name, problem.reason))
            continue
        assert result is not None
        for path, digest in result_blobs(result):
            state = store.cas.state(digest)
            if state.presence is not Presence.PRESENT:
                found.append(Damage("result", name, f"{path} is {state.presence}"))
    return found
