"""The verifier writes an image anew by itself: what our writer made is right, and each byte that is another is not."""

from __future__ import annotations

import random
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bfbuild.disk import image as writer
from bfbuild.disk.layout import Layout, Partition, Region
from bfbuild.disk.spec import Spec
from bfbuild.release import verify
from bfbuild.release.verify import Refused

Content = Mapping[str, bytes]
TIME = 1_700_000_000
BOOT = b"code".ljust(510, b"\0") + b"\x55\xaa"
RAW = {"BOOT": BOOT, "KERNEL": b"kernel" * 300}
TREE = {
    "KERNEL.BIN": b"kernel" * 1000,
    "empty": b"",
    "one cluster": bytes(512),
    "docs/Read me first, please.txt": b"hello",
    "docs/deep/er/than that.txt": b"below",
    "FOOBAR~1.TXT": b"3",
    "foobarbaz1.txt": b"1",
    "foobarbaz2.txt": b"2",
    ".hidden": b"dot",
    "größer.txt": b"umlaut",
    **{f"many/file number {number}.dat": bytes([number]) * number for number in range(120)},
}


def disk(files: Content, sectors: int = 4_200, raw: Content = RAW, label: str = "SMALL") -> tuple[bytes, Spec]:
    """Return an image as an action makes it, with two places, a FAT16 partition and one without a file system."""
    layout = Layout(
        size=(70 + sectors) * 512,
        regions=(Region("BOOT", 0, 1), Region("KERNEL", 1, 8)),
        partitions=(
            Partition("DATA", 64, sectors, bootable=True, label=label),
            Partition("REST", 12, 4, 0x83, filesystem="none"),
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for number, data in enumerate([*raw.values(), *files.values()]):
            paths[number] = str(Path(folder) / str(number))
            Path(paths[number]).write_bytes(data)
        content = {name: paths[number] for number, name in enumerate(raw)}
        listed = {path: paths[number] for number, path in enumerate(files, len(raw))}
        spec = Spec(layout, content=content, files={"DATA": listed})
        writer.build(spec, Path(folder) / "disk", timestamp=TIME)
        return (Path(folder) / "disk").read_bytes(), spec


def check(image: bytes, files: Content, spec: Spec, raw: Content = RAW) -> None:
    """Hold an image against what an SBOM says of it; raise Refused."""
    partitions = tuple(
        verify._Partition(each.lba, each.sectors, each.type, int(each.bootable), each.filesystem, each.label)
        for each in spec.layout.partitions
    )
    starts = {place.name: place.lba * 512 for place in spec.layout.places}
    parts = [
        verify._Part("disk", name, None, starts[name], len(data), verify.sha256(data)) for name, data in raw.items()
    ]
    parts += [
        verify._Part("disk", "DATA", path, starts["DATA"], len(data), verify.sha256(data))
        for path, data in files.items()
    ]
    verify._check_written(image, "disk", parts, verify._Disk(spec.layout.size, TIME, partitions))


@pytest.mark.parametrize("sectors", [4_150, 8_401, 32_681, 65_535, 65_536])
@pytest.mark.parametrize("files", [{}, TREE], ids=["empty", "tree"])
def test_what_the_writer_made_comes_out_the_same(files: Content, sectors: int) -> None:
    """Volumes of each shape, with nothing on them and with names of all kinds; also content behind the boot code."""
    for raw in (RAW, {"BOOT": b"code", "REST": b"raw"}, {"BOOT": b"code".ljust(512, b"\0")}, {}):
        image, spec = disk(files, sectors, raw)
        check(image, files, spec, raw)


NAMES = st.text(st.sampled_from("abAB19 ._-+~é\u4e16\U0001f600"), min_size=1, max_size=30).filter(
    lambda name: name == name.strip(" ") and not name.endswith(".")
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=1_200), max_size=24), st.sampled_from(["", "A LABEL", "SMALL"]))
def test_whatever_names_there_are(names: Content, label: str) -> None:
    """Short forms, their tails and the entries of long names are those that the writer chose."""
    files = {name.casefold(): data for name, data in names.items()}
    files |= {f"in/{name}": data for name, data in files.items()} if "in" not in files else {}
    image, spec = disk(files, 4_150, label=label)
    check(image, files, spec)


def is_right(image: bytes, spec: Spec) -> bool:
    """Whether it is the image of the tree."""
    try:
        check(image, TREE, spec)
    except Refused:
        return False
    return True


def test_any_byte_that_is_another_is_found() -> None:
    """In the partition table, boot sector, tables of clusters, folders, behind the end of files, in gaps: anywhere."""
    image, spec = disk(TREE)
    data = 64 * 512
    fat = struct.unpack_from("<H", image, data + 22)[0] * 512
    places = [*range(440, 512), *range(data, data + 90), data + 510, data + 511]  # tables and parameters, byte by byte
    places += [data + 512, data + 512 + fat - 1, data + 512 + fat, data + 512 + 2 * fat - 1]
    places += [*range(data + 512 + 2 * fat, data + 512 + 2 * fat + 100), 9 * 512, len(image) - 1]
    places += random.Random(5).sample(range(len(image)), 30)
    for place in places:
        changed = bytearray(image)
        changed[place] ^= 1
        assert not is_right(bytes(changed), spec), f"byte {place}"
    assert is_right(image, spec)


def test_the_first_byte_that_is_wrong_is_told() -> None:
    """It leads a person to what is there, and a file to its name."""
    image, spec = disk(TREE)
    with pytest.raises(Refused, match="follow from no file") as problem:
        check(image[:450] + b"\x07" + image[451:], TREE, spec)
    assert ("first byte", 450) in problem.value.facts
    at = image.index(b"kernel", 64 * 512)
    with pytest.raises(Refused, match="other bytes of a file") as problem:
        check(image[:at] + b"K" + image[at + 1 :], TREE, spec)
    assert ("file", "./disk/DATA/KERNEL.BIN") in problem.value.facts


@pytest.mark.parametrize(
    "change",
    [
        {"size": 1},
        {"time": TIME + 2},
        {"partitions": ()},
        {"label": "OTHER"},
        {"bootable": 0},
        {"type": 0x0E},
        {"lba": 65},
        {"sectors": 4_199},
        {"sectors": 1 << 40},
        {"filesystem": "none"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_layout_makes_another_image(change: dict[str, Any]) -> None:
    """Each word of the layout in the SBOM counts, and none makes the verifier fall over."""
    image, _ = disk({"A": b"a"})
    whole = verify._Disk(
        len(image),
        TIME,
        (verify._Partition(64, 4_200, 6, 1, "fat16", "SMALL"), verify._Partition(12, 4, 0x83, 0, "none", "")),
    )
    parts = [verify._Part("disk", "BOOT", None, 0, 512, verify.sha256(BOOT))]
    parts += [verify._Part("disk", "KERNEL", None, 512, 1_800, verify.sha256(RAW["KERNEL"]))]
    parts += [verify._Part("disk", "DATA", "A", 64 * 512, 1, verify.sha256(b"a"))]
    verify._check_written(image, "disk", parts, whole)
    if change.keys() <= {"size", "time", "partitions"}:
        other = whole._replace(**change)
    else:
        other = whole._replace(partitions=(whole.partitions[0]._replace(**change), whole.partitions[1]))
    with pytest.raises(Refused):
        verify._check_written(image, "disk", parts, other)


def test_files_have_room_and_names() -> None:
    """A file that is larger than its volume, one in the place of another, and one without a name are refused."""
    image, spec = disk({"A": b"a"})
    for files, raw in (
        ({"A": bytes(3 << 20)}, RAW),
        ({"A//B": b"a"}, RAW),
        ({"": b"a"}, RAW),
        ({"A": b"a"}, {**RAW, "BOOT": bytes(600)}),
        ({"A": b"a"}, {**RAW, "BOOT": bytes(5 << 20)}),
    ):
        with pytest.raises(Refused):
            check(image, files, spec, raw)
