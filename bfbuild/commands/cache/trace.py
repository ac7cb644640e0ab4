"""`doit cache trace TARGET|DIGEST`: the whole record of the newest execution of a target, or of an action."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bfbuild.commands.cache import text as show
from bfbuild.commands.cache.find import find_trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from bfbuild.store import Store
    from bfbuild.store.trace import Trace


def look(store: Store, word: str) -> Trace:
    """Return the record; raise StoreError where there is none."""
    return find_trace(store, word)


def text(trace: Trace) -> str:
    """Return the lines for people."""
    rows = [
        ("label", f"{trace.label}  ({trace.recipe}:{trace.line})"),
        ("action", f"{trace.kind} {trace.action}"),
        ("command", trace.command),
        ("why", trace.reason.text),
        *(("", f"{cause.kind} {cause.subject}: {cause.old} -> {cause.new}") for cause in trace.reason.causes),
        ("tools", str(trace.toolchain or "none")),
        ("sandbox", trace.sandbox),
        ("started", show.when(trace.started)),
        ("took", show.seconds(trace.duration)),
        ("user", _known(trace.user_time, show.seconds)),
        ("system", _known(trace.system_time, show.seconds)),
        ("memory", _known(trace.max_rss, show.size)),
        ("exit", str(trace.exit_code)),
        ("stdout", str(trace.stdout)),
        ("stderr", str(trace.stderr)),
        *(("output", f"{path}  {digest}") for path, digest in sorted(trace.outputs.items())),
    ]
    return "\n".join(f"{name:<7}  {value}" for name, value in rows)


def data(trace: Trace) -> dict[str, Any]:
    """Return the same for programs; times in ns, memory in bytes."""
    return {
        **asdict(trace),
        "action": str(trace.action),
        "toolchain": None if trace.toolchain is None else str(trace.toolchain),
        "stdout": str(trace.stdout),
        "stderr": str(trace.stderr),
        "outputs": {path: str(digest) for path, digest in sorted(trace.outputs.items())},
        "started": show.timestamp(trace.started),
    }


def _known(value: int | None, shown: Callable[[int], str]) -> str:
    return "not known" if value is None else shown(value)
