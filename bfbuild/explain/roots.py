"""Root causes apart from what they cascade to; pure.

A cause is a *cascade* where it is an output of another action that changed as well: the reason is then that action's.
Everything else is a *root*: a source, a flag, a variable, a tool, a recipe, or what the store lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bfbuild.store.trace import Cause

if TYPE_CHECKING:
    Maker = Callable[[str, str], str | None]  # (label of a consumer, name of an output) -> label of its producer

MADE = "build/"  # below it an action sees what others made
OWN = "bfbuild-disk/"  # and below this our disk writer, with what a recipe tells it (action/disk.py)
FIXED = "bfbuild-optimize/"  # and here the files of a request, whatever they are called (action/optimize.py)
SPEC = f"{OWN}spec"
STORE = "store"  # the kind of a cause that no change of the project's is


@dataclass(frozen=True)
class Change:
    """One action that is not what it was. `causes` differ from the last time; without any, `reason` says it all.

    `ran` is whether it was executed: one whose result another build had made already passes its causes on all the same.
    """

    label: str
    reason: str
    causes: tuple[Cause, ...] = ()
    ran: bool = True


@dataclass
class Root:
    """A cause, the actions that it acts on itself, and those that follow, both in the order of the build."""

    cause: Cause
    direct: list[str] = field(default_factory=list)
    follow: list[str] = field(default_factory=list)


def attribute(changes: Sequence[Change], maker: Maker) -> list[Root]:
    """Return the root causes, in the order in which they were met; each change MUST come after those it builds on."""
    found: dict[Cause, Root] = {}
    behind: dict[str, dict[Cause, None]] = {}  # label -> the roots that lead to it, in order
    for change in changes:
        own, passed = _apart(change, behind, maker)
        for cause in own:
            root = found.setdefault(cause, Root(cause))
            if change.ran:
                root.direct.append(change.label)
        for cause in passed:
            if change.ran and cause not in own:
                found[cause].follow.append(change.label)
        behind[change.label] = own | passed
    return list(found.values())


def _apart(
    change: Change, behind: dict[str, dict[Cause, None]], maker: Maker
) -> tuple[dict[Cause, None], dict[Cause, None]]:
    """Return a change's own root causes, and those of the changes it follows."""
    own: dict[Cause, None] = {}
    passed: dict[Cause, None] = {}
    for cause in _once(change.causes):
        producer = maker(change.label, cause.subject.removeprefix(MADE)) if _is_made(cause) else None
        if producer in behind:
            passed |= behind[producer]
        else:
            own[cause] = None
    if not change.causes:
        own[Cause(kind=STORE, subject=change.reason)] = None
    return own, passed


def _is_made(cause: Cause) -> bool:
    return cause.kind == "input" and cause.subject.startswith(MADE)


def _once(causes: Iterable[Cause]) -> list[Cause]:
    """Leave out arguments that only name an input which came or went: that is the input's cause."""
    causes = list(causes)
    inputs = {cause.subject for cause in causes if cause.kind == "input"}
    return [cause for cause in causes if cause.kind != "argument" or not {cause.old, cause.new} - {None} <= inputs]
