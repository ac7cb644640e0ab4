"""Two contents compared by what they mean: bytes in, findings out. One file a format; `compare` knows which it is.

What is damaged, or of two formats, is compared as bytes: a comparison never fails.
"""

from __future__ import annotations

from collections.abc import Callable

from bfbuild.compare import archive, disk, elf, fat16, raw, text
from bfbuild.compare.finding import Compare, Finding

Form = Callable[[bytes, bytes, Compare], "tuple[Finding, ...] | None"]
FORMATS: tuple[tuple[Callable[[bytes], bool], Form], ...] = (
    (elf.is_one, elf.compare),
    (archive.is_one, archive.compare),
    (fat16.is_one, fat16.compare),
    (disk.is_one, disk.compare),
    (text.is_one, text.compare),
)


def compare(old: bytes, new: bytes) -> tuple[Finding, ...]:
    """Return what differs; nothing where the bytes are equal."""
    if old == new:
        return ()
    for is_one, form in FORMATS:
        found = form(old, new, compare) if is_one(old) and is_one(new) else None
        if found is not None:
            return found
    return raw.compare(old, new)
