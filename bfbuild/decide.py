"""Decides whether an action's result is at hand, and says why not. It runs nothing.

A hit has its bytes: every blob that the result names is in the store and hashes to its name; where a project says whose
word counts, they signed it. A miss carries its reason: what is damaged, who did not sign, or what differs from the last
time that the same recipe ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from bfbuild.action.action import Description, read_description
from bfbuild.errors import StoreError
from bfbuild.store.cas import Presence
from bfbuild.store.lookup import StoreLookup
from bfbuild.store.results import result_blobs
from bfbuild.store.trace import Cause, Reason

if TYPE_CHECKING:
    from bfbuild.action.action import Action, Request
    from bfbuild.protos import remote_execution_pb2 as api
    from bfbuild.store import Store


@dataclass(frozen=True)
class Hit:
    """The result is at hand; `source` is the server that it came from just now, empty where it was here."""

    result: api.ActionResult
    source: str = ""


@dataclass(frozen=True)
class Miss:
    """The action must run; the reason has causes where the recipe ran before with something different."""

    reason: Reason


Decision = Hit | Miss
Decider = Callable[["Action", "Store"], Decision]


def decide(action: Action, store: Store) -> Decision:
    """Return whether the result of `action` is in `store`, whole."""
    try:
        result = store.results.believed(action.digest)
    except StoreLookup as problem:
        return Miss(Reason(text=f"its recorded result cannot be used: {problem.reason}"))
    if result is None:
        return _explain(action, store)
    if not _fits(action, result):
        return Miss(Reason(text="its recorded result names other outputs than it has"))
    for name, digest in result_blobs(result):
        state = store.cas.state(digest)
        if state.presence is not Presence.PRESENT:
            return Miss(Reason(text=f"its recorded output {name} is {state.presence} in the store"))
    return Hit(result)


def _fits(action: Action, result: api.ActionResult) -> bool:
    """Whether a result has the outputs that the action declares: one that somebody made up could name any path."""
    return (
        tuple(output.path for output in result.output_files) == action.description.outputs
        and result.HasField("stdout_digest") == (action.request.stdout is not None)
        and not (result.output_directories or result.output_symlinks or result.exit_code)
    )


def told(cause: Cause) -> str:
    """Return one cause as words, without its values."""
    change = "is new" if cause.old is None else "is gone" if cause.new is None else "changed"
    return f"{cause.kind} {cause.subject} {change}"


def _explain(action: Action, store: Store) -> Miss:
    last = store.traces.earlier(action.request.label)
    if last is None:
        return Miss(Reason(text="it was never built"))
    try:
        old = read_description(last.action, store.cas.get_bytes)
    except StoreError:
        return Miss(Reason(text="it changed, but what it was is gone from the store"))
    causes = _by_name(tuple(compare(old, action.description)), action.request)
    if not causes:
        failed = last.exit_code != 0 or len(last.outputs) < len(old.outputs)
        return Miss(Reason(text="it failed the last time" if failed else "its last result is gone from the store"))
    more = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
    return Miss(Reason(text=f"{told(causes[0])}{more}", causes=causes))


def _by_name(causes: tuple[Cause, ...], request: Request) -> tuple[Cause, ...]:
    """Return causes under the names that people know; a text of ours that only follows from another input is none."""
    if not request.names:
        return causes
    known = tuple(
        replace(cause, subject=request.names[cause.subject]) for cause in causes if cause.subject in request.names
    )
    return known or causes


def compare(old: Description, new: Description) -> Iterator[Cause]:
    """Yield everything that differs between two descriptions, inputs first."""
    yield from _compare_maps("input", _named(old), _named(new))
    if old.toolchain != new.toolchain:
        yield Cause(kind="toolchain", subject="root", old=old.toolchain.hash, new=new.toolchain.hash)
    if old.arguments != new.arguments:
        removed = [each for each in old.arguments if each not in new.arguments]
        added = [each for each in new.arguments if each not in old.arguments]
        if not removed and not added:
            yield Cause(kind="argument", subject="order", old=" ".join(old.arguments), new=" ".join(new.arguments))
        for before, after in zip_longest(removed, added):
            yield Cause(kind="argument", subject=after or before or "", old=before, new=after)
    yield from _compare_maps("environment", dict(old.environment), dict(new.environment))
    yield from _compare_maps("output", dict.fromkeys(old.outputs, ""), dict.fromkeys(new.outputs, ""))


def _named(description: Description) -> dict[str, str]:
    inputs = description.inputs.items()
    return {path: file.digest.hash + (" (executable)" if file.executable else "") for path, file in inputs}


def _compare_maps(kind: str, old: dict[str, str], new: dict[str, str]) -> Iterator[Cause]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield Cause(kind=kind, subject=name, old=old.get(name), new=new.get(name))
