"""Puts the header that stage 2 checks in front of a raw kernel: seal.py RAW ENTRY_HEX OUT.

The header is four little-endian 32-bit numbers: signature (the bytes "DULF", 0x464C5544 as a number), size of the
code in bytes, CRC-32 of the code as zlib computes it, entry address. The code follows at once.
"""

import struct
import sys
import zlib
from pathlib import Path

SIGNATURE = 0x464C5544


def seal(code: bytes, entry: int) -> bytes:
    """Return the kernel image: header, then code."""
    return struct.pack("<4I", SIGNATURE, len(code), zlib.crc32(code), entry) + code


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: seal.py RAW ENTRY_HEX OUT")
    Path(sys.argv[3]).write_bytes(seal(Path(sys.argv[1]).read_bytes(), int(sys.argv[2], 16)))
