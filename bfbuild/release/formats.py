"""A raw disk in the forms that virtual machines take: qcow2 (QEMU) and VDI (VirtualBox), written by us.

Equal disks make equal files: no time, no random identity, no program's version is in one. What is zero takes no room.
qcow2 is that of docs/interop/qcow2.txt in QEMU, version 3, without options; VDI that of block/vdi.c there, dynamic.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bfbuild.store.disk import disk_errors

SECTOR = 512
CLUSTER_BITS = 16
CLUSTER = 1 << CLUSTER_BITS
ENTRY = 8  # bytes of an L1, L2 or refcount table's entry
REFCOUNTS = CLUSTER // 2  # clusters that one block of 16-bit reference counts is about
COPIED = 1 << 63  # QCOW_OFLAG_COPIED: referenced once
HEADER = struct.Struct(">4sIQIIQIIQQIIQQQQII")

VDI_BLOCK = 1 << 20
VDI_TEXT = b"<<< Oracle VM VirtualBox Disk Image >>>\n"
VDI_HEADER = struct.Struct("<64s5I256s7IQ4I16s16s16s16s56x")
VDI_FREE = 0xFFFFFFFF  # a block that is not there, and zero


def write_qcow2(raw: Path, target: Path) -> None:
    """Write a raw disk as qcow2; raise StoreError where that cannot be."""
    with disk_errors("write a disk as qcow2", target), raw.open("rb") as disk, target.open("xb") as out:
        size = _size(disk)
        used = list(_used(disk, CLUSTER))
        guest = _divided(size, CLUSTER)
        per_table = CLUSTER // ENTRY
        tables = sorted({number // per_table for number in used})
        l1_entries = max(_divided(guest, per_table), 1)
        l1_clusters = _divided(l1_entries * ENTRY, CLUSTER)
        blocks, table_clusters, total = _refcounts(1 + l1_clusters + len(tables) + len(used))
        refcount_blocks = 1 + table_clusters  # in clusters from the start, as all that follows
        l1 = refcount_blocks + blocks
        l2 = l1 + l1_clusters
        data = l2 + len(tables)
        header = HEADER.pack(
            *(b"QFI\xfb", 3, 0, 0, CLUSTER_BITS, size, 0, l1_entries, l1 * CLUSTER, CLUSTER, table_clusters),
            *(0, 0, 0, 0, 0, 4, HEADER.size),
        )
        places = {number: data + index for index, number in enumerate(used)}
        _put(out, 0, header)
        _put(out, 1, _entries(refcount_blocks + index for index in range(blocks)))
        _put(out, refcount_blocks, struct.pack(f">{total}H", *[1] * total))
        _put(
            out,
            l1,
            b"".join(_copied(l2 + tables.index(table) if table in tables else 0) for table in range(l1_entries)),
        )
        for index, table in enumerate(tables):
            mine = (places.get(number, 0) for number in range(table * per_table, (table + 1) * per_table))
            _put(out, l2 + index, b"".join(map(_copied, mine)))
        for number in used:
            _put(out, places[number], _block(disk, number, CLUSTER))
        out.truncate(total * CLUSTER)


def write_vdi(raw: Path, target: Path) -> None:
    """Write a raw disk as VDI; its identity is made of its content. Raise StoreError where that cannot be."""
    with disk_errors("write a disk as VDI", target), raw.open("rb") as disk, target.open("xb") as out:
        size = _size(disk)
        used = list(_used(disk, VDI_BLOCK))
        count = _divided(size, VDI_BLOCK)
        start = _divided(SECTOR + 4 * count, VDI_BLOCK) * VDI_BLOCK
        disk.seek(0)
        identity = hashlib.file_digest(disk, "sha256").digest()
        header = VDI_HEADER.pack(
            *(VDI_TEXT, 0xBEDA107F, 0x00010001, 0x180, 1, 0, b"", SECTOR, start, 0, 0, 0, SECTOR, 0),
            *(size, VDI_BLOCK, 0, count, len(used), _uuid(identity[:16]), _uuid(identity[16:]), bytes(16), bytes(16)),
        )
        places = {number: index for index, number in enumerate(used)}
        out.write(header + struct.pack(f"<{count}I", *(places.get(number, VDI_FREE) for number in range(count))))
        for number in used:
            out.seek(start + places[number] * VDI_BLOCK)
            out.write(_block(disk, number, VDI_BLOCK).ljust(VDI_BLOCK, b"\0"))


def _refcounts(clusters: int) -> tuple[int, int, int]:
    """Return for so many clusters: blocks of reference counts, clusters of their table, and how many all are together.

    The counts are about their own clusters too, so a few rounds are needed.
    """
    blocks = table = 0
    while True:
        total = clusters + blocks + table
        needed = _divided(total, REFCOUNTS)
        of_table = _divided(needed * ENTRY, CLUSTER)
        if (needed, of_table) == (blocks, table):
            return blocks, table, total
        blocks, table = needed, of_table


def _entries(clusters: Iterator[int]) -> bytes:
    return b"".join((cluster * CLUSTER).to_bytes(ENTRY, "big") for cluster in clusters)


def _copied(cluster: int) -> bytes:
    """An entry of an L1 or L2 table; cluster 0 is none."""
    return (cluster * CLUSTER | COPIED if cluster else 0).to_bytes(ENTRY, "big")


def _put(out: BinaryIO, cluster: int, data: bytes) -> None:
    out.seek(cluster * CLUSTER)
    out.write(data)


def _used(disk: BinaryIO, size: int) -> Iterator[int]:
    """Yield the numbers of the blocks that are not all zero."""
    disk.seek(0)
    zeros = bytes(size)
    number = 0
    while data := disk.read(size):
        if data != zeros[: len(data)]:
            yield number
        number += 1


def _block(disk: BinaryIO, number: int, size: int) -> bytes:
    disk.seek(number * size)
    return disk.read(size)


def _size(disk: BinaryIO) -> int:
    """The size of a disk, whole sectors of it: a virtual machine knows no other."""
    return _divided(disk.seek(0, 2), SECTOR) * SECTOR


def _divided(number: int, by: int) -> int:
    """Divide, and round up."""
    return -(-number // by)


def _uuid(data: bytes) -> bytes:
    """Make a UUID of these bytes: version 8 of RFC 9562, which leaves their meaning to us."""
    return data[:6] + bytes([0x80 | data[6] & 0x0F, data[7], 0x80 | data[8] & 0x3F]) + data[9:]
