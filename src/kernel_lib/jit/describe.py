"""Tells an optimizable source what it is on the disk, and where what its object holds lies (function.h).

describe.py BITCODE COMPILER ABI SYMBOLS PATH OUT     SYMBOLS is what `llvm-nm` prints for the object without OUT.

OUT is a header of nothing but assembly, to be included before all else in the source: it changes nothing that the
compiler makes of it, so the names in SYMBOLS are those in the object, and in the bitcode.
"""

import hashlib
import sys
from pathlib import Path

FUNCTION, COUNTED, INTERPRETED = "jit_function_", "jit_counted_", "jit_interpreted_"  # what marks put before names
BUILD = "aot_"


def quoted(text: str) -> str:
    """Return a text as a string of C, or of assembly."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def symbols(nm_output: str) -> dict[str, str]:
    """Return the kind of each symbol; nm's columns are the address, the kind and the name."""
    return {line[11:]: line[9] for line in nm_output.splitlines()}


def complaint(kinds: dict[str, str]) -> str | None:
    """Say what is wrong with a function that the source marks."""
    for name in (symbol.removeprefix(FUNCTION) for symbol in kinds if symbol.startswith(FUNCTION)):
        match kinds.get(BUILD + name):
            case "t":
                return f"JIT_OPTIMIZABLE({name}): the function is static, so no call of it can be led to other code"
            case "T" | "W":
                continue
            case _:
                return f"JIT_OPTIMIZABLE({name}): the source does not define the function"
    return None


def header(path: str, files: list[Path], kinds: dict[str, str]) -> str:
    """Return the header: a jit_source_t, and what it points to, the digests of files among it."""
    ours = (FUNCTION, COUNTED, INTERPRETED)
    without = {BUILD + name.removeprefix(INTERPRETED) for name in kinds if name.startswith(INTERPRETED)}
    names = [name for name in kinds if not name.startswith(ours) and name not in without and name != "jit_source"]
    digests = [hashlib.sha256(data).hexdigest() for data in map(Path.read_bytes, files)]
    assembly = [
        '.pushsection .rodata.jit_source, "a", @progbits',
        *(f".Ljit_text{i}: .asciz {quoted(text)}" for i, text in enumerate((path, *digests))),
        *(f".Ljit_name{i}: .asciz {quoted(name)}" for i, name in enumerate(names)),
        ".balign 4",
        ".Ljit_symbols:",
        *(f".long .Ljit_name{i}, {quoted(name)}" for i, name in enumerate(names)),
        ".long 0, 0",
        "jit_source: .long .Ljit_text0, .Ljit_text1, .Ljit_text2, .Ljit_text3, .Ljit_symbols",
        ".popsection",
    ]
    return "".join(f"__asm__({quoted(line)});\n" for line in assembly)


def main(files: list[str], nm_output: str, path: str, out: str) -> None:
    """Write the header."""
    kinds = symbols(Path(nm_output).read_text(encoding="utf-8"))
    if (why := complaint(kinds)) is not None:
        sys.exit(f"error: {why}")
    Path(out).write_text(header(path, [Path(each) for each in files], kinds), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 7:
        sys.exit("usage: describe.py BITCODE COMPILER ABI SYMBOLS PATH OUT")
    main(sys.argv[1:4], *sys.argv[4:])
