"""The bytes of a FAT16 volume that know nothing of files: geometry, boot sector, directory entries, time stamps.

sector                 what
0                      boot sector with the BIOS parameter block
1                      first FAT, then its copy
fat_at(2)              root directory, 512 entries
data_at                clusters, from number 2 on
"""

from __future__ import annotations

import struct
import time
from typing import NamedTuple

from ..faults import DiskError

SECTOR = 512
RESERVED = 1  # [fatgen] BPB_RsvdSecCnt: never anything else on FAT16
FATS = 2
ROOT_ENTRIES = 512  # [fatgen] BPB_RootEntCnt: "for maximum compatibility"
ENTRY_SIZE = 32
ROOT_SECTORS = ROOT_ENTRIES * ENTRY_SIZE // SECTOR
FIRST_CLUSTER = 2
MIN_CLUSTERS, MAX_CLUSTERS = 4085, 65524  # [fatgen] "FAT type determination": the count alone makes it FAT16
MEDIA = 0xF8  # fixed disk
END_OF_CHAIN = 0xFFFF
RESERVED_ENTRIES = (0xFF00 | MEDIA, END_OF_CHAIN)  # FAT[0]: media; FAT[1]: cleanly unmounted, no disk error

ATTR_LABEL, ATTR_DIRECTORY, ATTR_ARCHIVE, ATTR_LONG_NAME = 0x08, 0x10, 0x20, 0x0F

# [fatgen] DskTableFAT16: sectors of the volume up to which a cluster has so many sectors; the first row is ours,
# so that the smallest volumes have enough clusters.
_CLUSTER_SECTORS = ((8_400, 1), (32_680, 2), (262_144, 4), (524_288, 8), (1_048_576, 16), (2_097_152, 32))
_LARGEST_CLUSTER = 64

_BOOT = struct.Struct("<3s8sHBHBHHBHHHIIBBBI11s8s")
_JUMP = b"\xeb\x3c\x90"  # over the parameter block, to byte 62
_BOOT_CODE = b"\xcd\x18\xf4\xeb\xfd"  # int 0x18: tell the BIOS to try the next disk; then halt
_BOOT_MARK = b"\x55\xaa"
_ENTRY = struct.Struct("<11sBBBHHHHHHHI")
_LAST_SECOND = 4_354_819_198  # 2107-12-31 23:59:58, where seven bits of years end

_LABEL_LENGTH = 11
_LABEL_BYTES = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 $%'-_@~`!(){}^#&")
NO_LABEL = "NO NAME"  # [fatgen] BS_VolLab where there is no label


class Geometry(NamedTuple):
    """How the sectors of a volume are divided; all but `clusters` in sectors, positions from the volume's start."""

    sectors: int
    cluster_sectors: int
    fat_sectors: int
    clusters: int

    @property
    def cluster_size(self) -> int:
        """Bytes of a cluster."""
        return self.cluster_sectors * SECTOR

    @property
    def data_at(self) -> int:
        """The first sector of cluster 2."""
        return self.fat_at(FATS) + ROOT_SECTORS

    def fat_at(self, number: int) -> int:
        """Return the first sector of a FAT; of the root directory for the number after the last."""
        return RESERVED + number * self.fat_sectors

    def cluster_at(self, cluster: int) -> int:
        """Return the first sector of a cluster."""
        return self.data_at + (cluster - FIRST_CLUSTER) * self.cluster_sectors


class Stamp(NamedTuple):
    """A time as FAT has it: UTC here, to two seconds, from 1980 to 2107."""

    date: int
    time: int


def geometry(sectors: int) -> Geometry:
    """Divide a volume of so many sectors ([fatgen] "FAT volume initialization").

    Raise DiskError where the number of clusters would not be FAT16's.
    """
    size = next((size for limit, size in _CLUSTER_SECTORS if sectors <= limit), _LARGEST_CLUSTER)
    shared = sectors - RESERVED - ROOT_SECTORS
    fat_sectors = -(-shared // (SECTOR // 2 * size + FATS))
    clusters = (shared - FATS * fat_sectors) // size
    if not MIN_CLUSTERS <= clusters <= MAX_CLUSTERS:
        raise DiskError(
            f"a FAT16 volume cannot be so {'small' if clusters < MIN_CLUSTERS else 'large'}",
            [
                ("volume", f"{sectors} sectors: {max(clusters, 0)} clusters of {size * SECTOR} bytes"),
                ("FAT16 has", f"{MIN_CLUSTERS} to {MAX_CLUSTERS} clusters"),
            ],
        )
    return Geometry(sectors, size, fat_sectors, clusters)


def check_label(label: str) -> None:
    """Raise DiskError where a volume label is not up to 11 characters that every system shows alike; empty is none."""
    if len(label) > _LABEL_LENGTH or not set(label) <= _LABEL_BYTES or label != label.strip():
        facts = [("label", repr(label)), ("expected", "at most 11 of A-Z 0-9 and $%'-_@~`!(){}^#&, spaces only inside")]
        raise DiskError("a volume label is illegal", facts)


def boot_sector(shape: Geometry, *, lba: int, volume_id: int, label: str) -> bytes:
    """Return the first sector of the volume, which begins at sector `lba` of the disk."""
    small = shape.sectors < 1 << 16
    block = _BOOT.pack(
        _JUMP,
        b"BAREFLOW",
        SECTOR,
        shape.cluster_sectors,
        RESERVED,
        FATS,
        ROOT_ENTRIES,
        shape.sectors if small else 0,
        MEDIA,
        shape.fat_sectors,
        63,  # sectors a track and heads: the translation that the partition table assumes too
        255,
        lba,
        0 if small else shape.sectors,
        0x80,  # first fixed disk
        0,
        0x29,  # the three fields that follow are there
        volume_id,
        (label or NO_LABEL).ljust(_LABEL_LENGTH).encode("ascii"),
        b"FAT16   ",
    )
    return (block + _BOOT_CODE).ljust(SECTOR - len(_BOOT_MARK), b"\0") + _BOOT_MARK


def label_entry(label: str, stamp: Stamp) -> bytes:
    """Return the root directory's entry that holds the label."""
    return entry(label.ljust(_LABEL_LENGTH).encode("ascii"), ATTR_LABEL, 0, 0, stamp)


def entry(short: bytes, attributes: int, cluster: int, size: int, stamp: Stamp) -> bytes:
    """Return a directory entry; `short` is the name's 11 bytes, `cluster` 0 where there is no content."""
    date, when = stamp
    return _ENTRY.pack(short, attributes, 0, 0, when, date, date, 0, when, date, cluster, size)


def stamp(seconds: int) -> Stamp:
    """Return a time in seconds since 1970 (UTC) as FAT's, moved into FAT's range where it lies outside."""
    year, month, day, hour, minute, second, *_ = time.gmtime(max(0, min(seconds, _LAST_SECOND)))
    if year < 1980:
        return Stamp(1 << 5 | 1, 0)
    return Stamp((year - 1980) << 9 | month << 5 | day, hour << 11 | minute << 5 | second // 2)
