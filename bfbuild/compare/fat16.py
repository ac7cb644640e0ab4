"""FAT16 volumes, by file."""

from __future__ import annotations

import io

from bfbuild.compare import raw
from bfbuild.compare.finding import Compare, Finding, by_name
from bfbuild.disk.fat16.reader import read_tree
from bfbuild.disk.faults import DiskError, amount

MARK = slice(54, 62)  # of the boot sector: where a FAT16 volume says what it is


def is_one(content: bytes) -> bool:
    """Whether these bytes say that they are a FAT16 volume."""
    return content[MARK] == b"FAT16   " and content[510:512] == b"\x55\xaa"


def compare(old: bytes, new: bytes, inner: Compare) -> tuple[Finding, ...] | None:
    """Return the files that came, went or changed; None where one volume is damaged."""
    try:
        before, after = (read_tree(io.BytesIO(content)) for content in (old, new))
    except DiskError:
        return None
    found = by_name("file", before, after, inner)
    if not found:
        count, first = raw.differing(old, new)
        what = f"the files are the same; {amount(count)} of tables, times or free space differ, the first at {first:#x}"
        return (Finding("volume", "", what),)
    return found
