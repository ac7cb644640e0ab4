"""The master boot record: addresses as every partitioner writes them, boot code that stays, tables that read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bfbuild.disk.faults import DiskError
from bfbuild.disk.mbr import Entry, Mbr, chs, pack, parse

ENTRIES = st.builds(
    Entry,
    type=st.integers(1, 255),
    lba=st.integers(1, 1 << 31),
    sectors=st.integers(1, 1 << 31),
    bootable=st.booleans(),
)


@pytest.mark.parametrize(
    ("lba", "expected"),
    [
        (0, "00 01 00"),
        (62, "00 3f 00"),
        (63, "01 01 00"),
        (2048, "20 21 00"),  # what fdisk writes for a partition at 1 MiB
        (63 * 255, "00 01 01"),
        (63 * 255 * 256, "00 41 00"),  # cylinder 256: its high bits stand above the sector
        (63 * 255 * 1024 - 1, "fe ff ff"),
        (63 * 255 * 1024, "fe ff ff"),
        ((1 << 32) - 1, "fe ff ff"),
    ],
)
def test_a_sector_has_its_chs_address(lba: int, expected: str) -> None:
    """An address is head, sector and cylinder of 255 heads and 63 sectors, and stops at the largest there is."""
    assert chs(lba).hex(" ") == expected


def test_a_table_has_the_bytes_that_other_systems_write() -> None:
    """One active FAT16 partition from 1 MiB to the end of a 64 MiB disk gives these very bytes."""
    sector = pack(b"\xfa".ljust(512, b"\0"), 0x12345678, (Entry(0x06, 2048, 129024, bootable=True),))
    assert sector[:440] == b"\xfa".ljust(440, b"\0")
    assert sector[440:446].hex(" ") == "78 56 34 12 00 00"
    assert sector[446:462].hex(" ") == "80 20 21 00 06 28 20 08 00 08 00 00 00 f8 01 00"
    assert sector[462:] == bytes(48) + b"\x55\xaa"


@given(
    code=st.binary(min_size=440, max_size=440),
    signature=st.integers(0, 0xFFFF_FFFF),
    entries=st.lists(ENTRIES, max_size=4),
)
def test_a_table_reads_back(code: bytes, signature: int, entries: list[Entry]) -> None:
    """What was packed is what is parsed, and the boot code is untouched."""
    sector = pack(code + bytes(72), signature, tuple(entries))
    assert parse(sector) == Mbr(signature, tuple(entries))
    assert sector[:440] == code


def test_boot_code_may_bring_its_own_mark() -> None:
    """Boot code assembled to 512 bytes with 55 AA at its end is taken as it is."""
    assert pack(bytes(510) + b"\x55\xaa", 1, ()) == pack(bytes(512), 1, ())


@pytest.mark.parametrize(("byte", "too_long"), [(440, "1 byte"), (509, "70 bytes"), (511, "72 bytes")])
def test_boot_code_in_the_table_is_refused(byte: int, too_long: str) -> None:
    """Boot code that reaches into the table's bytes is an error that says by how much, never overwritten."""
    code = bytearray(512)
    code[byte] = 0x90
    with pytest.raises(DiskError, match="reaches into the partition table") as caught:
        pack(bytes(code), 1, ())
    assert ("too long by", too_long) in caught.value.facts


@pytest.mark.parametrize("sector", [b"", bytes(512), b"\x55\xaa", bytes(509) + b"\x55\xaa\0"])
def test_a_sector_without_the_mark_is_no_record(sector: bytes) -> None:
    """Without 55 AA at byte 510 nothing is read as a table."""
    with pytest.raises(DiskError, match="no master boot record"):
        parse(sector)


def test_an_impossible_status_is_damage() -> None:
    """A status byte that is neither 0 nor 0x80 names the entry."""
    sector = bytearray(pack(bytes(512), 1, (Entry(6, 1, 1, bootable=False),)))
    sector[446] = 0x42
    with pytest.raises(DiskError, match="damaged") as caught:
        parse(bytes(sector))
    assert caught.value.facts[:2] == [("entry", "1"), ("status", "0x42")]


@given(st.binary(min_size=510, max_size=510))
def test_any_sector_is_read_or_refused(body: bytes) -> None:
    """A hostile sector gives a table or a DiskError, nothing else."""
    try:
        assert len(parse(body + b"\x55\xaa").entries) <= 4
    except DiskError as error:
        assert "damaged" in error.headline  # noqa: PT017  (either outcome is right)
