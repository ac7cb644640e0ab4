"""The FAT16 reader: lists and reads the files of a volume that anyone may have written, and believes none of it.

It shares no code with the writer, so that each can show the other wrong. Everything is checked before it is used: a
volume that contradicts itself raises `DiskError`, and nothing else, whatever its bytes are. Each cluster may belong to
one file only, so cycles and cross links are found, the walk ends, and all files together are no larger than the volume.
Names that could lead out of a folder (`..`, a slash, NUL) are refused. Deleted entries, and long names that do not
belong to the short name after them, are passed over, as the specification wants.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from ..faults import DiskError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATH_LIMIT = 4096  # letters; a chain of directories would otherwise cost the square of its length
_DIRECTORY_LIMIT = 1 << 21  # bytes: 65,536 entries
_CHUNK = 1 << 20


class Entry(NamedTuple):
    """A file or directory: its path from the root, its bytes, and its clusters in order."""

    path: str
    directory: bool
    size: int
    clusters: tuple[int, ...]


ROOT = Entry("", True, 0, ())


class Volume:
    """An open FAT16 volume that begins at byte `offset` of a file."""

    def __init__(self, file: BinaryIO, offset: int = 0) -> None:
        """Read boot sector and FAT; raise DiskError where this is no FAT16 volume."""
        self._file = file
        self._offset = offset
        boot = self._bytes(0, 512)
        if boot[510:] != b"\x55\xaa":
            raise _damaged("it has no boot sector", offset)
        sector, per_cluster, reserved, fats, root_entries, small, fat_sectors = struct.unpack_from(
            "<HBHBHHxH", boot, 11
        )
        total = small or struct.unpack_from("<I", boot, 32)[0]
        if sector != 512 or per_cluster.bit_count() != 1 or not (reserved and fats and fat_sectors):
            raise _damaged("its parameter block is not that of FAT16 with sectors of 512 bytes", offset)
        self.cluster_size: int = per_cluster * 512
        self._root_at: int = (reserved + fats * fat_sectors) * 512
        self._root_size: int = root_entries * 32
        self._data_at: int = self._root_at + -(-self._root_size // 512) * 512
        clusters = (total * 512 - self._data_at) // self.cluster_size
        if not 4085 <= clusters <= 65524 or fat_sectors * 256 < clusters + 2:
            raise _damaged(f"it has {clusters} clusters and a FAT of {fat_sectors} sectors, which is not FAT16", offset)
        self._end = clusters + 2
        self._fat = struct.unpack(f"<{self._end}H", self._bytes(reserved * 512, self._end * 2))

    def walk(self) -> Iterator[Entry]:
        """Yield every file and directory, a directory before what is in it, in the order of the disk."""
        owned: set[int] = set()
        pending = [ROOT]
        while pending:
            parent = pending.pop()
            below = []
            for entry in self._entries(parent, owned):
                yield entry
                if entry.directory:
                    below.append(entry)
            pending += reversed(below)

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Yield the bytes of a file (or of a directory's table) in pieces of at most 1 MiB."""
        left = len(entry.clusters) * self.cluster_size if entry.directory else entry.size
        for first, count in self.runs(entry):
            position, length = self.position(first), min(left, count * self.cluster_size)
            for start in range(0, length, _CHUNK):
                yield self._bytes(position + start, min(_CHUNK, length - start))
            left -= length

    def runs(self, entry: Entry) -> Iterator[tuple[int, int]]:
        """Yield (first cluster, how many) for each contiguous run of an entry's clusters."""
        clusters, start = entry.clusters, 0
        for at in range(1, len(clusters) + 1):
            if at == len(clusters) or clusters[at] != clusters[at - 1] + 1:
                yield clusters[start], at - start
                start = at

    def position(self, cluster: int) -> int:
        """Return the byte of the volume at which a cluster begins."""
        return self._data_at + (cluster - 2) * self.cluster_size

    def _bytes(self, position: int, length: int) -> bytes:
        self._file.seek(self._offset + position)
        data = self._file.read(length)
        if len(data) != length:
            raise _damaged("it ends too early", self._offset + position + len(data))
        return data

    def _entries(self, parent: Entry, owned: set[int]) -> Iterator[Entry]:
        """Yield what is in a directory, checked."""
        root = parent is ROOT
        data = self._bytes(self._root_at, self._root_size) if root else b"".join(self.chunks(parent))
        seen: set[str] = set()
        for name, directory, first, size in _listing(data, parent.path):
            path = name if root else f"{parent.path}/{name}"
            if name in seen or len(path) > _PATH_LIMIT:
                raise _damaged("a name occurs twice, or a path is endless", path[:256])
            seen.add(name)
            entry = Entry(path, directory, size, self._chain(first, path, owned))
            room = len(entry.clusters) * self.cluster_size
            if not (0 < room <= _DIRECTORY_LIMIT if directory else size <= room):
                raise _damaged("a chain of clusters does not match its file or directory", path)
            yield entry

    def _chain(self, first: int, path: str, owned: set[int]) -> tuple[int, ...]:
        """Return the clusters from `first` on and note their owner; raise DiskError where the chain is damaged."""
        if first == 0:
            return ()
        clusters = []
        cluster = first
        while cluster < 0xFFF8:
            if not 2 <= cluster < self._end:
                raise _damaged(f"a chain of clusters leads to {cluster:#06x}", path)
            if cluster in owned:
                raise _damaged(f"cluster {cluster} belongs to two files", path)
            owned.add(cluster)
            clusters.append(cluster)
            cluster = self._fat[cluster]
        return tuple(clusters)


def list_files(file: BinaryIO, offset: int = 0) -> list[Entry]:
    """Return all files and directories of a volume; raise DiskError where it is damaged."""
    return list(Volume(file, offset).walk())


def read_tree(file: BinaryIO, offset: int = 0) -> dict[str, bytes]:
    """Return path -> content of all files of a volume, in memory; raise DiskError where it is damaged."""
    volume = Volume(file, offset)
    return {entry.path: b"".join(volume.chunks(entry)) for entry in volume.walk() if not entry.directory}


def _damaged(what: str, where: object) -> DiskError:
    return DiskError(
        "a FAT16 volume is damaged",
        [("at", repr(where) if isinstance(where, str) else f"byte {where}"), ("reason", what)],
    )


def _listing(data: bytes, parent: str) -> Iterator[tuple[str, bool, int, int]]:
    """Yield (name, is a directory, first cluster, size) for each entry of a directory that counts."""
    long_name = _LongName()
    for start in range(0, len(data), 32):
        raw = data[start : start + 32]
        if raw[0] == 0:
            return
        attributes = raw[11]
        if raw[0] == 0xE5:
            long_name = _LongName()
        elif attributes & 0x3F == 0x0F:
            long_name.add(raw)
        else:
            name = long_name.of(raw[:11]) or _short_name(raw)
            long_name = _LongName()
            if attributes & 0x08 or raw[:11] in (b".          ", b"..         "):
                continue
            if name in (".", "..") or not name or any(letter in "/\\" or letter < " " for letter in name):
                raise _damaged(f"the name {name!r} is illegal", parent)
            first, size = struct.unpack_from("<HI", raw, 26)
            yield name, bool(attributes & 0x10), first, size


class _LongName:
    """Long-name entries as they come, last part first; anything out of order makes the name void."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._next = 0  # the order number that must come; 0: none may
        self._sum = -1

    def add(self, raw: bytes) -> None:
        """Take the next entry."""
        order = raw[0]
        if order & 0x40:
            self._parts, self._next, self._sum = [], order & 0x3F, raw[13]
        elif order != self._next or raw[13] != self._sum:
            self._next = -1
        if self._next > 0:
            self._parts.insert(0, raw[1:11] + raw[14:26] + raw[28:32])
            self._next -= 1

    def of(self, short: bytes) -> str | None:
        """Return the name, or None where the entries are not complete or not those of this short name."""
        total = 0
        for byte in short:
            total = (total % 2 * 128 + total // 2 + byte) % 256
        if self._next or not self._parts or total != self._sum:
            return None
        units = b"".join(self._parts)
        end = next((at for at in range(0, len(units), 2) if units[at : at + 2] == b"\0\0"), len(units))
        try:
            return units[:end].decode("utf-16-le")
        except UnicodeDecodeError:
            return None


def _short_name(raw: bytes) -> str:
    """Return a short name as people write it; Windows and Linux note in byte 12 which halves are lower case."""
    first = b"\xe5" if raw[0] == 0x05 else raw[:1]
    primary, extension = (first + raw[1:8]).decode("cp437").rstrip(" "), raw[8:11].decode("cp437").rstrip(" ")
    if raw[12] & 0x08:
        primary = primary.lower()
    if raw[12] & 0x10:
        extension = extension.lower()
    return f"{primary}.{extension}" if extension else primary
