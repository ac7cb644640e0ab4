"""A file of numbers that may lie: whoever reads it says how much, and gets just that or an error."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

from .faults import WeightsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Data:
    """An open file, read from front to back (`take`) and at known places (`at`); all numbers are little-endian."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file, self.name = file, name
        self.size = file.seek(0, 2)
        self.position = 0

    @classmethod
    def open(cls, path: Path) -> Data:
        """Open a file; raise OSError where it cannot be read."""
        return cls(path.open("rb"), path.name)

    @property
    def left(self) -> int:
        """How many bytes come behind the position."""
        return self.size - self.position

    def at(self, offset: int, size: int, what: str) -> bytes:
        """Return bytes at a place; raise WeightsError where the file does not hold them."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise self.error("a model file ends too early", [("wanted", f"{what}: {size:,} bytes from {offset:,}")])
        self.file.seek(offset)
        return self.file.read(size)

    def take(self, size: int, what: str) -> bytes:
        """Return the next bytes."""
        taken = self.at(self.position, size, what)
        self.position += size
        return taken

    def numbers(self, form: str, what: str) -> tuple[float, ...]:
        """Return the next numbers, as `struct` describes them."""
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}"), what))

    def number(self, form: str, what: str) -> int:
        """Return the next number, a whole one."""
        (value,) = struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}"), what))
        return int(value)

    def error(self, headline: str, facts: Sequence[tuple[str, object]]) -> WeightsError:
        """Return an error with the facts of this file first."""
        return WeightsError(headline, [("file", self.name), ("size", f"{self.size:,} bytes"), *facts])


_NO_NUMBER_16 = bytes(int(value & 0x7C == 0x7C) for value in range(256))
_NO_NUMBER_HIGH = bytes(int(value & 0x7F == 0x7F) for value in range(256))
_NO_NUMBER_LOW = bytes(int(value >= 0x80) for value in range(256))


def is_finite_16(data: bytes) -> bool:
    """Say whether no half-precision number in `data` is infinite or NaN."""
    return 1 not in data[1::2].translate(_NO_NUMBER_16)


def is_finite_32(data: bytes) -> bool:
    """Say whether no single-precision number in `data` is infinite or NaN."""
    high, low = data[3::4].translate(_NO_NUMBER_HIGH), data[2::4].translate(_NO_NUMBER_LOW)
    return int.from_bytes(high, "little") & int.from_bytes(low, "little") == 0
