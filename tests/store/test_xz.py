"""The xz writer: whatever parts there are, liblzma reads them back; what is packed already is stored as it is."""

from __future__ import annotations

import io
import lzma
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bfbuild.store import Store
from bfbuild.store.archive import PACKED, write
from bfbuild.store.xz import XzWriter
from tests.store.made import make, root_of
from tests.store.packed import members_of

Parts = list[tuple[bool, bytes]]  # whether it is stored, and what it is


def stream(parts: Parts) -> bytes:
    """Return a stream of these."""
    out = io.BytesIO()
    writer = XzWriter(out)
    for stored, data in parts:
        (writer.store if stored else writer.compress)(data)
    writer.close()
    return out.getvalue()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=300)), max_size=12))
def test_any_parts_are_read_back(parts: Parts) -> None:
    """In any order, empty ones among them, in one stream that ends where the file does."""
    reader = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=32 << 20)
    assert reader.decompress(stream(parts)) == b"".join(data for _, data in parts)
    assert (reader.eof, reader.unused_data) == (True, b"")


@pytest.mark.parametrize("size", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 3 << 16])
def test_what_is_stored_costs_three_bytes_a_chunk(size: int) -> None:
    """Random bytes lie in the file as they are, 64 KiB by 64 KiB, between compressed zeros."""
    data = random.Random(7).randbytes(size)
    zeros = bytes(1 << 20)
    made = stream([(False, zeros), (True, data), (False, zeros)])
    assert lzma.decompress(made) == zeros + data + zeros
    assert data[: 1 << 16] in made
    assert len(made) <= size + 3 * -(-size // (1 << 16)) + 2_000


def test_a_stream_with_a_damaged_byte_is_not_read() -> None:
    """Headers, chunks, check, index and footer: each byte counts."""
    good = stream([(False, b"some text, some text"), (True, b"as it is")])
    for at in range(len(good)):
        with pytest.raises(lzma.LZMAError):
            lzma.decompress(good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :])


@pytest.mark.parametrize("start", PACKED)
def test_an_archive_stores_what_is_packed(store: Store, tmp_path: Path, start: bytes) -> None:
    """A package lies in it as it is, and all else is compressed; any tar reads both."""
    made = make(store, "a", text="many words " * 20_000)
    package = start + b"and more " * 1_000
    digest = store.cas.put_bytes(package)
    root = replace(root_of(made), downloads=(digest,))
    write(store, root, tmp_path / "a.tar.xz")
    assert package in (tmp_path / "a.tar.xz").read_bytes()
    assert (tmp_path / "a.tar.xz").stat().st_size < len(package) + 20_000
    assert members_of(tmp_path / "a.tar.xz")[f"cas/{digest.hash[:2]}/{digest.hash}"] == package
