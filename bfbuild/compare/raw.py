"""Bytes of which nothing is known: how many differ, and the first."""

from __future__ import annotations

from bfbuild.compare.finding import Finding, change

CHUNK = 1 << 16
SHOWN = 8  # bytes


def compare(old: bytes, new: bytes) -> tuple[Finding, ...]:
    """Return one finding, or none where they are equal."""
    if old == new:
        return ()
    size = f"{change(len(old), len(new))}; " if len(old) != len(new) else ""
    count, first = differing(old, new)
    if not count:
        return (Finding("bytes", "", f"{size}equal as far as both go"),)
    here = slice(first, first + SHOWN)
    what = f"{count:,} differ, the first at {first:#x} ({old[here].hex(' ')} -> {new[here].hex(' ')})"
    return (Finding("bytes", "", size + what),)


def differing(old: bytes, new: bytes) -> tuple[int, int]:
    """Return how many bytes differ as far as both go, and the place of the first."""
    count, first = 0, -1
    for start in range(0, min(len(old), len(new)), CHUNK):
        here = slice(start, start + CHUNK)
        if old[here] == new[here]:
            continue
        places = [at for at, (one, other) in enumerate(zip(old[here], new[here], strict=False)) if one != other]
        count += len(places)
        if places and first < 0:
            first = start + places[0]
    return count, first
