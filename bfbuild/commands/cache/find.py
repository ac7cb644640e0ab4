"""From what a person types, a target or the start of a digest, to the thing in the store, its trace, its root."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bfbuild.digest import ActionDigest, Digest
from bfbuild.errors import StoreError, nearest

if TYPE_CHECKING:
    from bfbuild.store import Store
    from bfbuild.store.roots import Root
    from bfbuild.store.trace import Trace

SHORTEST = 6
SHOWN = 8
_DIGEST = re.compile(rf"([0-9a-f]{{{SHORTEST},64}})(/[0-9]+)?")


def find(store: Store, word: str) -> Digest | ActionDigest:
    """Return what `word` names: a target's latest action, or the one digest that starts so.

    A target is a recipe or an output of one, with or without the folder build/. A digest is six hex digits or more,
    with or without its size. Raise StoreError where nothing has that name, with the nearest target, and where several
    digests do.
    """
    target = word.removeprefix("build/")
    trace = store.traces.latest(target)
    if trace is not None:
        return trace.action
    match = _DIGEST.fullmatch(word)
    found = _starting_with(store, match[1]) if match else {}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        facts = [("digest", digest) for _, digest in sorted(found.items())[:SHOWN]]
        headline = f"{len(found)} digests in the store start with {word}"
        raise StoreError(headline, facts=facts, hint="give more digits")
    for trace in store.traces.recent():
        if target in trace.outputs:
            return trace.action
    close = nearest(target, store.traces.labels())
    raise StoreError(
        f"the store knows no target or digest {word}",
        facts=[("nearest", close)] if close else [],
        hint=f"`doit cache ls` lists what it knows; of a digest, {SHORTEST} digits are enough",
    )


def find_trace(store: Store, word: str) -> Trace:
    """Return the newest execution of what `word` names; raise StoreError where there is none on record."""
    target = word.removeprefix("build/")
    trace = store.traces.latest(target)
    if trace is None:
        found = find(store, word)
        trace = next(store.traces.of_action(ActionDigest(found.hash, found.size)), None)
    if trace is None:
        raise StoreError(
            f"no execution of {word} is on record", hint="`doit cache show` tells what the store has of it"
        )
    return trace


def find_root(store: Store, word: str) -> Root:
    """Return the root of that name, or the newest of that target; raise StoreError where there is none."""
    root = store.roots.find(word.removeprefix("build/"))
    if root is None:
        roots = store.roots.all()
        close = nearest(word, [*(each.target for each in roots), *(each.name for each in roots)])
        raise StoreError(
            f"no root has the name or target {word}",
            facts=[("nearest", close)] if close else [],
            hint=f"`doit cache roots` lists them; `doit build {word}` makes one, where a recipe has this name",
        )
    return root


def _starting_with(store: Store, prefix: str) -> dict[str, Digest | ActionDigest]:
    content = {digest.hash: digest for digest in store.cas.digests(prefix)}
    # A result whose action's description is gone has no known size; the hash alone is its key.
    actions = {
        hash_: ActionDigest(hash_, content[hash_].size if hash_ in content else 0)
        for hash_ in store.results.hashes(prefix)
    }
    return {**content, **actions}
