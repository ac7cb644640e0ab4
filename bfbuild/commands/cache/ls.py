"""`doit cache ls`: the results in the store, the newest first, each under the label that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bfbuild.commands.cache import text as show

if TYPE_CHECKING:
    from bfbuild.store import Store
    from bfbuild.store.trace import Trace


class Listing(NamedTuple):
    """The newest trace of each result that is in the store, and how many traces could not be read."""

    results: list[Trace]
    unreadable: int


def look(store: Store) -> Listing:
    """Return what is in the store and was made here."""
    waiting = set(store.results.hashes())
    results = []
    for trace in store.traces.recent():
        if trace.action.hash in waiting and trace.exit_code == 0:
            waiting.remove(trace.action.hash)
            results.append(trace)
    return Listing(results, len(store.traces.unreadable))


def text(listing: Listing) -> str:
    """Return the table for people."""
    rows = [
        (trace.label, trace.action.short, str(len(trace.outputs)), show.size(_bytes(trace)), show.when(trace.started))
        for trace in listing.results
    ]
    lines = [show.table(("label", "action", "outputs", "size", "when"), rows, right=(2, 3))]
    if not rows:
        lines = ["the store holds no results yet"]
    if listing.unreadable:
        lines.append(f"{show.count(listing.unreadable, 'trace')} could not be read")
    return "\n".join(lines)


def data(listing: Listing) -> object:
    """Return the same for programs."""
    return {
        "results": [
            {
                "label": trace.label,
                "action": str(trace.action),
                "outputs": {path: str(digest) for path, digest in sorted(trace.outputs.items())},
                "bytes": _bytes(trace),
                "when": show.timestamp(trace.started),
            }
            for trace in listing.results
        ],
        "unreadable_traces": listing.unreadable,
    }


def _bytes(trace: Trace) -> int:
    return sum(digest.size for digest in trace.outputs.values())
