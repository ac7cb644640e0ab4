"""Writes the general request for a function: ask.py COMPILER BITCODE FUNCTION FEATURES RECURSION OUT (FORMAT.md)."""

import hashlib
import sys
from pathlib import Path


def request(compiler: bytes, bitcode: bytes, function: str, features: str, recursion: str) -> str:
    """Return its text."""
    lines = {
        "bareflow-request": "2",
        "compiler": hashlib.sha256(compiler).hexdigest(),
        "bitcode": hashlib.sha256(bitcode).hexdigest(),
        "function": function,
        "features": features,
        "recursion": recursion,
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


if __name__ == "__main__":
    if len(sys.argv) != 7:
        sys.exit("usage: ask.py COMPILER BITCODE FUNCTION FEATURES RECURSION OUT")
    compiler, bitcode, *words, out = sys.argv[1:]
    Path(out).write_text(request(Path(compiler).read_bytes(), Path(bitcode).read_bytes(), *words))
