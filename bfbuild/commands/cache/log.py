"""`doit cache log TARGET`: what the tool printed when a target was last made, or failed to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bfbuild.commands.cache import text as show
from bfbuild.commands.cache.find import find_trace
from bfbuild.store.lookup import StoreLookup

if TYPE_CHECKING:
    from bfbuild.digest import Digest
    from bfbuild.store import Store
    from bfbuild.store.trace import Trace


class Log(NamedTuple):
    """An execution and what it printed; None where the store no longer has it."""

    trace: Trace
    stdout: str | None
    stderr: str | None


def look(store: Store, word: str) -> Log:
    """Return the newest log; raise StoreError where no execution is on record."""
    trace = find_trace(store, word)
    return Log(trace, _read(store, trace.stdout), _read(store, trace.stderr))


def text(log: Log) -> str:
    """Return what was printed, standard error last, with nothing in it that a terminal would obey."""
    lines = [f"(its {name} is gone)" for name, said in (("stdout", log.stdout), ("stderr", log.stderr)) if said is None]
    printed = "".join(_harmless(said) for said in (log.stdout, log.stderr) if said).rstrip("\n")
    ended = f"{log.trace.label}: exit {log.trace.exit_code}, {show.when(log.trace.started)}"
    return "\n".join([*([printed] if printed else []), *lines]) or f"(it printed nothing)  {ended}"


def data(log: Log) -> object:
    """Return the same for programs, exactly as it was printed but for bytes that are no UTF-8."""
    return {
        "label": log.trace.label,
        "action": str(log.trace.action),
        "started": show.timestamp(log.trace.started),
        "exit_code": log.trace.exit_code,
        "stdout": log.stdout,
        "stderr": log.stderr,
    }


def _read(store: Store, digest: Digest) -> str | None:
    try:
        return store.cas.get_bytes(digest).decode(errors="replace")
    except StoreLookup:
        return None


def _harmless(said: str) -> str:
    return "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in said)
