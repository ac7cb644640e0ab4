"""`doit cache diff` and `doit where` in the small project: what differs, what a byte is, and whose doing it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Tool
from tests.small import Roots, Small


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory, repository: Path, roots: Roots, built_small: Small) -> Small:
    """A project that was built, changed in three ways, and built again. Nobody may change it further."""
    small = built_small.copy(tmp_path_factory.mktemp("content") / "small", repository, roots)
    small.doit("image")
    (small.root / "old.img").write_bytes((small.root / "build/small.img").read_bytes())
    small.edit("src/library/twice.c", "return 2 * number;", "return number < 0 ? 7 : 2 * number;")
    small.edit("src/words.txt", "hello", "good day")
    small.edit("src/boot.asm", "hello from", "hi from")
    assert small.doit("image").code == 0
    return small


def found(small: Small, *arguments: str) -> Any:
    """Return what a command says for programs."""
    done = small.doit(*arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


# cache diff


def test_a_program_is_compared_by_symbol_with_the_cause_beside_it(twice: Small) -> None:
    """The function that grew, by how much, and the source that made it; the cause in full below."""
    told = twice.doit("cache", "diff", "kernel.elf@previous", "kernel.elf").out
    [line] = [line for line in told.splitlines() if line.startswith("  symbol twice  grew: +")]
    assert line.endswith("  cause: source src/library/twice.c")
    assert "\ncause: source src/library/twice.c  " in told
    assert "boot" not in told, "what changed elsewhere is no cause of this"


def test_an_image_is_compared_by_place_program_and_file(twice: Small) -> None:
    """Each change is told where it is, down to the symbol of the kernel and the line of the file, with its cause."""
    told = twice.doit("cache", "diff", "small.img@previous", "small.img@last").out.splitlines()
    places = [line for line in told if line.startswith("place")]
    assert [(line.split("  ")[0], line.partition("  cause: ")[2]) for line in places] == [
        ("place BOOT", "source src/boot.asm"),
        ("place KERNEL", "source src/library/twice.c"),
        ("place DATA", ""),
    ]
    assert [line.strip() for line in told if line.startswith("  program")] == ["program kernel.elf  changed"]
    assert any(line.strip().startswith("symbol twice  grew: +") for line in told)
    [file] = [line for line in told if line.startswith("  file")]
    assert file == "  file GREETING.TXT  +3 bytes (6 -> 9)  cause: source src/words.txt"
    assert {"      -HELLO", "      +GOOD DAY"} <= set(told)


def test_files_digests_and_targets_mean_the_same(twice: Small) -> None:
    """An exported file, its digest's first digits, and the target give one answer."""
    by_target = found(twice, "cache", "diff", "small.img@previous", "small.img")
    digests = [by_target[side].split("/")[0] for side in ("old", "new")]
    assert found(twice, "cache", "diff", *(digest[:10] for digest in digests)) == by_target
    assert found(twice, "cache", "diff", "old.img", "build/small.img") == by_target


def test_equal_contents_have_no_difference(twice: Small) -> None:
    """What did not change says so."""
    assert twice.doit("cache", "diff", "layout.h@previous", "layout.h").out.endswith("\nthe same bytes\n")


def test_contents_nobody_made_are_compared_too(twice: Small) -> None:
    """Two files of the user's, with no cause known."""
    (twice.root / "one").write_text("1\n")
    (twice.root / "two").write_text("2\n")
    told = twice.doit("cache", "diff", "one", "two").out.splitlines()
    assert told[2:] == ["text  -1 +1 lines", "  @@ -1 +1 @@", "  -1", "  +2"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("kernel.elv", "kernel.elf"), "error: no build on record has this target"),
        (("kernel.elf@0000", "kernel.elf"), "error: no build on record is called so"),
        (("0" * 8, "kernel.elf"), "error: "),
    ],
    ids=["target", "build", "digest"],
)
def test_what_is_not_there_cannot_be_compared(twice: Small, arguments: tuple[str, str], says: str) -> None:
    """The error names what was wanted; exit 2."""
    done = twice.doit("cache", "diff", *arguments)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err


# where


def test_a_symbol_leads_to_its_bytes_and_back(twice: Small, tool: Tool) -> None:
    """Address as llvm-nm says, the bytes of the function at that place of the image, and each of them leads back."""
    elf = str(twice.root / "build/kernel.elf")
    rows = [line.split() for line in tool("llvm-nm", "--print-size", elf).stdout.splitlines()]
    address, size = next((int(row[0], 16), int(row[1], 16)) for row in rows if row[-1] == "twice")
    [spot] = found(twice, "where", "small.img", "twice")["spots"]
    assert (spot["address"], spot["symbol_size"], spot["section"]) == (address, size, ".text")
    assert spot["object"] == {"name": "src/library/twice.c.o", "recipe": "recipes/small.py:26"}
    assert spot["program"] == {"name": "kernel.elf", "recipe": "recipes/small.py:29"}
    assert (spot["place"], spot["content"]["name"]) == ("KERNEL", "kernel.raw")
    last = spot["offset"] + size - 1
    [back] = found(twice, "where", "small.img", hex(last))["spots"]
    assert (back["symbol"], back["symbol_offset"]) == ("twice", size - 1)
    [behind] = found(twice, "where", "build/small.img", str(last + 1))["spots"]
    assert behind["symbol"] != "twice"


def test_a_path_leads_to_its_bytes_and_back(twice: Small) -> None:
    """The runs of a file hold its content, and lead back to the recipe that made it."""
    [file] = found(twice, "where", "small.img", "GREETING.TXT")["files"]
    data = (twice.root / "build/small.img").read_bytes()
    assert b"".join(data[first : first + length] for first, length in file["runs"]) == b"GOOD DAY\n"
    assert file["content"] == {"name": "greeting.txt", "recipe": "recipes/small.py:38"}
    [spot] = found(twice, "where", "small.img", str(file["runs"][0][0] + 5))["spots"]
    assert (spot["place"], spot["part"], spot["content_offset"]) == ("DATA", "file GREETING.TXT", 5)


@pytest.mark.parametrize(
    ("offset", "place", "part"),
    [
        (0, "BOOT", None),
        (446, "BOOT", "partition table"),
        (64 * 512, "DATA", "boot sector, tables and root directory"),
        (3 * 1024 * 1024 - 1, None, None),
        (6_000 * 512, "DATA", "free space"),
        (20 * 512, None, None),
    ],
)
def test_every_byte_has_a_place(twice: Small, offset: int, place: str | None, part: str | None) -> None:
    """Also those that no file fills."""
    [spot] = found(twice, "where", "small.img", str(offset))["spots"]
    assert (spot["place"], spot["part"]) == (place, part)


def test_an_image_of_which_nothing_is_known_goes_by_its_tables(twice: Small, tmp_path: Path) -> None:
    """A copy with one byte changed has no record; its partition and file are still found."""
    data = bytearray((twice.root / "build/small.img").read_bytes())
    data[-1] = 1
    (tmp_path / "copy.img").write_bytes(data)
    answer = found(twice, "where", str(tmp_path / "copy.img"), "GREETING.TXT")
    assert [(file["place"], file["content"]) for file in answer["files"]] == [("partition 1", None)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("small.img",), "error: where takes an image and a place"),
        (
            ("small.img", "twic"),
            "error: the image has no symbol and no file of this name\n  wanted   twic\n  nearest  twice",
        ),
        (("small.img", "4000000"), "error: the image is not so long"),
    ],
    ids=["one word", "no such name", "too far"],
)
def test_a_question_that_has_no_answer(twice: Small, arguments: tuple[str, ...], says: str) -> None:
    """Says what there is; exit 2."""
    done = twice.doit("where", *arguments)
    assert done.code == 2
    assert says in done.err
