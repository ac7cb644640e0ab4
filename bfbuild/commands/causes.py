"""What `doit why` answers, from records alone: no recipe is loaded, and doit is not needed for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bfbuild.errors import RecipeError
from bfbuild.store.trace import SERVER

if TYPE_CHECKING:
    from bfbuild.explain.records import Records
    from bfbuild.explain.roots import Root
    from bfbuild.explain.told import Told
    from bfbuild.store.trace import Build, Step, Trace

SHOWN = 8  # labels of a list
MOST = 20  # causes that people are told; programs get all


@dataclass(frozen=True)
class Found:
    """What the records say: lines that say what about, the root causes, what changed, what came out the same."""

    about: tuple[str, ...]
    builds: tuple[str, ...] = ()
    roots: tuple[Root, ...] = ()
    changed: tuple[str, ...] = ()
    cut_off: tuple[str, ...] = ()
    between: bool = False


def why(start: Path, names: Sequence[str], *, between: str, as_json: bool) -> int:
    """Print the causes."""
    from bfbuild.commands.known import known  # noqa: PLC0415  (after doit has shown that the command is meant)
    from bfbuild.explain.told import tell  # noqa: PLC0415

    if len(names) != 1:
        headline = "--between takes two builds" if between else "why takes one target"
        raise RecipeError(headline, hint="doit why --between previous last" if between else "doit why kernel.elf")
    root, lock, records = known(start)
    found = _between(records, between, names[0]) if between else _of_target(records, names[0])
    roots = found.roots if as_json else found.roots[:MOST]
    causes = tell(records, roots, root, lock)
    if as_json:
        import json  # noqa: PLC0415

        sys.stdout.write(json.dumps(_data(found, causes), indent=1) + "\n")
    else:
        sys.stdout.write("\n".join([*_text(found, causes, records), ""]))
    return 0


def _of_target(records: Records, name: str) -> Found:
    from bfbuild.commands.cache.text import when  # noqa: PLC0415
    from bfbuild.explain import changes  # noqa: PLC0415
    from bfbuild.explain.records import closure  # noqa: PLC0415
    from bfbuild.explain.roots import Change, attribute  # noqa: PLC0415

    label = records.label(name)
    latest = next(build for build in records.builds() if _has(build, label))
    failed = _failures(records, label, latest.started)
    about = [
        f"{each.label}: failed on {when(each.started)}, {each.reason.text}: doit replay {each.action.short}"
        for each in failed
    ]
    build: Build | None = latest
    steps = closure(latest, label)
    if not failed and not any(step.decision == "miss" for step in steps.values()):
        where = steps[label].reason if label in steps else ""
        about.append(f"{label}: from {where or 'the store'} in the last build that looked at it, {_named(latest)}")
        build = next((each for each in records.builds() if _ran(each, label)), None)
    if build is None:
        trace = records.latest(label)
        last = "when it last ran is not on record"
        if trace is not None:
            what = "it was taken from a server" if trace.sandbox == SERVER else "it last ran"
            last = f"{what} on {when(trace.started)}: {trace.reason.text}"
        return Found((*about, last))
    steps = closure(build, label)
    about.append(f"{label}: {_became(steps.get(label), failed=bool(failed))} in build {_named(build)}")
    found = changes.of_build(records, build, steps)
    found += [Change(each.label, each.reason.text, each.reason.causes) for each in failed]
    needs = changes.needs_of([build, *records.builds()]) if failed else {}
    needs |= {step.label: step.needs for step in steps.values()}
    roots = attribute(found, lambda label, output: records.maker(needs.get(label, ()), output))
    cut_off = tuple(step.label for step in steps.values() if step.cut_off)
    ran = tuple(change.label for change in found if change.ran)
    return Found(tuple(about), (build.id,), tuple(roots), ran, cut_off)


def _failures(records: Records, label: str, since: int) -> list[Trace]:
    """Return what a target builds on that ran since then and failed: a build's record has only what it made."""
    from bfbuild.explain.records import closure  # noqa: PLC0415

    built = next((each for each in records.builds() if any(step.label == label for step in each.steps)), None)
    behind = closure(built, label).keys() if built is not None else None
    newest: dict[str, Trace] = {}
    for trace in takewhile(lambda trace: trace.started >= since, records.store.traces.recent()):
        if behind is None or trace.label in behind:
            newest.setdefault(trace.label, trace)
    return [trace for trace in newest.values() if trace.exit_code != 0]


def _between(records: Records, old_word: str, new_word: str) -> Found:
    from bfbuild.explain import changes  # noqa: PLC0415
    from bfbuild.explain.roots import attribute  # noqa: PLC0415

    old, new = records.build(old_word), records.build(new_word)
    found = changes.between(records, old, new)
    needs = changes.needs_of([new, old])
    roots = attribute(found, lambda label, output: records.maker(needs.get(label, ()), output))
    about = tuple(f"{word}  {_named(each)}" for word, each in (("from", old), ("to  ", new)))
    changed = tuple(each.label for each in found)
    return Found(about, (old.id, new.id), tuple(roots), changed, between=True)


def _has(build: Build, label: str) -> bool:
    return label in build.targets or any(step.label == label for step in build.steps)


def _ran(build: Build, label: str) -> bool:
    """Whether a label, or anything of a target that is no action itself, was executed in a build."""
    own = [step for step in build.steps if step.label == label]
    steps = own or (build.steps if label in build.targets else ())
    return any(step.decision == "miss" for step in steps)


def _became(step: Step | None, *, failed: bool) -> str:
    if step is None:
        return "was not reached" if failed else "actions behind it ran"
    if step.cut_off:
        return "cut off, because what ran for it came out the same,"
    return "it ran" if step.decision == "miss" else f"from {step.reason or 'the store'}"


def _named(build: Build) -> str:
    from bfbuild.commands.cache.text import when  # noqa: PLC0415

    return f"{build.id} ({', '.join(build.targets)}) of {when(build.started)}"


def _text(found: Found, causes: Sequence[tuple[Root, Told]], records: Records) -> list[str]:
    from bfbuild.commands.cache.text import count  # noqa: PLC0415

    lines = list(found.about)
    if not found.changed:
        return [*lines, *(["no action differs"] if found.between else [])]
    what = f"{count(len(found.changed), 'action')} differ" if found.between else _follow(len(found.changed))
    cut = "" if found.between else f", {len(found.cut_off)} {_was(found.cut_off)} cut off"
    more = len(found.roots[MOST:])
    lines.append(f"{count(len(causes) + more, 'cause')}, {what}{cut}")
    for root, told in causes:
        lines += ["", told.line]
        lines += [f"    {line}" for line in told.diff]
        lines += [f"  {told.commit}"] if told.commit else []
        if root.direct:
            lines += _listed("acts on", [_placed(records, label) for label in root.direct[:SHOWN]], len(root.direct))
        if root.follow:
            lines += [f"  then     {_some(root.follow)}"]
    lines += ["", f"and {count(more, 'cause')} more: --json has them all"] if more else []
    if found.cut_off:
        lines += ["", "cut off, since what they need came out the same", f"  {_some(found.cut_off)}"]
    return lines


def _follow(number: int) -> str:
    return f"{number:,} action{' follows' if number == 1 else 's follow'}"


def _was(labels: Sequence[str]) -> str:
    return "was" if len(labels) == 1 else "were"


def _listed(word: str, items: Sequence[str], total: int) -> list[str]:
    """Lines under one word; the last says how many are left out."""
    lines = [f"  {word if number == 0 else '':<{len(word)}}  {item}" for number, item in enumerate(items)]
    lines[-1] += _rest(total)
    return lines


def _some(labels: Sequence[str]) -> str:
    return f"{', '.join(labels[:SHOWN])}{_rest(len(labels))}"


def _rest(total: int) -> str:
    return f" and {total - SHOWN:,} more" if total > SHOWN else ""


def _placed(records: Records, label: str) -> str:
    trace = records.latest(label)
    return label if trace is None else f"{label}  {trace.recipe}:{trace.line}"


def _data(found: Found, causes: Sequence[tuple[Root, Told]]) -> dict[str, Any]:
    return {
        "about": found.about,
        "builds": found.builds,
        "causes": [{**asdict(told), "direct": root.direct, "follow": root.follow} for root, told in causes],
        "changed": found.changed,
        "cut_off": found.cut_off,
    }
