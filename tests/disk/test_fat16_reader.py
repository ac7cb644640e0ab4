"""The FAT16 reader: it reads what anyone wrote, and no bytes make it crash, loop, or hand out a dangerous name."""

from __future__ import annotations

import io
import random
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bfbuild.disk.fat16.reader import Entry, Volume, list_files, read_tree
from bfbuild.disk.faults import DiskError
from tests.disk.disks import SECTORS, volume

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

ILLEGAL = {chr(code) for code in range(32)} | set('"*/:<>?\\|')
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=sorted(ILLEGAL)), min_size=1, max_size=30
).filter(lambda name: name == name.strip(" ") and not name.endswith("."))
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=1500), max_size=8)

# Where things lie on a volume of SECTORS sectors, by hand: FAT of 17 sectors from 1, root from 35, cluster 2 from 67.
FAT_AT, ROOT_AT, CLUSTERS_AT = 1 * 512, 35 * 512, 67 * 512


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_what_was_written_is_read(files: dict[str, bytes]) -> None:
    """Any tree that the writer takes reads back: names in any script, any depth, any content."""
    try:
        file = volume(files)
    except DiskError:
        return  # names that clash: the writer's tests say which
    assert read_tree(file) == files


def test_what_other_tools_wrote_is_read(tool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    """A volume made by mkfs.fat and filled by mcopy reads back, with the case that it notes in its own way."""
    files = {"UPPER.TXT": b"1", "lower.txt": b"2", "Mixed Case.text": b"3" * 5000, "sub/dir/file": b"4", "a.B": b"5"}
    for path, data in files.items():
        (tmp_path / "in" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / path).write_bytes(data)
    image = tmp_path / "volume"
    assert tool("mkfs.fat", "-C", "-F", "16", "-s", "4", str(image), "16384").returncode == 0
    for child in sorted((tmp_path / "in").iterdir()):
        assert tool("mcopy", "-s", "-i", str(image), str(child), "::/").returncode == 0
    with image.open("rb") as file:
        assert read_tree(file) == files


def test_a_listing_says_where_everything_is() -> None:
    """Directories come before what is in them, with sizes and clusters; a position is a byte of the volume."""
    file = volume({"B/C": b"c" * 600, "A": b""})
    assert list_files(file) == [Entry("A", False, 0, ()), Entry("B", True, 0, (2,)), Entry("B/C", False, 600, (3, 4))]
    assert Volume(file).position(3) == CLUSTERS_AT + 512
    assert file.getvalue()[CLUSTERS_AT + 512 :].startswith(b"c" * 600)


def test_scattered_files_are_read() -> None:
    """A file whose clusters lie anywhere is put together in the order of its chain."""
    file = volume({"A": b"1" * 512 + b"2" * 512 + b"3" * 100})
    patched = bytearray(file.getvalue())
    patched[FAT_AT + 2 * 2 : FAT_AT + 2 * 5] = struct.pack("<HHH", 4, 0xFFFF, 3)  # 2 -> 4 -> 3
    disk = Volume(io.BytesIO(bytes(patched)))
    (entry,) = disk.walk()
    assert (entry.clusters, list(disk.runs(entry))) == ((2, 4, 3), [(2, 1), (4, 1), (3, 1)])
    assert b"".join(disk.chunks(entry)) == b"1" * 512 + b"3" * 100 + bytes(412) + b"2" * 100


def _patched(files: dict[str, bytes], *patches: tuple[int, bytes]) -> io.BytesIO:
    data = bytearray(volume(files).getvalue())
    for position, new in patches:
        data[position : position + len(new)] = new
    return io.BytesIO(bytes(data))


def _fat(cluster: int, value: int) -> tuple[int, bytes]:
    return FAT_AT + 2 * cluster, struct.pack("<H", value)


TWO = {"A": b"a" * 1000, "B": b"b" * 1000}  # clusters 2-3 and 4-5; root entries at ROOT_AT and ROOT_AT + 32
DAMAGED = {
    "no boot sector": (TWO, [(510, b"\0\0")], "no boot sector"),
    "sectors of 4096 bytes": (TWO, [(11, b"\x00\x10")], "parameter block"),
    "clusters of 3 sectors": (TWO, [(13, b"\3")], "parameter block"),
    "clusters of no sectors": (TWO, [(13, b"\0")], "parameter block"),
    "no FAT": (TWO, [(16, b"\0")], "parameter block"),
    "too few clusters": (TWO, [(19, b"\x00\x10")], "not FAT16"),
    "too many clusters for the FAT": (TWO, [(19, b"\0\0"), (32, b"\0\x40\0\0")], "not FAT16"),
    "a volume larger than its file": (
        TWO,
        [(22, b"\xff\xff"), (19, b"\0\0"), (32, struct.pack("<I", 140_000))],
        "ends too early",
    ),
    "a chain that leads outside": (TWO, [_fat(2, 0xFFF0)], "leads to 0xfff0"),
    "a chain that leads to a free cluster": (TWO, [_fat(2, 0)], "leads to 0x0000"),
    "a chain in a circle": (TWO, [_fat(3, 2)], "belongs to two files"),
    "two files that share a cluster": (TWO, [_fat(3, 4)], "belongs to two files"),
    "a chain shorter than its file": (TWO, [_fat(2, 0xFFFF)], "does not match"),
    "a size without clusters": (TWO, [(ROOT_AT + 26, b"\0\0")], "does not match"),
    "a size beyond the chain": (TWO, [(ROOT_AT + 28, b"\xff\xff\xff\xff")], "does not match"),
    "a directory without clusters": (TWO, [(ROOT_AT + 11, b"\x10"), (ROOT_AT + 26, b"\0\0")], "does not match"),
    "a directory in itself": ({"D/E/F": b""}, [(CLUSTERS_AT + 2 * 32 + 26, b"\2\0")], "belongs to two files"),
    "one name twice": (TWO, [(ROOT_AT + 32, b"A")], "occurs twice"),
    "a name with a slash": ({"A_B": b""}, [(ROOT_AT + 1, b"/")], "is illegal"),
    "a name with a backslash": ({"A_B": b""}, [(ROOT_AT + 1, b"\\")], "is illegal"),
    "a name with a NUL": ({"A_B": b""}, [(ROOT_AT + 1, b"\0")], "is illegal"),
    "a name of blanks": ({"A": b""}, [(ROOT_AT, b" ")], "is illegal"),
    "a long name that leads up": ({"xy": b""}, [(ROOT_AT + 1, b".\0.\0")], "is illegal"),
    "a long name with a slash": ({"a b c": b""}, [(ROOT_AT + 3, b"/")], "is illegal"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_volume_is_refused(case: str) -> None:
    """Each kind of damage is a DiskError with its reason."""
    files, patches, reason = DAMAGED[case]
    with pytest.raises(DiskError, match="is damaged") as caught:
        read_tree(_patched(files, *patches))
    assert reason in dict(caught.value.facts)["reason"]


def test_a_cut_volume_is_refused() -> None:
    """A file that ends anywhere before the last byte that is needed is an error that says where it ends."""
    whole = volume({"A": b"a" * 1000}).getvalue()
    for length in (0, 511, 512, FAT_AT + 5, ROOT_AT + 31, CLUSTERS_AT + 999):
        with pytest.raises(DiskError, match="is damaged") as caught:
            read_tree(io.BytesIO(whole[:length]))
        assert caught.value.facts == [("at", f"byte {length}"), ("reason", "it ends too early")]
    assert read_tree(io.BytesIO(whole[: CLUSTERS_AT + 1000])) == {"A": b"a" * 1000}


ORPHANS = {
    "a long name of another short name": [(ROOT_AT + 13, b"\0")],
    "a long name without its last part": [(ROOT_AT, b"\x02")],
    "a long name with a part out of order": [(ROOT_AT, b"\x43")],
    "a deleted long name": [(ROOT_AT, b"\xe5")],
    "a long name that is no UTF-16": [(ROOT_AT + 1, b"\x00\xdc")],
}


@pytest.mark.parametrize("case", ORPHANS)
def test_a_broken_long_name_is_passed_over(case: str) -> None:
    """Where the long name is not whole or not its own, the file has its short name."""
    assert read_tree(_patched({"lower.txt": b"x"}, *ORPHANS[case])) == {"LOWER.TXT": b"x"}


def test_deleted_files_and_labels_are_no_files() -> None:
    """An entry marked as deleted and the volume's label are not listed."""
    assert read_tree(_patched(TWO, (ROOT_AT, b"\xe5"))) == {"B": TWO["B"]}
    assert read_tree(volume(TWO, label="LABEL")) == TWO


def test_a_short_name_may_begin_with_e5() -> None:
    """The letter that would mean "deleted" is stored as 05 and read as itself."""
    assert read_tree(_patched({"X1": b""}, (ROOT_AT, b"\x05"))) == {"σ1": b""}


def test_hostile_bytes_give_files_or_an_error() -> None:
    """Whatever is flipped in boot sector, FAT and directories: a tree no larger than the volume, or a DiskError."""
    files = {f"dir {n % 3}/sub/file number {n}.txt": bytes([n]) * 700 for n in range(20)}
    whole = volume(files).getvalue()
    dice = random.Random(16)
    hot = [
        *range(90),
        *range(FAT_AT, FAT_AT + 200),
        *range(ROOT_AT, ROOT_AT + 400),
        *range(CLUSTERS_AT, CLUSTERS_AT + 6000),
    ]
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 20)):
            data[dice.choice(hot)] = dice.choice((0, 1, 2, 0x0F, 0x10, 0x2F, 0x40, 0xE5, 0xFF, dice.randrange(256)))
        try:
            tree = read_tree(io.BytesIO(bytes(data)))
        except DiskError:
            continue
        assert sum(map(len, tree.values())) <= SECTORS * 512
        assert not any(part in ("", ".", "..") or "\\" in part for path in tree for part in path.split("/"))


def test_a_chain_of_directories_has_an_end() -> None:
    """Thousands of directories in each other are an error, not a path of megabytes."""
    data = bytearray(volume({"D/X": b""}).getvalue())
    record = bytes(data[ROOT_AT : ROOT_AT + 32])
    for cluster in range(2, 4000):
        at = CLUSTERS_AT + (cluster - 2) * 512
        data[at : at + 64] = record[:26] + struct.pack("<HI", cluster + 1, 0) + bytes(32)
        data[FAT_AT + 2 * cluster : FAT_AT + 2 * cluster + 2] = b"\xff\xff"
    with pytest.raises(DiskError, match="is damaged") as caught:
        list_files(io.BytesIO(bytes(data)))
    assert "endless" in dict(caught.value.facts)["reason"]
