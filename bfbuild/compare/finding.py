"""A Finding: one difference, in words, and what lies inside of it; and how findings look as lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST = 12  # findings that a list shows
LINE = "line"  # the kind of a line of a text: it is shown as it is


@dataclass(frozen=True)
class Finding:
    """One difference: of a `kind` (section, symbol, file, ...) and a name, `what` differs, and `inside` where."""

    kind: str
    name: str
    what: str
    inside: tuple[Finding, ...] = ()


Compare = Callable[[bytes, bytes], tuple[Finding, ...]]


def change(old: int, new: int) -> str:
    """Return how many bytes more or fewer: "+312 bytes (1,024 -> 1,336)"."""
    return f"{new - old:+,} byte{'' if abs(new - old) == 1 else 's'} ({old:,} -> {new:,})"


def by_name(kind: str, old: Mapping[str, bytes], new: Mapping[str, bytes], compare: Compare) -> tuple[Finding, ...]:
    """Compare what has names: what is gone, what is new, and within what both have."""
    found = []
    for name in {**old, **new}:
        if name not in new:
            found.append(Finding(kind, name, f"is gone ({len(old[name]):,} bytes)"))
        elif name not in old:
            found.append(Finding(kind, name, f"is new ({len(new[name]):,} bytes)"))
        elif old[name] != new[name]:
            before, after = len(old[name]), len(new[name])
            what = change(before, after) if before != after else "changed"
            found.append(Finding(kind, name, what, compare(old[name], new[name])))
    return tuple(found)


def lines(
    findings: Sequence[Finding], beside: Callable[[Finding], str] | None = None, indent: str = ""
) -> Iterator[str]:
    """Yield lines for people; `beside` gives what is to stand behind a finding."""
    for finding in findings[:MOST]:
        if finding.kind == LINE:
            yield f"{indent}{finding.what}"
            continue
        name = f"{finding.kind} {finding.name}".strip()
        yield f"{indent}{name}  {finding.what}{beside(finding) if beside else ''}"
        yield from lines(finding.inside, beside, f"{indent}  ")
    if len(findings) > MOST:
        yield f"{indent}... and {len(findings) - MOST:,} more"


def data(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings for programs."""
    return [{"kind": each.kind, "name": each.name, "what": each.what, "inside": data(each.inside)} for each in findings]
