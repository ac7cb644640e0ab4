"""Makes a bundle of artifacts that nobody has measured: pack.py ABI OUT (REQUEST OBJECT OPTIMIZED)... (FORMAT.md)."""

import hashlib
import struct
import sys
from pathlib import Path

HEADER = struct.Struct("<4sI32s32sQ16s4I2Q32s32s")
VERSION, LLVM = 2, b"19.1.7"

# cpu/features.h; every processor that the kernel runs on has the first, which LLVM does not name.
FEATURES = (
    *("tsc", "cmov", "mmx", "fxsr", "sse", "sse2", "sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "xsave", "avx"),
    *("fma", "f16c", "bmi", "bmi2", "avx2"),
)


def feature_mask(request: bytes) -> int:
    """Return the bits of the features that a request names."""
    named = next(line for line in request.decode().splitlines() if line.startswith("features "))
    names = named.removeprefix("features ").replace("none", "").replace("+", "").split(",")
    return sum(1 << FEATURES.index(name) for name in {"tsc", *names} if name)


def artifact(abi: bytes, request: bytes, code: bytes, optimized: bytes) -> bytes:
    """Return the bytes of an artifact without figures."""
    sizes = (len(request), len(code), len(optimized))
    digests = [hashlib.sha256(data).digest() for data in (request, abi, optimized)]
    head = HEADER.pack(
        *(b"BFJA", VERSION, digests[0], digests[1], feature_mask(request), LLVM, *sizes, 0, 0, 0, bytes(32), digests[2])
    )
    body = head + request + code
    return body + hashlib.sha256(body).digest() + optimized


def main(abi: str, out: str, *parts: str) -> None:
    """Write the bundle."""
    rules = Path(abi).read_bytes()
    files = [Path(part).read_bytes() for part in parts]
    Path(out).write_bytes(
        b"".join(artifact(rules, *each) for each in zip(files[::3], files[1::3], files[2::3], strict=True))
    )


if __name__ == "__main__":
    if len(sys.argv) < 6 or len(sys.argv) % 3 != 0:
        sys.exit("usage: pack.py ABI OUT (REQUEST OBJECT OPTIMIZED)...")
    main(*sys.argv[1:])
