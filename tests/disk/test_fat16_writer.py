"""The FAT16 writer: right for tools that are not ours, the same bytes every time, and what is wrong is refused."""

from __future__ import annotations

import hashlib
import io
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bfbuild.disk.fat16 import reader, writer
from bfbuild.disk.faults import DiskError
from bfbuild.disk.source import Source
from tests.disk.disks import EPOCH, SECTORS, sources, volume

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Tool = Callable[..., subprocess.CompletedProcess[str]]

TREE = {
    "KERNEL.BIN": b"kernel" * 1000,
    "empty": b"",
    "one cluster": bytes(512),
    "one more.byte": b"\1" * 513,
    "docs/Read me first, please.txt": b"hello",
    "docs/deep/er/than that.txt": b"below",
    "FOOBAR~1.TXT": b"3",
    "foobarbaz1.txt": b"1",
    "foobarbaz2.txt": b"2",
    ".hidden": b"dot",
    **{f"many/file number {number}.dat": bytes([number % 256]) * number for number in range(200)},
}
GOLDEN = "eefc47e0507a9f00b1d3ea331eaa45b27b684f794133e392d60ad6c0de4d3d89"


def _clean(tool: Tool, image: Path) -> bool:
    """Whether fsck.fat finds nothing to say."""
    result = tool("fsck.fat", "-n", str(image))
    complaints = [
        line for line in result.stdout.splitlines() if "files," not in line and not line.startswith("fsck.fat")
    ]
    return result.returncode == 0 and complaints == []


def _mtools_tree(tool: Tool, image: Path, out: Path) -> dict[str, bytes]:
    """Return what mcopy reads."""
    out.mkdir()
    result = tool("mcopy", "-s", "-n", "-i", str(image), "::/", str(out))
    assert result.returncode == 0, result.stderr
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize("sectors", [4150, SECTORS, 8401, 32_681, 65_535, 65_536])
def test_other_tools_read_every_byte(tool: Tool, tmp_path: Path, sectors: int) -> None:
    """fsck.fat finds a clean volume and mcopy reads back every file, for sizes on both sides of each limit."""
    image = tmp_path / "volume"
    image.write_bytes(volume(TREE, sectors=sectors, label="BAREFLOW").getvalue())
    assert _clean(tool, image)
    assert _mtools_tree(tool, image, tmp_path / "out") == TREE


def test_the_largest_volume_is_clean(tool: Tool, tmp_path: Path) -> None:
    """At 65,524 clusters, the most that FAT16 has, a file may have them all, and fsck.fat finds nothing wrong."""
    image, sectors, cluster = tmp_path / "volume", 4_194_144, 64 * 512
    size = 65_524 * cluster
    everything = Source("hole", size, lambda: io.BytesIO(b""))
    plan = writer.plan({"ALL": everything}, sectors=sectors)
    assert plan.extents["ALL"] == writer.Extent(2, 65_524, size)
    with image.open("w+b") as file:
        file.truncate(sectors * 512)
        writer.write(writer.plan(sources({"A": b"a"}), sectors=sectors), file, offset=0, timestamp=EPOCH)
    assert _clean(tool, image)
    assert image.stat().st_blocks * 512 < 1 << 20


def test_a_volume_says_its_label_id_and_times(tool: Tool, tmp_path: Path) -> None:
    """Label, volume id and time stamps are those that were given, as mdir shows them."""
    image = tmp_path / "volume"
    with image.open("w+b") as file:
        file.truncate(SECTORS * 512)
        plan = writer.plan(sources({"A.TXT": b"a"}), sectors=SECTORS, label="MY DISK")
        assert writer.write(plan, file, offset=0, timestamp=EPOCH, volume_id=0x1234ABCD) == 0x1234ABCD
    listing = tool("mdir", "-i", str(image), "::/").stdout
    assert "is MY DISK" in listing
    assert "1234-ABCD" in listing
    assert "2023-11-14  22:13" in listing


_NAMES = st.text("abcXYZ019 ._-+~", min_size=1, max_size=20).filter(lambda n: n == n.strip(" ") and not n.endswith("."))
_TREES = st.dictionaries(st.lists(_NAMES, min_size=1, max_size=4).map("/".join), st.binary(max_size=2000), max_size=12)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=_TREES)
def test_other_tools_agree_on_any_tree(tool: Tool, tmp_path: Path, files: dict[str, bytes]) -> None:
    """Whatever tree is accepted is clean for fsck.fat and the same for mcopy."""
    try:
        image_bytes = volume(files).getvalue()
    except DiskError:
        return  # names that clash: other tests say which
    run = tmp_path / str(len(list(tmp_path.iterdir())))
    run.mkdir()
    image = run / "volume"
    image.write_bytes(image_bytes)
    assert _clean(tool, image)
    assert _mtools_tree(tool, image, run / "out") == files


def test_equal_files_give_equal_bytes() -> None:
    """The bytes are a constant: the order of the files, the hash seed and the day do not enter."""
    shuffled = list(TREE.items())
    random.Random(1).shuffle(shuffled)
    for files in (TREE, dict(shuffled)):
        assert hashlib.sha256(volume(files, label="GOLDEN").getvalue()).hexdigest() == GOLDEN


def test_a_volume_id_comes_from_the_content() -> None:
    """Without a given id, another path or another byte gives another id; the time does not."""
    ids = {volume(files).getvalue()[39:43] for files in ({"A": b"a"}, {"B": b"a"}, {"A": b"b"}, {"A": b"a", "B": b""})}
    assert len(ids) == 4


def test_a_volume_lies_where_it_is_put() -> None:
    """Written at an offset, a volume leaves the rest of the file alone and knows how many sectors come before it."""
    file = io.BytesIO(b"\xee" * 512 * 8 + bytes(SECTORS * 512) + b"\xee" * 512)
    writer.write(writer.plan(sources(TREE), sectors=SECTORS), file, offset=8 * 512, timestamp=EPOCH)
    data = file.getvalue()
    assert data[: 8 * 512] == b"\xee" * 512 * 8
    assert data[-512:] == b"\xee" * 512
    assert data[8 * 512 + 28 : 8 * 512 + 32] == (8).to_bytes(4, "little")
    assert reader.read_tree(file, 8 * 512) == TREE


def test_every_file_is_contiguous() -> None:
    """A reader may fetch any file with one transfer: its clusters follow each other."""
    file = volume(TREE)
    disk = reader.Volume(file)
    assert all(len(list(disk.runs(entry))) <= 1 for entry in disk.walk())


def _sized(size: int) -> dict[str, Source]:
    return {"BIG": Source("big", size, lambda: io.BytesIO(b""))}


ROOM = 4133 * 512  # of the volume of SECTORS
BAD = {
    "an illegal name": (sources({"a:b": b""}), "name is illegal", ("name", "'a:b'")),
    "names that differ in case": (sources({"Read": b"", "READ": b""}), "case only", ("second", "Read")),
    "directories that differ in case": (sources({"d/a": b"", "D/b": b""}), "case only", ("first", "D")),
    "a file that is a directory": (sources({"a": b"", "a/b": b""}), "both a file and a directory", ("path", "a")),
    "a file too large for FAT": (_sized(1 << 32), "file is too large for FAT", ("limit", "4,294,967,295 bytes")),
    "a file larger than the volume": (
        _sized(ROOM + 1),
        "too small for its files",
        ("too small by", "512 bytes (clusters of 512)"),
    ),
    "513 names in the root": (
        sources({f"F{number}": b"" for number in range(513)}),
        "root directory is too small",
        ("too many by", "1"),
    ),
    "long names that fill the root": (
        sources({f"a name in lower case {number}": b"" for number in range(200)}),
        "root directory is too small",
        ("entries", "600"),
    ),
    "a directory too large for FAT": (
        sources({f"d/F{number}": b"" for number in range(65_535)}),
        "directory is too large",
        ("directory", "d"),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_files_that_cannot_be_written_are_refused(case: str) -> None:
    """Each impossible set of files has its headline and the fact that shows it, before a byte is written."""
    files, headline, fact = BAD[case]
    with pytest.raises(DiskError, match=headline) as caught:
        writer.plan(files, sectors=SECTORS)
    assert fact in caught.value.facts


def test_files_that_just_fit_are_written() -> None:
    """The last cluster of the volume and the last entry of the root directory can be used."""
    assert reader.read_tree(volume({"BIG": b"\1" * ROOM})) == {"BIG": b"\1" * ROOM}
    names = {f"F{number}": b"" for number in range(512)}
    assert reader.read_tree(volume(names)) == names
