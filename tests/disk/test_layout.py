"""Layouts: every contradiction is found and said in numbers; the headers say what the layout says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bfbuild.disk.faults import DiskError
from bfbuild.disk.layout import Layout, Partition, Region, c_header, check, nasm_include

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

MIB = 1 << 20
KERNEL = Region("KERNEL", 9, 1015)
DATA = Partition("DATA", 2048, 129_024)
GOOD = Layout(
    size=64 * MIB,
    regions=(Region("STAGE1", 0, 1), Region("STAGE2", 1, 8), KERNEL),
    partitions=(DATA,),
    constants={"KERNEL_MAGIC": 0x464C5544, "KERNEL_HEADER_SIZE": 16},
)


def test_a_sound_layout_passes() -> None:
    """Places that touch each other and the end of the disk are no contradiction, in any order."""
    check(GOOD)
    check(GOOD._replace(regions=GOOD.regions[::-1]))
    check(Layout(size=1024, regions=(Region("ALL", 0, 2),)))


BAD = {
    "a size that is no number of sectors": (GOOD._replace(size=1000), "no number of sectors", ("size", "1,000 bytes")),
    "an empty disk": (GOOD._replace(size=0), "no number of sectors", ("size", "0 bytes")),
    "a region beyond the end": (
        Layout(size=10 * 512, regions=(KERNEL,)),
        "beyond the end",
        ("too long by", "1014 sectors, 519,168 bytes"),
    ),
    "a region without sectors": (Layout(size=512, regions=(Region("NONE", 0, 0),)), "no extent", ("sectors", "0")),
    "a region before the disk": (Layout(size=512, regions=(Region("MINUS", -1, 1),)), "no extent", ("lba", "-1")),
    "two regions that overlap": (
        Layout(size=MIB, regions=(Region("B", 5, 9), Region("A", 0, 8))),
        "overlap",
        ("shared", "3 sectors"),
    ),
    "a region within another": (
        Layout(size=MIB, regions=(Region("OUTER", 0, 100), Region("INNER", 50, 2), Region("LAST", 99, 1))),
        "overlap",
        ("second", "INNER, sectors 50 to 51"),
    ),
    "a region in a partition": (
        GOOD._replace(regions=(Region("LATE", 2049, 1),)),
        "overlap",
        ("first", "DATA, sectors 2048 to 131071"),
    ),
    "a partition on the table": (
        Layout(size=64 * MIB, partitions=(DATA._replace(lba=0),)),
        "lies on the partition table",
        ("partition", "DATA"),
    ),
    "five partitions": (
        Layout(size=MIB, partitions=tuple(Partition(f"P{n}", n, 1, filesystem="none") for n in range(1, 6))),
        "too small for the partitions",
        ("partitions", "5"),
    ),
    "two bootable partitions": (
        Layout(size=MIB, partitions=tuple(Partition(f"P{n}", n, 1, 6, True, "none") for n in (1, 2))),
        "only one partition may be bootable",
        ("bootable", "P1, P2"),
    ),
    "a type of no byte": (GOOD._replace(partitions=(DATA._replace(type=0),)), "no byte", ("type", "0")),
    "an unknown file system": (
        GOOD._replace(partitions=(DATA._replace(filesystem="ext4"),)),
        "unknown file system",
        ("expected", "fat16 or none"),
    ),
    "a partition too small for FAT16": (
        GOOD._replace(partitions=(DATA._replace(sectors=4149),)),
        "cannot be so small",
        ("partition", "DATA"),
    ),
    "an illegal label": (
        GOOD._replace(partitions=(DATA._replace(label="lower"),)),
        "label is illegal",
        ("label", "'lower'"),
    ),
    "a name that comes twice": (
        Layout(size=MIB, regions=(Region("A", 0, 1), Region("A", 1, 1))),
        "one name to two numbers",
        ("name", "BF_A_LBA"),
    ),
    "a constant named like a place's number": (
        GOOD._replace(constants={"DATA_LBA": 1}),
        "one name to two numbers",
        ("name", "BF_DATA_LBA"),
    ),
    "a name that is no identifier": (
        Layout(size=512, regions=(Region("a-b", 0, 1),)),
        "C and nasm",
        ("name", "'a-b_LBA'"),
    ),
    "a negative constant": (GOOD._replace(constants={"LESS": -1}), "out of range", ("value", "-1")),
}


@pytest.mark.parametrize("case", BAD)
def test_a_contradiction_is_refused(case: str) -> None:
    """Each contradiction has its headline and the fact that shows it."""
    layout, headline, fact = BAD[case]
    with pytest.raises(DiskError, match=headline) as caught:
        check(layout)
    assert fact in caught.value.facts


HEADER = """\
/* Generated from the disk's layout: change it there. */
#ifndef BF_LAYOUT_H
#define BF_LAYOUT_H

#define BF_SECTOR_SIZE 512
#define BF_STAGE1_LBA 0
#define BF_STAGE1_SECTORS 1
#define BF_STAGE2_LBA 1
#define BF_STAGE2_SECTORS 8
#define BF_KERNEL_LBA 9
#define BF_KERNEL_SECTORS 1015
#define BF_DATA_LBA 2048
#define BF_DATA_SECTORS 129024
#define BF_KERNEL_HEADER_SIZE 16
#define BF_KERNEL_MAGIC 0x464C5544

#endif
"""


def test_the_headers_say_what_the_layout_says() -> None:
    """C and nasm get the same names and values: places in the order of declaration, then constants by name."""
    assert c_header(GOOD) == HEADER
    defines = [line.removeprefix("#define ") for line in HEADER.splitlines() if line.startswith("#define ")][1:]
    assert nasm_include(GOOD).splitlines()[2:] == [f"%define {line}" for line in defines]


def test_the_prefix_can_be_chosen() -> None:
    """Another project's names begin as it likes, the guard too."""
    text = c_header(GOOD._replace(prefix="MY_"))
    assert "BF_" not in text
    assert "#define MY_LAYOUT_H\n" in text
    assert "#define MY_KERNEL_LBA 9\n" in text


def test_nasm_understands_the_include(tool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    """A real assembler reads the include and finds the numbers."""
    include, source, out = tmp_path / "layout.inc", tmp_path / "use.asm", tmp_path / "use.bin"
    include.write_text(nasm_include(GOOD))
    source.write_text(f'%include "{include}"\ndd BF_KERNEL_MAGIC, BF_DATA_SECTORS\n')
    result = tool("nasm", "-f", "bin", "-o", str(out), str(source))
    assert (result.returncode, result.stderr) == (0, "")
    assert out.read_bytes() == b"DULF" + (129_024).to_bytes(4, "little")
