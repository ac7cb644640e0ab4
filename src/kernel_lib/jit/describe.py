"""Tells an optimizable source what it is on the disk (function.h): describe.py BITCODE COMPILER ABI PATH OUT."""

import hashlib
import sys
from pathlib import Path


def header(path: str, *files: Path) -> str:
    """Return the C header that is included before all else in the source."""
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    names = ("JIT_SOURCE_PATH", "JIT_SOURCE_DIGEST", "JIT_COMPILER_DIGEST", "JIT_ABI_DIGEST")
    return "".join(f'#define {name} "{value}"\n' for name, value in zip(names, (path, *digests), strict=True))


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit("usage: describe.py BITCODE COMPILER ABI PATH OUT")
    bitcode, compiler, abi, path, out = sys.argv[1:]
    Path(out).write_text(header(path, Path(bitcode), Path(compiler), Path(abi)))
