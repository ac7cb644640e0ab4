"""Makes a bundle of artifacts that no guest has measured yet (FORMAT.md).

pack.py OUT COMPILER BITCODE FEATURES RECURSION (FUNCTION OBJECT)...     FEATURES is "none" for a plain i686.
"""

import hashlib
import struct
import sys
from pathlib import Path

HEADER = struct.Struct("<4s5I2Q")


def artifact(request: str, code: bytes) -> bytes:
    """Return the bytes of an artifact without figures."""
    text = request.encode()
    body = HEADER.pack(b"BFJA", 1, len(text), len(code), 0, 0, 0, 0) + text + code
    return body + hashlib.sha256(body).digest()


def request(compiler: bytes, bitcode: bytes, function: str, features: str, recursion: str) -> str:
    """Return the text of a request."""
    lines = {
        "bareflow-request": "1",
        "compiler": hashlib.sha256(compiler).hexdigest(),
        "bitcode": hashlib.sha256(bitcode).hexdigest(),
        "function": function,
        "features": features,
        "recursion": recursion,
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def main(out: str, compiler: str, bitcode: str, features: str, recursion: str, *objects: str) -> None:
    """Write the bundle."""
    tool, source = Path(compiler).read_bytes(), Path(bitcode).read_bytes()
    Path(out).write_bytes(
        b"".join(
            artifact(request(tool, source, function, features, recursion), Path(code).read_bytes())
            for function, code in zip(objects[::2], objects[1::2], strict=True)
        )
    )


if __name__ == "__main__":
    if len(sys.argv) < 8 or len(sys.argv) % 2 != 0:
        sys.exit("usage: pack.py OUT COMPILER BITCODE FEATURES RECURSION (FUNCTION OBJECT)...")
    main(*sys.argv[1:])
