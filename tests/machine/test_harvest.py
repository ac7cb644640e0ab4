"""Artifacts are read from a disk as they were written, damage is taken for none, and profiles keep what matters."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bfbuild.errors import MachineError
from bfbuild.machine.harvest import Artifact, NoArtifact, harvest, parse, recorded
from bfbuild.recipe.profile import Entry, Profile
from tests.learning import BETTER, LINES, OTHER, WEIGHED, asked, disk, place, written

COMPILER, BITCODE = "c" * 64, "b" * 64
REQUEST = asked(COMPILER, BITCODE)
CODE = b"\x7fELF and so on", b"BC and so on"


def test_an_artifact_is_what_was_written() -> None:
    """Its fields are those of the header and of the request, and its key is the request's digest."""
    better = hashlib.sha256(b"better").digest()
    artifact = parse(written(REQUEST, CODE, better=better))
    assert artifact == Artifact(COMPILER, BITCODE, LINES, 500, 2000, 1000, better.hex(), *CODE)
    assert artifact.function == "add"
    assert artifact.request == REQUEST
    assert artifact.key == hashlib.sha256(REQUEST).hexdigest()
    assert parse(written(REQUEST, CODE)).better == ""


def test_what_was_not_worth_it_has_neither_object_nor_bitcode() -> None:
    """Such an artifact is whole; one with only the one or the other is none."""
    assert parse(written(REQUEST, (b"", b""))).object == b""
    for code in ((CODE[0], b""), (b"", CODE[1])):
        with pytest.raises(NoArtifact, match="bitcode"):
            parse(written(REQUEST, code))


@given(st.integers(0, len(written(REQUEST, CODE)) * 8 - 1))
def test_a_flipped_bit_is_no_artifact(bit: int) -> None:
    """Whichever bit it is, of the bitcode behind the digest as well."""
    data = bytearray(written(REQUEST, CODE))
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NoArtifact):
        parse(bytes(data))


@given(st.integers(0, len(written(REQUEST, CODE)) - 1))
def test_a_piece_is_no_artifact(size: int) -> None:
    """Wherever it was cut."""
    with pytest.raises(NoArtifact):
        parse(written(REQUEST, CODE)[:size])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (written(REQUEST, CODE, version=3), "another format"),
        (written(b"", CODE), "request is none"),
        (written(REQUEST[:-1], CODE), "request is none"),
        (written(REQUEST + b"\n", CODE), "request is none"),
        (written(REQUEST.replace(b"request 2", b"request 3"), CODE), "request is none"),
        (written(REQUEST.replace(b"compiler c", b"compiler C"), CODE), "request is none"),
        (written(REQUEST.replace(b"function add", b"function ../add"), CODE), "request is none"),
        (written(REQUEST + b"branches " + b"00" * 1024 + b"\n", CODE), "sizes do not add up"),
    ],
)
def test_what_only_looks_like_one_is_no_artifact(data: bytes, why: str) -> None:
    """Another version, and what is no request, although all digests fit."""
    with pytest.raises(NoArtifact, match=why):
        parse(data)


def test_a_harvest_has_what_is_whole_and_in_its_place(tmp_path: Path) -> None:
    """Artifacts come sorted by key; a damaged one, one under another's name and other files are passed over."""
    requests = [REQUEST, asked(COMPILER, BITCODE, OTHER)]
    files = {
        **{place(each): written(each, CODE) for each in requests},
        place(b"damaged"): written(asked(COMPILER, BITCODE, BETTER), CODE)[:-1],
        place(b"other"): written(asked(COMPILER, BITCODE, BETTER), CODE),
        "JIT/CACHE/README.TXT": b"nothing",
        "JIT/FUNCTIONS.BC": b"bitcode",
    }
    found = harvest(disk(tmp_path, files))
    assert [each.request for each in found] == sorted(requests, key=lambda each: hashlib.sha256(each).hexdigest())


def test_what_is_no_disk_is_told(tmp_path: Path) -> None:
    """A file without a partition table, and one that is not there, are errors that name it."""
    path = tmp_path / "no.img"
    with pytest.raises(MachineError, match="cannot be read"):
        harvest(path)
    path.write_bytes(bytes(4096))
    with pytest.raises(MachineError, match="cannot be read"):
        harvest(path)


def found(lines: tuple[str, ...] = LINES, after: int = 1000, bitcode: str = BITCODE, better: str = "") -> Artifact:
    """What a boot found out."""
    return Artifact(COMPILER, bitcode, lines, 500, 2000, after, better, *CODE)


def entries(profile: Profile) -> dict[tuple[str, ...], Entry]:
    """What a profile has of the one source of these tests."""
    return {entry.request: entry for entry in profile.sources["f.bc"].entries}


def record(profile: Profile, *artifacts: Artifact, exact: bool = False) -> Profile:
    """What becomes of a profile."""
    return recorded(profile, {"f.bc": artifacts}, exact=exact)


def test_figures_stay_until_exact_ones_come() -> None:
    """A boot in real time measures other figures each time: those on record stay, and new requests are added."""
    first = record(Profile(), found())
    second = record(first, found(after=999), found(OTHER))
    assert {lines: entry.after for lines, entry in entries(second).items()} == {LINES: 1000, OTHER: 1000}
    assert entries(record(second, found(after=1011), exact=True))[LINES].after == 1011
    by_chance = record(second, found(after=1009), exact=True)  # less than a hundredth
    assert entries(by_chance)[LINES].after == 1000


def test_a_profile_of_other_code_is_replaced() -> None:
    """Where the bitcode is another, nothing that was measured of the old one is left: only what to ask elsewhere."""
    elsewhere = [(each[0], "features none", each[2]) for each in (LINES, OTHER)]
    first = record(Profile(), found(), found(OTHER), *(found(each) for each in elsewhere))
    second = record(first, found(bitcode="d" * 64))
    assert second.sources["f.bc"].bitcode == "d" * 64
    assert {lines: entry.after for lines, entry in entries(second).items()} == {LINES: 1000, elsewhere[0]: 0}
    assert record(first) == first


def test_a_request_about_branches_is_about_one_bitcode() -> None:
    """What is left of a profile of other code says nothing of branches, which would be others there."""
    general, weighed = (tuple(each.replace("+cmov,+sse2", "none") for each in lines) for lines in (LINES, WEIGHED))
    here = found(weighed)
    first = record(Profile(), found(), found(general, better=here.key), here)
    second = entries(record(first, found(bitcode="d" * 64)))
    assert {lines: entry.better for lines, entry in second.items()} == {
        LINES: (),
        general: weighed[:-1],
        weighed[:-1]: (),
    }


def test_a_better_request_is_recorded_by_its_lines() -> None:
    """As long as it is on the disk and about the same function; also where figures are on record already."""
    better = found(BETTER)
    assert entries(record(Profile(), found(better=better.key), better))[LINES].better == BETTER
    assert entries(record(record(Profile(), found()), found(better=better.key), better))[LINES].better == BETTER
    assert entries(record(Profile(), found(better=better.key)))[LINES].better == ()
    assert entries(record(Profile(), found(better=found(OTHER).key), found(OTHER)))[LINES].better == ()


def test_what_is_better_now_takes_the_place_of_what_was() -> None:
    """Constants may be addresses of a program that has changed; what nothing leads to any more is not asked for."""
    old, new = found(BETTER), found((*BETTER[:3], "constant 0 8"))
    first = record(Profile(), found(better=old.key), old)
    second = entries(record(first, found(after=7, better=new.key), new))
    assert {lines: (entry.after, entry.better) for lines, entry in second.items()} == {
        LINES: (1000, new.lines),
        new.lines: (1000, ()),
    }
    assert record(first, found()) == first  # in real time nothing may seem better now and then
    assert set(entries(record(first, found(), exact=True))) == {LINES}


def test_a_version_that_nothing_leads_to_is_not_recorded() -> None:
    """A guest asks for general requests first, and for others only where one of these names them."""
    assert set(entries(record(Profile(), found(), found(WEIGHED), found(OTHER)))) == {LINES, OTHER}
