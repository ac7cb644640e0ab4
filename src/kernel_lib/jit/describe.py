"""Tells an optimizable source what it is on the disk (function.h): describe.py BITCODE COMPILER PATH OUT."""

import hashlib
import sys
from pathlib import Path


def header(bitcode: bytes, compiler: bytes, path: str) -> str:
    """Return the C header that is included before all else in the source."""
    digests = [hashlib.sha256(data).hexdigest() for data in (bitcode, compiler)]
    names = ("JIT_SOURCE_PATH", "JIT_SOURCE_DIGEST", "JIT_COMPILER_DIGEST")
    return "".join(f'#define {name} "{value}"\n' for name, value in zip(names, (path, *digests), strict=True))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("usage: describe.py BITCODE COMPILER PATH OUT")
    bitcode, compiler, path, out = sys.argv[1:]
    Path(out).write_text(header(Path(bitcode).read_bytes(), Path(compiler).read_bytes(), path))
