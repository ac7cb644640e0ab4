"""Where bytes come from, and how they get onto a disk: streamed, counted, with holes where all is zero.

The file that is written must read as zeros wherever nothing was written yet (a fresh, truncated file does).
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from .faults import DiskError, amount

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 64 << 10  # also the grain of the holes
ZEROS = bytes(CHUNK)


class Source(NamedTuple):
    """Some bytes that can be read later: a name for errors, their number, and how to open them."""

    name: str
    size: int
    open: Callable[[], BinaryIO]

    @classmethod
    def of_path(cls, path: Path) -> Source:
        """Return the content of a file; raise DiskError where there is no such file."""
        if not path.is_file():
            raise DiskError("a file that should go on the disk is missing", [("file", path)])
        return cls(str(path), path.stat().st_size, lambda: path.open("rb"))

    @classmethod
    def of_bytes(cls, data: bytes, name: str = "bytes in memory") -> Source:
        """Return bytes that are in memory already."""
        return cls(name, len(data), lambda: io.BytesIO(data))


def copy(source: Source, file: BinaryIO, position: int, crc: int = 0) -> int:
    """Write a source's bytes at `position` and return their CRC-32, continued from `crc`.

    Raise DiskError where the source does not have just the size it was planned with.
    """
    copied = 0
    with source.open() as opened:
        while chunk := opened.read(min(CHUNK, source.size - copied + 1)):  # one more, to see it grow
            copied += len(chunk)
            if copied > source.size:
                break
            crc = zlib.crc32(chunk, crc)
            if chunk != ZEROS[: len(chunk)]:
                file.seek(position)
                file.write(chunk)
            position += len(chunk)
    if copied != source.size:
        changed = "more" if copied > source.size else amount(copied)
        raise DiskError(
            "a file changed while it was copied onto the disk",
            [("file", source.name), ("planned", amount(source.size)), ("read", changed)],
        )
    return crc
