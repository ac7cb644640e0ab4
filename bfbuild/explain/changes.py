"""What is different: in one build from the last time, between two builds, or between two actions of one label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bfbuild.errors import StoreError
from bfbuild.explain.roots import FIXED, MADE, Change
from bfbuild.store.trace import Cause

if TYPE_CHECKING:
    from bfbuild.digest import ActionDigest
    from bfbuild.explain.records import Records
    from bfbuild.store import Store
    from bfbuild.store.trace import Build, Step

FORGOTTEN = "what it was is gone from the store"
MORE = "more)"  # how a reason ends that does not name all its causes
RECIPE = "recipe"


def of_build(records: Records, build: Build, steps: Mapping[str, Step]) -> list[Change]:
    """Return what ran of these steps and why; before it what another build had made already, where that is the cause.

    A reason that names all its causes is looked up once: ten thousand actions that ran for one header have one cause.
    """
    known: dict[str, tuple[Cause, ...]] = {}
    changes: dict[str, Change] = {}
    for label, step in steps.items():
        if step.decision != "miss":
            continue
        causes = known.get(step.reason)
        if causes is None:
            trace = records.execution(step.label, step.action, build.started)
            causes = trace.reason.causes if trace is not None else ()
            if not step.reason.endswith(MORE):
                known[step.reason] = causes
        changes[label] = Change(label, step.reason, causes)
    for label in list(changes):
        _behind_hits(records, steps, changes, label)
    return [changes[label] for label in steps if label in changes]


def _behind_hits(records: Records, steps: Mapping[str, Step], changes: dict[str, Change], label: str) -> None:
    """Add what a change builds on that came from the store and is another than before."""
    waiting = [label]
    while waiting:
        step = steps[waiting.pop()]
        for cause in changes[step.label].causes:
            name = _made(cause)
            producer = records.maker(step.needs, name) if name is not None else None
            if name is None or producer is None or producer in changes or producer not in steps or cause.old is None:
                continue
            old = records.made(producer, name, _hash(cause.old))
            if old is None or old.action == steps[producer].action:
                continue
            causes = differences(records.store, old.action, steps[producer].action)
            if causes is not None:
                changes[producer] = Change(producer, "", causes, ran=False)
                waiting.append(producer)


def between(records: Records, old: Build, new: Build) -> list[Change]:
    """Return what differs between the actions of two builds, label by label."""
    before = {step.label: step for step in old.steps}
    after = {step.label: step for step in new.steps}
    gone = [
        Change(label, "", (Cause(kind=RECIPE, subject=label, old="declared"),))
        for label in before
        if label not in after
    ]
    changes = []
    for label, step in after.items():
        if label not in before:
            changes.append(Change(label, "", (Cause(kind=RECIPE, subject=label, new="declared"),)))
        elif before[label].action != step.action:
            causes = differences(records.store, before[label].action, step.action)
            changes.append(Change(label, FORGOTTEN, _named(records, step.needs, causes or ())))
    return gone + changes


def between_actions(
    records: Records, label: str, old: ActionDigest, new: ActionDigest
) -> tuple[list[Change], dict[str, tuple[str, ...]]]:
    """Return what differs between two actions of a label and in all they build on, and who needs whom; from content."""
    needs = _needs(records)
    found: dict[str, Change] = {}

    def descend(label: str, old: ActionDigest, new: ActionDigest) -> None:
        if old == new or label in found:
            return
        causes = differences(records.store, old, new)
        named = _named(records, needs.get(label, ()), causes or ())
        change = found[label] = Change(label, FORGOTTEN, named)
        for cause in change.causes:
            name = _made(cause)
            producer = records.maker(needs.get(label, ()), name) if name is not None else None
            if name is None or producer is None or cause.old is None or cause.new is None:
                continue
            first, second = (records.made(producer, name, _hash(value)) for value in (cause.old, cause.new))
            if first is not None and second is not None:
                descend(producer, first.action, second.action)
        found[label] = found.pop(label)  # behind all it builds on

    descend(label, old, new)
    return list(found.values()), needs


def differences(store: Store, old: ActionDigest, new: ActionDigest) -> tuple[Cause, ...] | None:
    """Return what differs between two actions, None where the store no longer knows one of them."""
    from bfbuild.action.action import read_description  # noqa: PLC0415  (protobuf is slow to import)
    from bfbuild.decide import compare  # noqa: PLC0415

    try:
        return tuple(compare(*(read_description(each, store.cas.get_bytes) for each in (old, new))))
    except StoreError:
        return None


def _named(records: Records, needs: Iterable[str], causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """Return causes with files at fixed places under the names that those who made them give them.

    One without a maker, the text of a request, only follows from the others.
    """
    named = []
    for cause in causes:
        if cause.subject.startswith(FIXED):
            name = records.called(needs, _hash(cause.new or cause.old or ""))
            named += [replace(cause, subject=f"{MADE}{name}")] if name is not None else []
        else:
            named.append(cause)
    return tuple(named) or causes


def needs_of(builds: Iterable[Build]) -> dict[str, tuple[str, ...]]:
    """Return what each label needs; the first build that has a label says it."""
    needs: dict[str, tuple[str, ...]] = {}
    for build in builds:
        for step in build.steps:
            needs.setdefault(step.label, step.needs)
    return needs


def _needs(records: Records) -> dict[str, tuple[str, ...]]:
    return needs_of(records.builds())


def _made(cause: Cause) -> str | None:
    """The name of the output that a cause is about."""
    made = cause.kind == "input" and cause.subject.startswith(MADE)
    return cause.subject.removeprefix(MADE) if made else None


def _hash(value: str) -> str:
    return value.partition(" ")[0]  # "(executable)" may follow
