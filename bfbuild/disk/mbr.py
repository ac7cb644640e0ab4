"""The master boot record: boot code, a disk signature and up to four primary partitions in sector 0.

    bytes      what
    0-439      boot code, whoever wrote it
    440-443    disk signature
    444-445    zero
    446-509    four entries of 16 bytes: status, first CHS, type, last CHS, first LBA, sectors
    510-511    55 AA

CHS fields assume the usual translation (255 heads, 63 sectors a track) and stop at cylinder 1023, head 254, sector 63;
whoever can read a partition that lies beyond goes by LBA.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from .faults import DiskError, amount

SECTOR = 512
BOOT_CODE = 440  # bytes that belong to the boot code
ENTRIES = 4
HEADS = 255
TRACK_SECTORS = 63

_SIGNATURE = struct.Struct("<IH")
_ENTRY = struct.Struct("<B3sB3sII")
_MARK = b"\x55\xaa"
_TABLE = BOOT_CODE + _SIGNATURE.size
_ACTIVE = 0x80
_LAST_CHS = (1023, HEADS - 1, TRACK_SECTORS)


class Entry(NamedTuple):
    """A partition as the table knows it; `lba` and `sectors` count sectors of 512 bytes."""

    type: int
    lba: int
    sectors: int
    bootable: bool


class Mbr(NamedTuple):
    """What sector 0 says about the disk; empty entries are left out."""

    signature: int
    entries: tuple[Entry, ...]


def pack(sector: bytes, signature: int, entries: tuple[Entry, ...]) -> bytes:
    """Return sector 0: the boot code that is in `sector`, with signature and table put in.

    Raise DiskError where the boot code reaches into the bytes that are the table's.
    """
    used = len(sector.removesuffix(_MARK).rstrip(b"\0"))
    if used > BOOT_CODE:
        raise DiskError(
            "the boot code reaches into the partition table",
            [("boot code", amount(used)), ("room", amount(BOOT_CODE)), ("too long by", amount(used - BOOT_CODE))],
        )
    table = b"".join(map(_pack_entry, entries)).ljust(ENTRIES * _ENTRY.size, b"\0")
    return sector[:BOOT_CODE] + _SIGNATURE.pack(signature, 0) + table + _MARK


def parse(sector: bytes) -> Mbr:
    """Read sector 0; raise DiskError where it holds no partition table."""
    if len(sector) < SECTOR or sector[SECTOR - len(_MARK) : SECTOR] != _MARK:
        raise DiskError("the disk has no master boot record", [("expected", "55 AA at byte 510")])
    signature, _ = _SIGNATURE.unpack_from(sector, BOOT_CODE)
    entries = []
    for number in range(ENTRIES):
        status, _, kind, _, lba, sectors = _ENTRY.unpack_from(sector, _TABLE + number * _ENTRY.size)
        if status & ~_ACTIVE:
            facts = [("entry", number + 1), ("status", f"{status:#04x}"), ("expected", "0x00 or 0x80")]
            raise DiskError("an entry of the partition table is damaged", facts)
        if kind:
            entries.append(Entry(kind, lba, sectors, bool(status)))
    return Mbr(signature, tuple(entries))


def chs(lba: int) -> bytes:
    """Return the three bytes of a cylinder, head and sector address: head, sector with high cylinder bits, cylinder."""
    track, sector = divmod(lba, TRACK_SECTORS)
    cylinder, head = divmod(track, HEADS)
    cylinder, head, sector = min((cylinder, head, sector + 1), _LAST_CHS)
    return bytes((head, sector | cylinder >> 8 << 6, cylinder & 0xFF))


def _pack_entry(entry: Entry) -> bytes:
    status = _ACTIVE if entry.bootable else 0
    last = entry.lba + entry.sectors - 1
    return _ENTRY.pack(status, chs(entry.lba), entry.type, chs(last), entry.lba, entry.sectors)
