"""Names on FAT16: what is legal, which short name a long one gets, and the entries that carry it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bfbuild.disk.fat16.names import check_path, checksum, fold, short_names, slots
from bfbuild.disk.faults import DiskError

# Long names of one directory -> short names, by the specification's rules.
SHORT = [
    ({"KERNEL.BIN": "KERNEL  BIN"}),
    ({"kernel.bin": "KERNEL  BIN", "README": "README     "}),  # case alone loses nothing
    ({"$%'-_@~`.!()": "$%'-_@~`!()"}),
    ({"The quick brown.fox": "THEQUI~1FOX"}),  # the specification's own example
    ({"a b": "AB~1       "}),  # a space cannot be kept
    ({".bashrc": "BASHRC~1   ", "..x..y": "X~1     Y  "}),  # leading dots go
    ({"archive.tar.gz": "ARCHIV~1GZ "}),
    ({"a+b=[c];,": "A_B__C~1   "}),
    ({"naïve.txt": "NA_VE~1 TXT", "ß": "_~1        ", "β": "_~2        ", "SS": "SS         "}),
    ({"foobarbaz1": "FOOBAR~2   ", "foobarbaz2": "FOOBAR~3   ", "FOOBAR~1": "FOOBAR~1   "}),  # a real one goes first
    ({"x.html": "X~1     HTM", "x.htm": "X       HTM"}),
    ({f"long name {n}": f"LONGNA~{n}   " for n in range(1, 10)} | {"long name a": "LONGN~10   "}),
]


@pytest.mark.parametrize("expected", SHORT)
def test_a_long_name_gets_the_short_name_of_the_specification(expected: dict[str, str]) -> None:
    """Short names follow the basis-name and numeric-tail rules, whatever order the names come in."""
    wanted = {name: short.encode() for name, short in expected.items()}
    assert short_names(expected) == wanted
    assert short_names(reversed(expected)) == wanted


@given(st.sets(st.text("aAbB1. ~_é", min_size=1, max_size=12).map(lambda name: name.strip(" ") + "z"), max_size=60))
def test_short_names_are_legal_and_all_different(names: set[str]) -> None:
    """However alike the names are, every one gets a legal short name of its own."""
    unique = {fold(name): name for name in names}.values()
    found = short_names(unique)
    assert found.keys() == set(unique)
    assert len(set(found.values())) == len(found)
    for short in found.values():
        assert len(short) == 11
        assert short[0:1] != b" "
        assert set(short) <= set(b"ABZ0123456789~_ ")


def test_thousands_of_alike_names_cost_no_more_than_each() -> None:
    """Tails go on where they stopped: 20,000 alike names are a matter of less than a second, not of minutes."""
    found = short_names([f"measurement {number:05}.json" for number in range(20_000)])
    assert found["measurement 19999.json"] == b"ME~20000JSO"


def test_a_name_that_is_its_own_short_name_takes_no_more_room() -> None:
    """Legal 8.3 in capitals needs no long-name entries; anything else has one for each 13 UTF-16 units."""
    assert slots("KERNEL.BIN", b"KERNEL  BIN") == b""
    assert len(slots("kernel.bin", b"KERNEL  BIN")) == 32
    assert len(slots("x" * 13, b"XXXXXX~1   ")) == 32
    assert len(slots("x" * 14, b"XXXXXX~1   ")) == 64
    assert len(slots("😀" * 7, b"______~1   ")) == 64  # two units each


def test_long_name_entries_have_the_bytes_of_the_specification() -> None:
    """The specification's example: `The quick brown.fox`, two entries, the last part first, NUL, then FFs."""
    last, first = slots("The quick brown.fox", b"THEQUI~1FOX")[:32], slots("The quick brown.fox", b"THEQUI~1FOX")[32:]
    sum_ = checksum(b"THEQUI~1FOX")
    assert (last[0], last[11], last[12], last[13], last[26:28]) == (0x42, 0x0F, 0, sum_, b"\0\0")
    assert last[1:11] + last[14:26] + last[28:] == "wn.fox".encode("utf-16-le") + b"\0\0" + b"\xff" * 12
    assert (first[0], first[11], first[13]) == (0x01, 0x0F, sum_)
    assert first[1:11] + first[14:26] + first[28:] == "The quick bro".encode("utf-16-le")


@pytest.mark.parametrize(
    "path", ["a", "KERNEL.BIN", "a/b/c", ".hidden", "a b", "+,;=[]", "x" * 255, "ä/β/😀", "con", "~", "\x7f"]
)
def test_a_legal_path_passes(path: str) -> None:
    """Whatever the specification allows is allowed."""
    check_path(path)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "it is empty"),
        ("/a", "it is empty"),
        ("a//b", "it is empty"),
        ("a/", "it is empty"),
        ("..", "it begins or ends with a space, or ends with a dot"),
        ("a/../b", "it begins or ends with a space, or ends with a dot"),
        ("end.", "it begins or ends with a space, or ends with a dot"),
        (" a", "it begins or ends with a space, or ends with a dot"),
        ("a:b", "it contains ':'"),
        ("a\\b", "it contains '\\\\'"),
        ("a\nb", "it contains '\\n'"),
        ("a\0", "it contains '\\x00'"),
        ("\udc80", "it is no Unicode text"),
        ("x" * 256, "it has 256 UTF-16 units, 1 too many"),
        ("😀" * 128, "it has 256 UTF-16 units, 1 too many"),
    ],
)
def test_an_illegal_name_is_refused_with_the_reason(path: str, reason: str) -> None:
    """An illegal name is an error that names path, name and reason."""
    with pytest.raises(DiskError, match="name is illegal") as caught:
        check_path(path)
    assert ("reason", reason) in caught.value.facts


def test_a_path_that_is_too_long_is_refused() -> None:
    """The specification's 260 letters include a drive, the root and a NUL: 256 are left."""
    check_path("a/" * 127 + "bb")
    with pytest.raises(DiskError, match="path is too long"):
        check_path("a/" * 127 + "bbb")
