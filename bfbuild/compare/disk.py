"""Disks, by place: the regions and partitions of a layout where it is known, else what the partition table says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bfbuild.compare import raw
from bfbuild.compare.finding import Compare, Finding, change
from bfbuild.disk import mbr
from bfbuild.disk.faults import DiskError
from bfbuild.disk.mbr import BOOT_CODE, SECTOR

if TYPE_CHECKING:
    from bfbuild.disk.layout import Layout

Extents = Mapping[str, tuple[int, int]]  # name of a place -> first byte, and the byte behind the last
Inner = Callable[[str, bytes, bytes], tuple[Finding, ...]]  # compares the content of a place
BEFORE = "before the partitions"


def is_one(content: bytes) -> bool:
    """Whether these bytes have a partition table with something in it."""
    try:
        return bool(mbr.parse(content[:SECTOR]).entries)
    except DiskError:
        return False


def compare(old: bytes, new: bytes, inner: Compare) -> tuple[Finding, ...]:
    """Return what differs by partition, and before the first."""

    def in_place(place: str, one: bytes, other: bytes) -> tuple[Finding, ...]:
        del place
        return inner(one, other)

    return by_place(old, new, partitions(old), partitions(new), in_place)


def by_place(old: bytes, new: bytes, before: Extents, after: Extents, inner: Inner) -> tuple[Finding, ...]:
    """Return what differs in the partition table and in each place, by its name."""
    found = _tables(old, new)
    for name in {**before, **after}:
        if name not in after or name not in before:
            found.append(Finding("place", name, "is gone" if name not in after else "is new"))
            continue
        if before[name] != after[name]:
            what = f"lies at {_extent(after[name])} instead of {_extent(before[name])}"
            found.append(Finding("place", name, what))
        one, other = content(old, before[name]), content(new, after[name])
        if one != other:
            what = change(len(one), len(other)) if len(one) != len(other) else "changed"
            found.append(Finding("place", name, what, inner(name, one, other)))
    return tuple(found) or raw.compare(old, new)


def partitions(disk: bytes) -> Extents:
    """Return where the partitions of a disk lie, by number, and what lies before them."""
    entries = mbr.parse(disk[:SECTOR]).entries
    found = {BEFORE: (0, min(entry.lba for entry in entries) * SECTOR)}
    for number, entry in enumerate(entries, 1):
        found[f"partition {number}"] = (entry.lba * SECTOR, (entry.lba + entry.sectors) * SECTOR)
    return found


def places(layout: Layout) -> Extents:
    """Return where the places of a layout lie."""
    return {each.name: (each.lba * SECTOR, (each.lba + each.sectors) * SECTOR) for each in layout.places}


def content(disk: bytes, extent: tuple[int, int]) -> bytes:
    """Return what fills a place: without the zeros behind it, and without the partition table."""
    start, end = extent
    data = disk[start:end]
    if start == 0 and is_one(disk):
        data = data[:BOOT_CODE].ljust(SECTOR, b"\0") + data[SECTOR:]
    volume = data[510:512] == b"\x55\xaa"
    return data if volume else data.rstrip(b"\0")


def _tables(old: bytes, new: bytes) -> list[Finding]:
    try:
        before, after = (mbr.parse(disk[:SECTOR]) for disk in (old, new))
    except DiskError:
        return []
    found = []
    if before.entries != after.entries:
        found.append(Finding("partition table", "", f"{_entries(before)} -> {_entries(after)}"))
    if before.signature != after.signature:
        found.append(Finding("disk signature", "", f"{before.signature:#010x} -> {after.signature:#010x}"))
    return found


def _entries(table: mbr.Mbr) -> str:
    return ", ".join(f"type {each.type:#04x} at sector {each.lba}, {each.sectors}" for each in table.entries) or "empty"


def _extent(extent: tuple[int, int]) -> str:
    return f"sectors {extent[0] // SECTOR} to {extent[1] // SECTOR - 1}"
