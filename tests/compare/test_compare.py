"""Contents compared by what they mean: each format's differences, and that no bytes whatever make a comparison fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bfbuild.compare import compare
from bfbuild.compare.archive import members
from bfbuild.compare.finding import MOST, Finding, lines
from bfbuild.disk import image
from bfbuild.disk.layout import Layout, Partition, Region
from bfbuild.disk.spec import Spec
from tests.conftest import Tool
from tests.disk.disks import EPOCH, SECTORS, volume

MAGICS = (b"\x7fELF\x01\x01\x01", b"!<arch>\n", bytes(54) + b"FAT16   " + bytes(448) + b"\x55\xaa", b"text\n", b"\0")


def told(old: bytes, new: bytes) -> list[str]:
    """Return the lines that tell a difference."""
    return list(lines(compare(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"\0same", b"\0same", []),
        (b"\0abcdef", b"\0abXdYf", ["bytes  2 differ, the first at 0x3 (63 64 65 66 -> 58 64 59 66)"]),
        (b"\0ab", b"\0abc", ["bytes  +1 byte (3 -> 4); equal as far as both go"]),
        (b"one\ntwo\n", b"one\n2\n", ["text  -1 +1 lines", "  @@ -1,2 +1,2 @@", "   one", "  -two", "  +2"]),
        (b"one\n", b"one\r\n", ["text  only its line ends differ"]),
        (b"text\n", b"\0text", ["bytes  5 differ, the first at 0x0 (74 65 78 74 0a -> 00 74 65 78 74)"]),
    ],
    ids=["equal", "bytes", "longer", "text", "line ends", "text and bytes"],
)
def test_text_and_bytes(old: bytes, new: bytes, says: list[str]) -> None:
    """Equal bytes have no findings; text is told by line, other bytes by number and the first."""
    assert told(old, new) == says


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(MAGICS), st.binary(max_size=200), st.binary(max_size=200))
def test_no_bytes_make_a_comparison_fail(magic: bytes, one: bytes, other: bytes) -> None:
    """Something is found exactly where bytes differ, however damaged a format is."""
    assert bool(compare(magic + one, magic + other)) is (one != other)


def test_a_long_list_is_cut() -> None:
    """People are told the first, and how many more there are."""
    findings = [Finding("file", str(number), "changed") for number in range(MOST + 3)]
    assert list(lines(findings))[-1] == "... and 3 more"


def test_a_volume_is_compared_by_file() -> None:
    """What is gone, what is new, what changed, with the difference of the content inside."""
    old = volume({"GONE.TXT": b"gone", "docs/A.TXT": b"one\n", "B.BIN": b"\0\1"})
    new = volume({"NEW.TXT": b"new!!", "docs/A.TXT": b"two\n", "B.BIN": b"\0\1"})
    assert sorted(told(old.getvalue(), new.getvalue())) == sorted(
        [
            "file GONE.TXT  is gone (4 bytes)",
            "file NEW.TXT  is new (5 bytes)",
            *("file docs/A.TXT  changed", "  text  -1 +1 lines", "    @@ -1 +1 @@", "    -one", "    +two"),
        ]
    )


def test_a_volume_with_the_same_files_says_so() -> None:
    """Only what no file holds differs."""
    old = volume({"A.TXT": b"a"}).getvalue()
    new = bytearray(old)
    new[-1] = 1
    [line] = told(old, bytes(new))
    assert line == (
        f"volume  the files are the same; 1 byte of tables, times or free space differ, the first at {len(old) - 1:#x}"
    )


def test_a_damaged_volume_is_compared_as_bytes() -> None:
    """One whose tables contradict themselves has no files to compare."""
    old = volume({"A.TXT": b"a"}).getvalue()
    new = bytearray(old)
    new[13] = 3  # sectors a cluster
    assert told(old, bytes(new)) == [
        "bytes  1 differ, the first at 0xd (01 01 00 02 00 02 68 10 -> 03 01 00 02 00 02 68 10)"
    ]


def disk(path: Path, greeting: bytes, *, kernel: bytes = b"kernel") -> bytes:
    """Return a disk with a region before its partition, and a file on that."""
    (path / "kernel").write_bytes(kernel)
    (path / "greeting").write_bytes(greeting)
    layout = Layout(
        size=(SECTORS + 64) * 512,
        regions=(Region("KERNEL", 1, 8),),
        partitions=(Partition("DATA", 64, SECTORS),),
    )
    spec = Spec(layout, content={"KERNEL": str(path / "kernel")}, files={"DATA": {"HELLO.TXT": str(path / "greeting")}})
    image.build(spec, path / "disk", timestamp=EPOCH)
    return (path / "disk").read_bytes()


def test_a_disk_is_compared_by_partition(tmp_path: Path) -> None:
    """Without a layout the partition table says where places are; within them it goes on by format."""
    old, new = disk(tmp_path, b"hello\n"), disk(tmp_path, b"good day\n", kernel=b"kernel 2")
    found = told(old, new)
    assert found[0].startswith("disk signature  0x")
    assert found[1:4] == [
        "place before the partitions  +2 bytes (518 -> 520)",
        "  bytes  +2 bytes (518 -> 520); equal as far as both go",
        "place partition 1  changed",
    ]
    assert found[4:6] == ["  file HELLO.TXT  +3 bytes (6 -> 9)", "    text  -1 +1 lines"]


@pytest.fixture
def objects(tool: Tool, tmp_path: Path) -> Path:
    """Two builds of two sources, `old/` and `new/`: a function grew, another changed, one came, one went."""
    sources = {
        "old/one.c": "int grows(int a) { return a; }\nint same(void) { return 1; }\nint goes(void) { return 2; }\n",
        "new/one.c": "int grows(int a) { return a * a * 3 + 7; }\nint same(void) { return 1; }\n",
        "old/a_name_that_is_too_long_for_a_header.c": "int changes(void) { return 41; }\n",
        "new/a_name_that_is_too_long_for_a_header.c": "int changes(void) { return 42; }\nint comes[5] = {1};\n",
    }
    for name, text in sources.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        flags = ("--target=i686-unknown-none-elf", "-O1", "-ffunction-sections", "-c")
        done = tool("clang", *flags, path.name, "-o", f"{path.stem}.o", cwd=path.parent)
        assert done.returncode == 0, done.stderr
    for folder in ("old", "new"):
        names = sorted(path.name for path in (tmp_path / folder).glob("*.o"))
        assert tool("llvm-ar", "rcsD", "lib.a", *names, cwd=tmp_path / folder).returncode == 0
    return tmp_path


def test_an_elf_file_is_compared_by_section_and_symbol(objects: Path) -> None:
    """Sizes and content, symbols that grew or went; what did not change is not named."""
    found = told((objects / "old/one.o").read_bytes(), (objects / "new/one.o").read_bytes())
    assert any(line.startswith("  symbol grows  grew: +") for line in found), found
    assert any(line.startswith("  symbol goes  is gone (") for line in found), found
    assert not any("same" in line.split() for line in found)
    assert not any(".symtab" in line for line in found)


def test_an_archive_is_compared_by_member(objects: Path) -> None:
    """Members with long names too; within one it goes on by section and symbol."""
    old, new = ((objects / name / "lib.a").read_bytes() for name in ("old", "new"))
    assert sorted(members(old)) == ["a_name_that_is_too_long_for_a_header.o", "one.o"]
    found = told(old, new)
    assert any(line.startswith("member a_name_that_is_too_long_for_a_header.o  ") for line in found), found
    assert "    symbol changes  changed: 1 of 10 bytes, the first at +0x4" in found
    assert "    symbol comes  is new (20 bytes)" in found
    assert any(line.startswith("    symbol grows  grew: +") for line in found), found
