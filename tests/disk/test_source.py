"""Sources of bytes: copied whole, counted, summed, with holes where all is zero."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

import pytest

from bfbuild.disk.faults import DiskError
from bfbuild.disk.source import CHUNK, Source, copy

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5])
def test_a_copy_has_the_bytes_and_their_checksum(size: int) -> None:
    """A copy at a position is the source, and the CRC-32 continues the one given."""
    data = bytes(index % 250 + 1 for index in range(size))
    file = io.BytesIO()
    crc = copy(Source.of_bytes(data), file, 7, zlib.crc32(b"before"))
    assert file.getvalue() == (bytes(7) + data if data else b"")
    assert crc == zlib.crc32(b"before" + data)


def test_zeros_are_not_written(tmp_path: Path) -> None:
    """A large run of zeros becomes a hole: the file keeps its size and takes no room for it."""
    path = tmp_path / "disk"
    with path.open("w+b") as file:
        file.truncate(8 << 20)
        copy(Source.of_bytes(bytes(4 << 20) + b"end"), file, 0)
    assert path.stat().st_size == 8 << 20
    assert path.stat().st_blocks * 512 <= 2 * CHUNK
    assert path.read_bytes()[4 << 20 :].rstrip(b"\0") == b"end"


@pytest.mark.parametrize(("planned", "read"), [(5, "4 bytes"), (3, "more"), (0, "more")])
def test_a_file_that_changed_is_an_error(planned: int, read: str) -> None:
    """A source with fewer or more bytes than planned is never copied quietly."""
    source = Source("notes.txt", planned, lambda: io.BytesIO(b"four"))
    with pytest.raises(DiskError, match="changed while it was copied") as caught:
        copy(source, io.BytesIO(), 0)
    assert caught.value.facts[0] == ("file", "notes.txt")
    assert caught.value.facts[2] == ("read", read)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path without a file is an error at once, with the path."""
    with pytest.raises(DiskError, match="is missing") as caught:
        Source.of_path(tmp_path / "nothing")
    assert caught.value.facts == [("file", str(tmp_path / "nothing"))]
