"""The script that makes disks: what an action runs in the sandbox, with nothing but python3-minimal.

    python3 -S -m disk image SPEC OUT                    write the disk
    python3 -S -m disk header SPEC OUT_H OUT_INC         write the layout's numbers for C and for nasm

SPEC is a file as spec.py describes; paths in it count from the current directory. FAT times are SOURCE_DATE_EPOCH, or
1980 without it. An error is told on stderr and ends with status 2.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import image, layout, spec
from .faults import DiskError


def main(arguments: list[str]) -> int:
    """Do what the arguments say; return the exit status."""
    try:
        match arguments:
            case ["image", given, out]:
                image.build(_read(given), Path(out), timestamp=_timestamp())
            case ["header", given, header, include]:
                numbers = _read(given).layout
                layout.check(numbers)
                Path(header).write_text(layout.c_header(numbers), encoding="ascii")
                Path(include).write_text(layout.nasm_include(numbers), encoding="ascii")
            case _:
                usage = [("usage", "disk image SPEC OUT"), ("or", "disk header SPEC OUT_H OUT_INC")]
                raise DiskError("these arguments mean nothing", [("arguments", " ".join(arguments) or "none"), *usage])
    except DiskError as error:
        return _fail(error)
    except OSError as error:
        return _fail(
            DiskError("a file cannot be read or written", [("file", error.filename), ("reason", error.strerror)])
        )
    return 0


def _read(path: str) -> spec.Spec:
    try:
        return spec.parse(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise DiskError("the spec is no UTF-8", [("file", path), ("reason", error)]) from None


def _timestamp() -> int:
    text = os.environ.get("SOURCE_DATE_EPOCH", "0")
    if not text.isdecimal():
        raise DiskError("SOURCE_DATE_EPOCH is no number of seconds", [("value", repr(text))])
    return int(text)


def _fail(error: DiskError) -> int:
    sys.stderr.write(error.text() + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
