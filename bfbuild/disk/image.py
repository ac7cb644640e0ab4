"""A whole disk: raw regions, the partition table, file systems; the same bytes for the same content, at any time.

Everything is planned and checked before the file is made. Nothing but the spec, the contents and the time stamp enters:
disk signature and volume ids are checksums of the content, so two different disks hardly share them.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from . import layout as layouts
from . import mbr
from .fat16 import writer
from .faults import DiskError, amount
from .mbr import SECTOR
from .source import Source, copy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .layout import Layout, Partition, Region
    from .spec import Spec


def build(spec: Spec, out: Path, *, timestamp: int) -> None:
    """Write the disk to `out` (replaced if it exists, sparse); FAT times are `timestamp`, seconds since 1970 (UTC).

    Raise DiskError where the layout contradicts itself or content is missing, unknown or too large; OSError where `out`
    cannot be written.
    """
    layout = spec.layout
    layouts.check(layout)
    contents, plans = _contents(spec), _plans(spec)
    with out.open("w+b") as file:
        file.truncate(layout.size)
        content = 0
        for place in sorted(layout.places, key=lambda place: place.lba):
            offset = place.lba * SECTOR
            if place.name in plans:
                volume_id = writer.write(plans[place.name], file, offset=offset, timestamp=timestamp)
                content = zlib.crc32(volume_id.to_bytes(4, "little"), content)
            elif place.name in contents:
                content = copy(contents[place.name], file, offset, content)
        if layout.partitions:
            _write_table(layout, file, signature=content or 1)  # 0 would mean: no signature


def _contents(spec: Spec) -> dict[str, Source]:
    """Return the content of each place that is raw; raise DiskError where it does not belong there or does not fit."""
    raw = {place.name: place for place in spec.layout.places if getattr(place, "filesystem", "none") == "none"}
    _check_known("content", spec.content, raw)
    sources = {name: Source.of_path(Path(path)) for name, path in sorted(spec.content.items())}
    for name, source in sources.items():
        _check_fits(raw[name], source)
    return sources


def _plans(spec: Spec) -> dict[str, writer.Plan]:
    """Return the plan of each FAT16 partition, empty ones too; raise DiskError where files do not belong or fit."""
    formatted = {each.name: each for each in spec.layout.partitions if each.filesystem == "fat16"}
    _check_known("files", spec.files, formatted)
    return {name: _plan(each, spec) for name, each in formatted.items()}


def _plan(partition: Partition, spec: Spec) -> writer.Plan:
    wanted = spec.files.get(partition.name, {})
    try:
        files = {path: Source.of_path(Path(origin)) for path, origin in sorted(wanted.items())}
        return writer.plan(files, sectors=partition.sectors, label=partition.label)
    except DiskError as error:
        raise error.about("partition", partition.name) from None


def _check_known(what: str, given: Iterable[str], places: Iterable[str]) -> None:
    if unknown := sorted(set(given) - set(places)):
        takes = ", ".join(places) or "none"
        raise DiskError(f"the layout has no such place for {what}", [("place", unknown[0]), (f"takes {what}", takes)])


def _check_fits(place: Region | Partition, source: Source) -> None:
    room = place.sectors * SECTOR
    if source.size > room:
        raise DiskError(
            "content is larger than its place on the disk",
            [
                ("place", f"{place.name}, {place.sectors} sectors from {place.lba}"),
                ("room", amount(room)),
                ("content", f"{source.name}, {amount(source.size)}"),
                ("too large by", amount(source.size - room)),
            ],
        )


def _write_table(layout: Layout, file: BinaryIO, *, signature: int) -> None:
    entries = tuple(mbr.Entry(each.type, each.lba, each.sectors, each.bootable) for each in layout.partitions)
    file.seek(0)
    sector = mbr.pack(file.read(SECTOR), signature, entries)
    file.seek(0)
    file.write(sector)
