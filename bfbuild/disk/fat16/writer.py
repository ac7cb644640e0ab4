"""The FAT16 writer: a set of files becomes a volume, the same bytes for the same files, whatever order they come in.

`plan` decides everything and finds every error before a byte is written: the tree, short names, and clusters (first all
directories, then all files, each in the order of their paths, every one contiguous). `write` then streams the volume
into an open file at an offset; it writes what is not zero, so the file must read as zeros there.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from ..faults import DiskError, amount
from ..source import Source, copy
from . import names, volume
from .volume import ENTRY_SIZE, FIRST_CLUSTER, SECTOR, Geometry, Stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_FILE = (1 << 32) - 1
MAX_DIRECTORY = 1 << 21  # [fatgen] bytes of a directory
ROOT = ""


class Extent(NamedTuple):
    """The clusters of a file or directory, `first` 0 where there are none, and the bytes in them that count."""

    first: int
    clusters: int
    size: int


class Plan(NamedTuple):
    """A volume that fits: its shape, what is in each directory, and where everything lies. Paths are relative."""

    shape: Geometry
    label: str
    files: Mapping[str, Source]
    tree: Mapping[str, list[str]]  # directory -> paths in it, sorted; parents come before children
    extents: Mapping[str, Extent]  # path of a file or directory; not the root, which lies before the clusters


def plan(files: Mapping[str, Source], *, sectors: int, label: str = "") -> Plan:
    """Plan a volume of so many sectors with these files, by path.

    Raise DiskError where a name or the label is illegal, two names differ in case only, a file or directory is too
    large for FAT, the root directory is full, the number of clusters is not FAT16's, or the files do not fit.
    """
    shape = volume.geometry(sectors)
    volume.check_label(label)
    tree = _tree(files)
    _check_root(tree[ROOT], label)
    return Plan(shape, label, files, tree, _extents(tree, files, shape))


def write(plan: Plan, file: BinaryIO, *, offset: int, timestamp: int, volume_id: int | None = None) -> int:
    """Write the volume into `file` from byte `offset`, which is its place on the disk, and return its id.

    All times are `timestamp` (seconds since 1970, UTC). Without `volume_id` it is the CRC-32 of all paths and contents.
    Raise DiskError where a file is not as large as it was when planned, OSError where `file` cannot be written.
    """
    shape, stamp = plan.shape, volume.stamp(timestamp)
    content = 0
    for path in sorted(plan.files):
        extent = plan.extents[path]
        content = zlib.crc32(b"%b\0%d\0" % (path.encode(), extent.size), content)
        content = copy(plan.files[path], file, offset + shape.cluster_at(extent.first) * SECTOR, content)
    for path in plan.tree:
        sector = shape.cluster_at(plan.extents[path].first) if path else shape.fat_at(volume.FATS)
        _put(file, offset + sector * SECTOR, _directory(plan, path, stamp))
    for number in range(volume.FATS):
        _put(file, offset + shape.fat_at(number) * SECTOR, _table(plan.extents.values()))
    if volume_id is None:
        volume_id = content
    _put(file, offset, volume.boot_sector(shape, lba=offset // SECTOR, volume_id=volume_id, label=plan.label))
    return volume_id


def _tree(paths: Iterable[str]) -> dict[str, list[str]]:
    """Return directory -> the paths in it; raise DiskError for names that cannot stand side by side."""
    files = set(paths)
    found: dict[str, set[str]] = {ROOT: set()}
    for path in sorted(files):
        names.check_path(path)
        while path:
            parent = path.rpartition("/")[0]
            found.setdefault(parent, set()).add(path)
            path = parent  # noqa: PLW2901  (climbs to the root)
    if clash := min(files & found.keys(), default=None):
        raise DiskError("a path is both a file and a directory", [("path", clash)])
    tree = {path: sorted(found[path]) for path in sorted(found, key=lambda path: path.split("/"))}
    for children in tree.values():
        folded: dict[str, str] = {}
        for path in children:
            other = folded.setdefault(names.fold(path), path)
            if other != path:
                raise DiskError("two names differ in case only", [("first", other), ("second", path)])
    return tree


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _entries(children: Iterable[str]) -> int:
    """Return how many entries the names of a directory take."""
    shorts = names.short_names(map(_name, children))
    return sum(len(names.slots(name, short)) // ENTRY_SIZE + 1 for name, short in shorts.items())


def _check_root(children: list[str], label: str) -> None:
    count = _entries(children) + bool(label)
    if count > volume.ROOT_ENTRIES:
        facts = [("entries", count), ("room", volume.ROOT_ENTRIES), ("too many by", count - volume.ROOT_ENTRIES)]
        hint = (
            "hint",
            "a name in 8.3 capitals takes one entry, any other one more for each 13 letters; or use directories",
        )
        raise DiskError("the root directory is too small for its names", [*facts, hint])


def _extents(tree: Mapping[str, list[str]], files: Mapping[str, Source], shape: Geometry) -> dict[str, Extent]:
    """Place directories, then files; raise DiskError where something is too large or the volume too small."""
    sizes = {path: (_entries(children) + 2) * ENTRY_SIZE for path, children in tree.items() if path}
    for path, size in sizes.items():
        if size > MAX_DIRECTORY:
            facts = [("directory", path), ("size", amount(size)), ("limit", amount(MAX_DIRECTORY))]
            raise DiskError("a directory is too large for FAT", facts)
    for path in sorted(files):
        if (size := files[path].size) > MAX_FILE:
            facts = [("file", path), ("size", amount(size)), ("limit", amount(MAX_FILE))]
            raise DiskError("a file is too large for FAT", facts)
        sizes[path] = size
    extents, free = {}, FIRST_CLUSTER
    for path, size in sizes.items():
        clusters = -(-size // shape.cluster_size)
        extents[path] = Extent(free if clusters else 0, clusters, size)
        free += clusters
    _check_room(free - FIRST_CLUSTER, shape, len(files))
    return extents


def _check_room(needed: int, shape: Geometry, files: int) -> None:
    missing = needed - shape.clusters
    if missing > 0:
        raise DiskError(
            "a FAT16 volume is too small for its files",
            [
                ("files", f"{files}, taking {amount(needed * shape.cluster_size)}"),
                ("room", amount(shape.clusters * shape.cluster_size)),
                ("too small by", f"{amount(missing * shape.cluster_size)} (clusters of {shape.cluster_size})"),
            ],
        )


def _table(extents: Iterable[Extent]) -> bytes:
    """Return the used beginning of a FAT; extents come in the order of their clusters."""
    table = [*volume.RESERVED_ENTRIES]
    for extent in extents:
        if extent.clusters:
            table += range(extent.first + 1, extent.first + extent.clusters)
            table.append(volume.END_OF_CHAIN)
    return struct.pack(f"<{len(table)}H", *table)


def _directory(plan: Plan, path: str, stamp: Stamp) -> bytes:
    """Return the entries of a directory: the label, or `.` and `..`, then what is in it, in the order of the names."""
    if path:
        parent = path.rpartition("/")[0]
        above = plan.extents[parent].first if parent else 0
        dots = ((b".", plan.extents[path].first), (b"..", above))
        parts = [volume.entry(dot.ljust(11), volume.ATTR_DIRECTORY, cluster, 0, stamp) for dot, cluster in dots]
    else:
        parts = [volume.label_entry(plan.label, stamp)] if plan.label else []
    shorts = names.short_names(map(_name, plan.tree[path]))
    for child in plan.tree[path]:
        name, extent = _name(child), plan.extents[child]
        directory = child in plan.tree
        attributes = volume.ATTR_DIRECTORY if directory else volume.ATTR_ARCHIVE
        size = 0 if directory else extent.size
        parts.append(names.slots(name, shorts[name]))
        parts.append(volume.entry(shorts[name], attributes, extent.first, size, stamp))
    return b"".join(parts)


def _put(file: BinaryIO, position: int, data: bytes) -> None:
    file.seek(position)
    file.write(data)
