"""One xz stream of which some parts are compressed, with little effort, and others are stored as they are.

What is compressed already (packages, models) is most of an archive, and costs nothing so. Any xz reads it:

    stream header
    block header   one filter, LZMA2
    chunks         of LZMA2: stored ones are written here, compressed ones by liblzma; each part begins with one that
                   resets the dictionary, so parts need not know of each other
    check          CRC32
    index, stream footer

The format is that of https://tukaani.org/xz/xz-file-format.txt; a stored chunk of LZMA2 is a byte that says so, its
size less one in two bytes, and at most 64 KiB.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from typing import IO

# As little effort as xz can make: what is left to compress are objects, symbols, and disks that are mostly zeros.
DICTIONARY_BITS = 18
FILTERS = [
    {
        "id": lzma.FILTER_LZMA2,
        "preset": 0,
        "dict_size": 1 << DICTIONARY_BITS,
        "mode": lzma.MODE_FAST,
        "mf": lzma.MF_HC3,
        "nice_len": 8,
        "depth": 1,
    }
]

_FLAGS = b"\0\1"  # the check is CRC32
_STORED_FIRST, _STORED = 1, 2  # the first resets the dictionary
_CHUNK = 1 << 16
_END = b"\0"  # of LZMA2


class XzWriter:
    """Writes a stream to an open file; `close` ends it."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._compressor: lzma.LZMACompressor | None = None
        self._crc = self._size = 0  # of what is in the block
        self._written = 0  # bytes of the block, without padding
        out.write(b"\xfd7zXZ\0" + _FLAGS + _crc32(_FLAGS))
        header = bytes([2, 0, 0x21, 1, (DICTIONARY_BITS - 12) * 2]).ljust(8, b"\0")
        self._put(header + _crc32(header))

    def compress(self, data: bytes) -> None:
        """Add bytes, compressed together with those before where these were as well."""
        self._count(data)
        if self._compressor is None:
            self._compressor = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=FILTERS)
        self._put(self._compressor.compress(data))

    def store(self, data: bytes) -> None:
        """Add bytes as they are."""
        self._count(data)
        self._end_part()
        view = memoryview(data)
        for at in range(0, len(data), _CHUNK):
            piece = view[at : at + _CHUNK]
            self._put(struct.pack(">BH", _STORED if at else _STORED_FIRST, len(piece) - 1))
            self._put(piece)

    def close(self) -> None:
        """Write what ends the stream."""
        self._end_part()
        self._put(_END)
        unpadded = self._written + 4
        self._out.write(bytes(-self._written % 4) + struct.pack("<I", self._crc))
        index = b"\0\1" + _number(unpadded) + _number(self._size)
        index += bytes(-len(index) % 4)
        index += _crc32(index)
        footer = struct.pack("<I", len(index) // 4 - 1) + _FLAGS
        self._out.write(index + _crc32(footer) + footer + b"YZ")

    def _count(self, data: bytes) -> None:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)

    def _end_part(self) -> None:
        if self._compressor is not None:
            self._put(self._compressor.flush().removesuffix(_END))
            self._compressor = None

    def _put(self, data: bytes | memoryview) -> None:
        self._out.write(data)
        self._written += len(data)


def _crc32(data: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(data))


def _number(value: int) -> bytes:
    """Return a number as xz writes it: seven bits in each byte, the lowest first."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(0x80 | value & 0x7F)
        value >>= 7
    return bytes([*digits, value])
