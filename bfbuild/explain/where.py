"""From a byte of an image to what it is and what made it, and from a symbol or a path to its bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bfbuild.compare.disk import partitions, places
from bfbuild.disk.fat16.reader import Entry, Volume
from bfbuild.disk.faults import DiskError
from bfbuild.disk.mbr import BOOT_CODE, SECTOR
from bfbuild.explain.roots import MADE

if TYPE_CHECKING:
    from bfbuild.compare.elf import Symbol
    from bfbuild.disk.spec import Spec
    from bfbuild.explain.content import Content
    from bfbuild.explain.origin import Origins, Placed
    from bfbuild.store.trace import Trace


@dataclass(frozen=True)
class Made:
    """A file inside of an image and what it comes from: an output with the line of its recipe, or a source."""

    name: str
    recipe: str | None = None

    @classmethod
    def of(cls, place: str, trace: Trace | None) -> Made:
        """Return what lies at `place` of an image's action."""
        return cls(place.removeprefix(MADE), f"{trace.recipe}:{trace.line}" if trace is not None else None)


@dataclass(frozen=True)
class Spot:
    """A byte of an image; what it is not in is None. Offsets count bytes from 0."""

    offset: int
    place: str | None = None  # a region or partition
    place_offset: int = 0
    part: str | None = None  # of a file system: boot sector and tables, a file, free space
    content: Made | None = None  # the file that fills the place, or the file on the file system
    content_offset: int = 0
    program: Made | None = None
    section: str | None = None
    address: int | None = None
    symbol: str | None = None
    symbol_offset: int = 0
    symbol_size: int = 0
    object: Made | None = None


@dataclass(frozen=True)
class File:
    """A file on a file system of an image; `runs` are (first byte in the image, bytes)."""

    path: str
    place: str
    size: int
    content: Made | None
    runs: tuple[tuple[int, int], ...]


class Image:
    """An image with what is known of how it was filled."""

    def __init__(self, origins: Origins, content: Content) -> None:
        self.origins = origins
        self.data = content.data
        self.trace = content.trace
        self.spec: Spec | None = origins.spec(content.trace)
        try:
            self.extents = places(self.spec.layout) if self.spec is not None else partitions(self.data)
        except (DiskError, ValueError):  # no partition table, or an empty one: a disk without places
            self.extents = {}

    def at(self, offset: int) -> Spot:
        """Return what a byte of the image is; it MUST be inside."""
        for name, (start, end) in self.extents.items():
            if start <= offset < end:
                return self._in_place(offset, name, start)
        return Spot(offset)

    def symbol(self, name: str) -> list[Spot]:
        """Return where a symbol begins, in each program of the image that has it."""
        spots = []
        for place, (start, _) in self.extents.items():
            placed = self._program(place)
            symbol = placed.program.symbols.get(name) if placed is not None else None
            if placed is None or symbol is None or symbol.section not in placed.places:
                continue
            section = placed.program.sections[symbol.section]
            spots.append(self.at(start + placed.places[symbol.section] + symbol.address - section.address))
        return spots

    def symbols(self) -> list[str]:
        """Return all symbols that lie in the image."""
        programs = [self._program(place) for place in self.extents]
        return [name for placed in programs if placed is not None for name in placed.program.symbols]

    def file(self, path: str) -> list[File]:
        """Return the file of this path on each file system that has it."""
        return [
            File(
                entry.path, place, entry.size, self._file_content(place, entry.path), tuple(_runs(volume, entry, start))
            )
            for place, start, volume in self._volumes()
            for entry in volume.walk()
            if entry.path == path and not entry.directory
        ]

    def files(self) -> list[str]:
        """Return the paths of all files."""
        return [entry.path for _, _, volume in self._volumes() for entry in volume.walk() if not entry.directory]

    def _in_place(self, offset: int, name: str, start: int) -> Spot:
        within = offset - start
        source = self.spec.content.get(name) if self.spec is not None else None
        if offset >= BOOT_CODE and offset < SECTOR and _has_table(self.data):
            return Spot(offset, name, within, part="partition table")
        if source is not None:
            return self._in_content(offset, name, start, source)
        volume = next((volume for place, _, volume in self._volumes() if place == name), None)
        if volume is None:
            return Spot(offset, name, within)
        for entry in volume.walk():
            done = 0
            for first, length in _runs(volume, entry, start):
                if first <= offset < first + length:
                    part = f"directory {entry.path}" if entry.directory else f"file {entry.path}"
                    content = None if entry.directory else self._file_content(name, entry.path)
                    return Spot(offset, name, within, part, content, done + offset - first)
                done += length
        part = "boot sector, tables and root directory" if within < volume.position(2) else "free space"
        return Spot(offset, name, within, part)

    def _in_content(self, offset: int, name: str, start: int, source: str) -> Spot:
        """A byte of a place that one file fills: in a program's section and symbol, where the file has one inside."""
        within = offset - start
        trace = self.origins.maker(self.trace, source) if self.trace is not None else None
        content = Made.of(source, trace)
        placed = self._program(name)
        section = placed.section_at(within) if placed is not None else None
        if placed is None or section is None:
            return Spot(offset, name, within, None, content, within)
        address = within - placed.places[section] + placed.program.sections[section].address
        symbol = placed.symbol_at(section, address)
        return Spot(
            offset=offset,
            place=name,
            place_offset=within,
            content=content,
            content_offset=within,
            program=Made.of(placed.name, placed.trace),
            section=section,
            address=address,
            symbol=symbol.name if symbol is not None else None,
            symbol_offset=address - symbol.address if symbol is not None else 0,
            symbol_size=symbol.size if symbol is not None else 0,
            object=self._object(placed, symbol) if symbol is not None else None,
        )

    def _object(self, placed: Placed, symbol: Symbol) -> Made | None:
        trace = self.origins.definers(placed.trace).get((symbol.name, symbol.size))
        return Made.of(trace.label, trace) if trace is not None else None

    def _program(self, place: str) -> Placed | None:
        source = self.spec.content.get(place) if self.spec is not None else None
        if source is None or self.trace is None:
            return None
        start, end = self.extents[place]
        return self.origins.program(self.trace, source, self.data[start:end])

    def _file_content(self, place: str, path: str) -> Made | None:
        source = self.spec.files.get(place, {}).get(path) if self.spec is not None else None
        if source is None or self.trace is None:
            return None
        return Made.of(source, self.origins.maker(self.trace, source))

    def _volumes(self) -> Iterator[tuple[str, int, Volume]]:
        """Yield (place, first byte, volume) for each place with a FAT16 file system that can be read."""
        for name, (start, _) in self.extents.items():
            try:
                volume = Volume(io.BytesIO(self.data), start)
                list(volume.walk())
            except DiskError:
                continue
            yield name, start, volume


def _runs(volume: Volume, entry: Entry, start: int) -> Iterator[tuple[int, int]]:
    """Yield (first byte in the image, bytes) of an entry; the end of its last cluster is not its own."""
    left = len(entry.clusters) * volume.cluster_size if entry.directory else entry.size
    for first, count in volume.runs(entry):
        length = min(left, count * volume.cluster_size)
        yield start + volume.position(first), length
        left -= length


def _has_table(data: bytes) -> bool:
    try:
        return bool(partitions(data))
    except (DiskError, ValueError):
        return False
