"""The layout of a disk: named runs of sectors, checked against each other, and as numbers for C and nasm.

A *region* is raw sectors with a name. A *partition* is an entry of the partition table, with a FAT16 file system or
with raw content. Both are *places*: their names are unique, they lie inside the disk and do not overlap. Where there
are partitions, the table owns bytes 440 to 511 of sector 0; a region may lie there and fill the rest.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from .fat16 import volume
from .faults import DiskError, amount
from .mbr import ENTRIES, SECTOR

if TYPE_CHECKING:
    from collections.abc import Mapping

FILESYSTEMS = ("fat16", "none")
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_LBA_LIMIT = 1 << 32  # an entry of the partition table has 32 bits for a sector
_HEX_FROM = 1 << 12  # constants from here on are addresses and magics, which people read in hex


class Region(NamedTuple):
    """A run of raw sectors with a name; `sectors` is its capacity."""

    name: str
    lba: int
    sectors: int


class Partition(NamedTuple):
    """An entry of the partition table; `type` is its type byte, `label` the FAT16 volume's label."""

    name: str
    lba: int
    sectors: int
    type: int = 0x06
    bootable: bool = False
    filesystem: str = "fat16"
    label: str = ""


class Layout(NamedTuple):
    """A disk of `size` bytes. `constants` are further numbers that the headers give, each name after `prefix`."""

    size: int
    regions: tuple[Region, ...] = ()
    partitions: tuple[Partition, ...] = ()
    prefix: str = "BF_"
    constants: Mapping[str, int] = {}

    @property
    def places(self) -> tuple[Region | Partition, ...]:
        """Regions, then partitions, each in the order of declaration."""
        return (*self.regions, *self.partitions)


def check(layout: Layout) -> None:
    """Raise DiskError for the first contradiction of the layout: names, numbers, bounds, overlaps, file systems."""
    if layout.size <= 0 or layout.size % SECTOR or layout.size > _LBA_LIMIT * SECTOR:
        facts = [("size", amount(layout.size)), ("expected", f"a multiple of {SECTOR}, at most 2 TiB")]
        raise DiskError("the disk's size is no number of sectors", facts)
    for place in layout.places:
        _check_bounds(place, layout.size // SECTOR)
    _check_overlaps(layout)
    _check_partitions(layout.partitions)
    numbers(layout)


def numbers(layout: Layout) -> dict[str, int]:
    """Return every number of the layout by its name without the prefix; raise DiskError for a name that comes twice."""
    named = [("SECTOR_SIZE", SECTOR)]
    for place in layout.places:
        named += [(f"{place.name}_LBA", place.lba), (f"{place.name}_SECTORS", place.sectors)]
    named += sorted(layout.constants.items())
    for name, value in named:
        if not _NAME.fullmatch(name):
            facts = [("name", repr(name)), ("expected", "capital letters, digits and _, a letter first")]
            raise DiskError("a name of the layout cannot be used in C and nasm", facts)
        if not 0 <= value < 1 << 64:
            facts = [("constant", name), ("value", str(value)), ("expected", "0 up to 64 bits")]
            raise DiskError("a number of the layout is out of range", facts)
    found = dict(named)
    if len(found) != len(named):
        names = [name for name, _ in named]
        twice = next(name for name in names if names.count(name) > 1)
        raise DiskError("the layout gives one name to two numbers", [("name", layout.prefix + twice)])
    return found


def c_header(layout: Layout) -> str:
    """Return the numbers as a C header: `#define NAME value`, one a line."""
    guard = f"{layout.prefix}LAYOUT_H"
    lines = [f"#define {name} {value}" for name, value in _shown(layout)]
    note = "/* Generated from the disk's layout: change it there. */"
    return "\n".join([note, f"#ifndef {guard}", f"#define {guard}", "", *lines, "", "#endif", ""])


def nasm_include(layout: Layout) -> str:
    """Return the numbers as a nasm include: `%define NAME value`, one a line."""
    lines = [f"%define {name} {value}" for name, value in _shown(layout)]
    return "\n".join(["; Generated from the disk's layout: change it there.", "", *lines, ""])


def _shown(layout: Layout) -> list[tuple[str, str]]:
    """Return (full name, value as text): sector numbers in decimal, large constants in hex."""
    return [
        (layout.prefix + name, f"0x{value:X}" if name in layout.constants and value >= _HEX_FROM else str(value))
        for name, value in numbers(layout).items()
    ]


def _extent(place: Region | Partition) -> str:
    return f"sectors {place.lba} to {place.lba + place.sectors - 1}"


def _check_bounds(place: Region | Partition, sectors: int) -> None:
    if place.lba < 0 or place.sectors <= 0:
        facts = [("place", place.name), ("lba", place.lba), ("sectors", place.sectors)]
        raise DiskError("a place on the disk has no extent", facts)
    beyond = place.lba + place.sectors - sectors
    if beyond > 0:
        raise DiskError(
            "a place reaches beyond the end of the disk",
            [
                ("place", f"{place.name}, {_extent(place)}"),
                ("disk", f"{sectors} sectors"),
                ("too long by", f"{beyond} sectors, {amount(beyond * SECTOR)}"),
            ],
        )


def _check_overlaps(layout: Layout) -> None:
    for first, second in pairwise(sorted(layout.places, key=lambda place: (place.lba, place.name))):
        shared = first.lba + first.sectors - second.lba
        if shared > 0:
            raise DiskError(
                "two places on the disk overlap",
                [
                    ("first", f"{first.name}, {_extent(first)}"),
                    ("second", f"{second.name}, {_extent(second)}"),
                    ("shared", f"{min(shared, second.sectors)} sectors"),
                ],
            )


def _check_partitions(partitions: tuple[Partition, ...]) -> None:
    if len(partitions) > ENTRIES:
        facts = [("partitions", len(partitions)), ("room", f"{ENTRIES} entries")]
        raise DiskError("the partition table is too small for the partitions", facts)
    bootable = [partition.name for partition in partitions if partition.bootable]
    if len(bootable) > 1:
        raise DiskError("only one partition may be bootable", [("bootable", ", ".join(bootable))])
    for partition in partitions:
        named = ("partition", partition.name)
        if partition.lba == 0:
            raise DiskError("a partition lies on the partition table", [named, ("lba", 0)])
        if not 1 <= partition.type <= 0xFF:
            facts = [named, ("type", partition.type), ("expected", "1 to 255")]
            raise DiskError("a partition's type is no byte", facts)
        if partition.filesystem not in FILESYSTEMS:
            facts = [named, ("file system", partition.filesystem), ("expected", " or ".join(FILESYSTEMS))]
            raise DiskError("a partition has an unknown file system", facts)
        if partition.filesystem == "fat16":
            try:
                volume.geometry(partition.sectors)
                volume.check_label(partition.label)
            except DiskError as error:
                raise error.about(*named) from None
