"""Makes a bundle of artifacts for requests that a profile has on record (FORMAT.md).

pack.py OUT ABI COMPILER PROFILE (NAME BITCODE OBJECT OPTIMIZED)...

Four words for each request, in the profile's order: how the profile calls the bitcode, and three files. What the
profile has measured holds where compiler and bitcode are those that it was measured with; else the code is to be tried.
"""

import ast
import hashlib
import struct
import sys
from pathlib import Path
from typing import Any

HEADER = struct.Struct("<4sI32s32sQ16s4I2Q32s32s")
VERSION, LLVM = 2, b"19.1.7"

# cpu/features.h; every processor that the kernel runs on has the first, which LLVM does not name.
FEATURES = (
    *("tsc", "cmov", "mmx", "fxsr", "sse", "sse2", "sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "xsave", "avx"),
    *("fma", "f16c", "bmi", "bmi2", "avx2", "lzcnt", "movbe", "gfni"),
    *("avx512f", "avx512cd", "avx512dq", "avx512bw", "avx512vl", "avx512ifma", "avx512vbmi", "avx512vbmi2"),
    *("avx512vnni", "avx512bitalg", "avx512vpopcntdq"),
)


def feature_mask(features: str) -> int:
    """Return the bits of the features that a request names."""
    names = features.replace("none", "").replace("+", "").split(",")
    return sum(1 << FEATURES.index(name) for name in {"tsc", *names} if name)


def request(digests: tuple[str, str], lines: list[str], *, is_same: bool) -> bytes:
    """Return the text of a request; a line about branches counts those of the bitcode that it was made for alone."""
    lines = [line for line in lines if is_same or not line.startswith("branches ")]
    head = ("bareflow-request 2", f"compiler {digests[0]}", f"bitcode {digests[1]}")
    return "".join(f"{line}\n" for line in (*head, *lines)).encode()


def artifact(
    abi: bytes, source: dict[str, Any], entry: dict[str, Any], digests: tuple[str, str], made: tuple[bytes, bytes]
) -> bytes:
    """Return the bytes of an artifact: `source` and `entry` are the profile's, `digests` those of today."""
    is_measured = digests == (source["compiler"], source["bitcode"])
    code, optimized = (b"", b"") if is_measured and entry["state"] == "rejected" else made
    is_same = digests[1] == source["bitcode"]
    text, better = (request(digests, entry[name], is_same=is_same) for name in ("request", "better"))
    head = HEADER.pack(
        *(b"BFJA", VERSION, sha256(text), sha256(abi)),
        feature_mask(entry["request"][1].removeprefix("features ")),
        *(LLVM, len(text), len(code), len(optimized)),
        *(entry[name] if is_measured else 0 for name in ("per_mille", "before", "after")),
        sha256(better if entry["better"] else text),  # its own: such a boot looks for nothing better
        sha256(optimized),
    )
    body = head + text + code
    return body + sha256(body) + optimized


def sha256(data: bytes) -> bytes:
    """Return a digest."""
    return hashlib.sha256(data).digest()


def main(out: str, abi: str, compiler: str, profile: str, *words: str) -> None:
    """Write the bundle."""
    sources = ast.literal_eval(Path(profile).read_text())["sources"]  # Debian's python3-minimal has no json
    entries = {name: iter(source["entries"]) for name, source in sources.items()}
    tool, rules = sha256(Path(compiler).read_bytes()).hex(), Path(abi).read_bytes()
    bundle = {}  # by key: two requests may have become one
    for name, *paths in zip(*[iter(words)] * 4, strict=True):
        bitcode, code, optimized = (Path(path).read_bytes() for path in paths)
        digests = (tool, sha256(bitcode).hex())
        made = artifact(rules, sources[name], next(entries[name]), digests, (code, optimized))
        bundle.setdefault(made[8:40], made)
    Path(out).write_bytes(b"".join(bundle.values()))


if __name__ == "__main__":
    if len(sys.argv) < 5 or len(sys.argv) % 4 != 1:
        sys.exit("usage: pack.py OUT ABI COMPILER PROFILE (NAME BITCODE OBJECT OPTIMIZED)...")
    main(*sys.argv[1:])
