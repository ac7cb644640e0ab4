"""Whole disks: every byte is where the layout says, other tools find the files, and what does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.disk import image, mbr
from bfbuild.disk.fat16 import reader
from bfbuild.disk.faults import DiskError
from bfbuild.disk.layout import Layout, Partition, Region
from bfbuild.disk.spec import Spec
from tests.disk.disks import EPOCH

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Change = Callable[[Spec], Spec]

LAYOUT = Layout(
    size=8 << 20,
    regions=(Region("BOOT", 0, 1), Region("KERNEL", 9, 4)),
    partitions=(
        Partition("DATA", 2048, 8192, bootable=True, label="BAREFLOW"),
        Partition("RAW", 16, 2, type=0xDA, filesystem="none"),  # lies before the first entry
    ),
)
CONTENT = {"BOOT": b"\xeb\xfe", "KERNEL": b"FLUD" * 500, "RAW": b"raw"}
FILES = {"KERNEL.BIN": b"kernel" * 1000, "docs/read me.txt": b"hello", "empty": b""}


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    """Return a disk with a bit of everything; its contents lie in the current directory."""
    monkeypatch.chdir(tmp_path)
    for number, data in enumerate(FILES.values()):
        Path(f"file{number}").write_bytes(data)
    for name, data in CONTENT.items():
        Path(name).write_bytes(data)
    return Spec(
        LAYOUT,
        content={name: name for name in CONTENT},
        files={"DATA": {path: f"file{number}" for number, path in enumerate(FILES)}},
    )


def _build(spec: Spec) -> bytes:
    image.build(spec, Path("disk"), timestamp=EPOCH)
    return Path("disk").read_bytes()


def test_every_byte_is_where_the_layout_says(spec: Spec) -> None:
    """Regions, table and file system lie at their sectors; all else is zero."""
    data = _build(spec)
    assert len(data) == LAYOUT.size
    assert data[:440] == CONTENT["BOOT"].ljust(440, b"\0")
    assert data[9 * 512 : 13 * 512] == CONTENT["KERNEL"].ljust(4 * 512, b"\0")
    assert data[16 * 512 : 18 * 512] == CONTENT["RAW"].ljust(2 * 512, b"\0")
    assert not any((*data[512 : 9 * 512], *data[13 * 512 : 16 * 512], *data[(2048 + 8192) * 512 :]))
    record = mbr.parse(data[:512])
    assert record.entries == (mbr.Entry(0x06, 2048, 8192, True), mbr.Entry(0xDA, 16, 2, False))
    assert record.signature != 0
    with Path("disk").open("rb") as file:
        assert reader.read_tree(file, 2048 * 512) == FILES


def test_other_tools_find_the_files(
    spec: Spec, tool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """What mcopy reads out of the disk is the file, by the partition's offset; fsck.fat finds it clean."""
    data = _build(spec)
    result = tool("mcopy", "-n", "-i", f"{tmp_path}/disk@@1M", "::/docs/read me.txt", f"{tmp_path}/got")
    assert (result.returncode, result.stderr) == (0, "")
    assert Path("got").read_bytes() == b"hello"
    Path("partition").write_bytes(data[2048 * 512 :][: 8192 * 512])
    assert tool("fsck.fat", "-n", str(tmp_path / "partition")).returncode == 0


def test_a_disk_is_sparse(spec: Spec) -> None:
    """What is zero takes no room."""
    _build(spec)
    assert Path("disk").stat().st_blocks * 512 < 256 << 10


def test_an_older_file_leaves_no_trace(spec: Spec) -> None:
    """A disk written over another file is the same as one written anew."""
    fresh = _build(spec)
    Path("disk").write_bytes(b"\xff" * (10 << 20))
    assert _build(spec) == fresh


def test_the_order_of_regions_does_not_enter(spec: Spec) -> None:
    """Regions declared in another order give the same disk, signature and all."""
    turned = spec._replace(layout=LAYOUT._replace(regions=LAYOUT.regions[::-1]))
    assert _build(turned) == _build(spec)


def test_a_signature_comes_from_the_content(spec: Spec) -> None:
    """Another byte in a region or a file gives the disk another signature."""
    signatures = {_build(spec)[440:444]}
    Path("KERNEL").write_bytes(b"other")
    signatures.add(_build(spec)[440:444])
    Path("file0").write_bytes(b"other")
    signatures.add(_build(spec)[440:444])
    assert len(signatures) == 3


@pytest.mark.usefixtures("spec")
def test_a_disk_without_partitions_has_no_table() -> None:
    """Where nothing is partitioned, sector 0 is the region's, all 512 bytes; no content is no error either."""
    Path("BOOT").write_bytes(b"\x90" * 512)
    bare = Spec(Layout(size=4096, regions=(Region("BOOT", 0, 1), Region("REST", 1, 2))), content={"BOOT": "BOOT"})
    assert _build(bare) == (b"\x90" * 512).ljust(4096, b"\0")


@pytest.mark.usefixtures("spec")
def test_a_table_needs_no_boot_code() -> None:
    """A disk of partitions alone has its table; an empty file system is a file system."""
    _build(Spec(LAYOUT._replace(regions=())))
    with Path("disk").open("rb") as file:
        assert len(mbr.parse(file.read(512)).entries) == 2
        assert reader.read_tree(file, 2048 * 512) == {}


def test_a_region_may_reach_beyond_the_table(spec: Spec) -> None:
    """Boot code of several sectors keeps all bytes but the table's."""
    code = b"\x90" * 440 + bytes(72) + b"\x91" * 512
    Path("BOOT").write_bytes(code)
    data = _build(spec._replace(layout=LAYOUT._replace(regions=(Region("BOOT", 0, 2), Region("KERNEL", 9, 4)))))
    assert (data[:440], data[512:1024]) == (code[:440], code[512:])
    assert data[510:512] == b"\x55\xaa"


def _content(**content: str) -> Change:
    """Give places another content."""
    return lambda spec: spec._replace(content={**spec.content, **content})


def _files(**files: dict[str, str]) -> Change:
    """Give partitions other files."""
    return lambda spec: spec._replace(files=files)


def _filled(name: str, size: int) -> Change:
    """Fill one of the contents with so many bytes."""

    def change(spec: Spec) -> Spec:
        Path(name).write_bytes(b"\x90" * size)
        return spec

    return change


def _regions(*regions: Region) -> Change:
    """Lay out other regions."""
    return lambda spec: spec._replace(layout=LAYOUT._replace(regions=regions))


BAD: dict[str, tuple[Change, str, list[tuple[str, str]]]] = {
    "content too large": (
        _filled("KERNEL", 2049),
        "larger than its place",
        [
            ("place", "KERNEL, 4 sectors from 9"),
            ("room", "2,048 bytes"),
            ("content", "KERNEL, 2,049 bytes"),
            ("too large by", "1 byte"),
        ],
    ),
    "boot code too large": (_filled("BOOT", 500), "reaches into the partition table", [("too long by", "60 bytes")]),
    "content that is missing": (_content(KERNEL="gone"), "is missing", [("file", "gone")]),
    "content for nothing": (
        _content(KERNAL="KERNEL"),
        "no such place for content",
        [("place", "KERNAL"), ("takes content", "BOOT, KERNEL, RAW")],
    ),
    "raw content for a file system": (_content(DATA="KERNEL"), "no such place for content", [("place", "DATA")]),
    "files for a region": (
        _files(KERNEL={"a": "file0"}),
        "no such place for files",
        [("place", "KERNEL"), ("takes files", "DATA")],
    ),
    "a file that is missing": (_files(DATA={"a": "gone"}), "is missing", [("partition", "DATA"), ("file", "gone")]),
    "files too large": (
        _filled("file0", 5 << 20),
        "too small for its files",
        [("partition", "DATA"), ("room", "4,144,640 bytes")],
    ),
    "an overlap": (_regions(Region("BOOT", 0, 17)), "overlap", [("shared", "1 sectors")]),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused(spec: Spec, case: str) -> None:
    """Each misfit has its headline and says who, where and by how much."""
    change, headline, facts = BAD[case]
    with pytest.raises(DiskError, match=headline) as caught:
        image.build(change(spec), Path("disk"), timestamp=EPOCH)
    assert [fact for fact in caught.value.facts if fact in facts] == facts


def test_nothing_is_written_for_a_plan_that_fails(spec: Spec) -> None:
    """An error that can be seen beforehand leaves no file behind."""
    with pytest.raises(DiskError):
        image.build(_content(KERNEL="gone")(spec), Path("disk"), timestamp=EPOCH)
    assert not Path("disk").exists()
