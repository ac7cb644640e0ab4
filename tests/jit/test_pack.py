"""The bundle for a warm image: artifacts as a guest would write them, with figures only where they still hold."""

from __future__ import annotations

import hashlib
import runpy
from pathlib import Path

import pytest

from bfbuild.machine.harvest import HEADER, Artifact, parse
from bfbuild.recipe.profile import Entry, Profile, Source, request_text
from tests.learning import BETTER, LINES, OTHER, WEIGHED

COMPILER, BITCODE = b"compiler", b"bitcode"
DIGESTS = hashlib.sha256(COMPILER).hexdigest(), hashlib.sha256(BITCODE).hexdigest()
CODE = (b"object", b"optimized")
FEATURES = 0b100011  # tsc, cmov, sse2 in the order of cpu/features.h


@pytest.fixture
def pack(repository: Path) -> str:
    """The script."""
    return str(repository / "src/kernel_lib/jit/pack.py")


def packed(pack: str, folder: Path, entries: tuple[Entry, ...], digests: tuple[str, ...] = DIGESTS) -> list[bytes]:
    """The artifacts that it makes of a profile, each with the bytes of its own."""
    source = Source(compiler=digests[0], bitcode=digests[1], entries=entries)
    (folder / "profile").write_text(Profile(sources={"f.bc": source}).to_text())
    for name, data in {"abi": b"rules", "compiler": COMPILER, "bitcode": BITCODE, "o": CODE[0], "bc": CODE[1]}.items():
        (folder / name).write_bytes(data)
    fixed = [str(folder / name) for name in ("out", "abi", "compiler", "profile")]
    each = ["f.bc", *(str(folder / name) for name in ("bitcode", "o", "bc"))]
    runpy.run_path(pack)["main"](*fixed, *(each * len(entries)))
    return list(_apart((folder / "out").read_bytes()))


def _apart(bundle: bytes) -> list[bytes]:
    """A bundle's artifacts, by the sizes in their headers."""
    found = []
    while bundle:
        request, code, optimized = HEADER.unpack_from(bundle)[6:9]
        size = HEADER.size + request + code + 32 + optimized
        found.append(bundle[:size])
        bundle = bundle[size:]
    return found


def key(lines: tuple[str, ...]) -> str:
    """The key of a request with today's digests."""
    return hashlib.sha256(request_text(DIGESTS[0], DIGESTS[1], lines)).hexdigest()


def test_figures_hold_for_the_code_that_was_measured(pack: str, tmp_path: Path) -> None:
    """An entry becomes the artifact that the guest wrote; a rejected one has no object; order is the profile's."""
    entries = (
        Entry(request=LINES, state="optimized", per_mille=500, before=2000, after=1000, better=BETTER),
        Entry(request=BETTER, state="optimized", per_mille=250, before=2000, after=500),
        Entry(request=OTHER, state="rejected", per_mille=1100, before=1000, after=1100),
    )
    assert [parse(each) for each in packed(pack, tmp_path, entries)] == [
        Artifact(*DIGESTS, LINES, 500, 2000, 1000, key(BETTER), *CODE),
        Artifact(*DIGESTS, BETTER, 250, 2000, 500, key(BETTER), *CODE),
        Artifact(*DIGESTS, OTHER, 1100, 1000, 1100, key(OTHER), b"", b""),
    ]


@pytest.mark.parametrize("changed", [0, 1])
def test_other_code_is_to_be_tried(pack: str, tmp_path: Path, changed: int) -> None:
    """With another compiler or bitcode than were measured, also what was rejected: it may be worth it now."""
    digests = [*DIGESTS]
    digests[changed] = "0" * 64
    entry = Entry(request=LINES, state="rejected", per_mille=1100, before=1000, after=1100)
    (made,) = packed(pack, tmp_path, (entry,), tuple(digests))
    assert parse(made) == Artifact(*DIGESTS, LINES, 0, 0, 0, key(LINES), *CODE)


def test_branches_are_those_of_one_bitcode(pack: str, tmp_path: Path) -> None:
    """For another one the request says nothing of them; what is then asked twice is in the bundle once."""
    entries = (
        Entry(request=LINES, better=WEIGHED),
        Entry(request=BETTER),
        Entry(request=WEIGHED),
    )
    here, elsewhere = (
        [parse(each) for each in packed(pack, tmp_path, entries, (DIGESTS[0], bitcode))]
        for bitcode in (DIGESTS[1], "0" * 64)
    )
    assert [(each.lines, each.better) for each in here] == [
        (LINES, key(WEIGHED)),
        (BETTER, key(BETTER)),
        (WEIGHED, key(WEIGHED)),
    ]
    assert [(each.lines, each.better) for each in elsewhere] == [(LINES, key(BETTER)), (BETTER, key(BETTER))]


def test_a_header_is_what_the_kernel_asks_for(pack: str, tmp_path: Path) -> None:
    """Rules, processor and LLVM are those by which a guest takes an artifact for its own."""
    (made,) = packed(pack, tmp_path, (Entry(request=LINES),))
    assert HEADER.unpack_from(made)[3:6] == (hashlib.sha256(b"rules").digest(), FEATURES, b"19.1.7".ljust(16, b"\0"))
