"""Makes the kernel's table of function names: symbols.py NM_OUTPUT OUT.

NM_OUTPUT is what `nm --defined-only` prints for the first link of the kernel. backtrace.c describes the table and reads
it. Labels inside functions (their names hold a dot) are left out.
"""

import sys
from pathlib import Path

START = "text_start"  # kernel.ld sets it to where the code begins


def number(value: int) -> bytes:
    """Encode a number seven bits a byte, the lowest first, bit 7 set in all but the last byte."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def table(nm_output: str) -> bytes:
    """Return the table of all functions; of several names at one address the first in alphabetical order."""
    symbols = [(int(address, 16), kind, name) for address, kind, name in map(str.split, nm_output.splitlines())]
    previous = next(address for address, _, name in symbols if name == START)
    functions: dict[int, str] = {}
    for address, kind, name in sorted(symbols):
        if kind in "tT" and "." not in name and name not in (START, "text_end"):
            functions.setdefault(address, name)
    encoded = bytearray()
    for address, name in functions.items():
        encoded += number(address - previous) + name.encode() + b"\0"
        previous = address
    return bytes(encoded)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: symbols.py NM_OUTPUT OUT")
    Path(sys.argv[2]).write_bytes(table(Path(sys.argv[1]).read_text()))
