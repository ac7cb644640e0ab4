"""An edited source needs no recipes: what is remembered builds the same bytes, tells the same, and knows its limits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bfbuild
from tests.small import ACTIONS, Finished, Roots, Small

DOOR = Path(bfbuild.__file__).parent / "commands/door.py"


def image(small: Small, *words: str) -> Finished:
    """Build the image through the quick door, as ./bf does."""
    done = subprocess.run(
        [sys.executable, "-S", DOOR, "image", *words],
        cwd=small.root,
        env=small.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def ran(done: Finished) -> list[str]:
    """Return the labels of what ran, in order."""
    rows = [line.split() for line in done.err.splitlines() if line.endswith(")") and "(" in line]
    return [row[1] for row in rows]


def looked_at(done: Finished) -> int:
    """Return how many actions were looked at."""
    [line] = [line for line in done.err.splitlines() if " hit, " in line]
    return int(line.split()[0])


@pytest.fixture
def built(copy: Small) -> Small:
    """A project that was built before, and once more with something to run, so that all is remembered."""
    copy.write("src/other.c", "int other = 4;\n")
    assert looked_at(image(copy)) == len(ACTIONS)
    assert image(copy).err == ""
    return copy


EDITS: dict[str, tuple[Callable[[Small], object], list[str]]] = {
    "a source": (
        lambda small: small.edit("src/library/twice.c", "2 *", "3 *"),
        ["src/library/twice.c.o", "library.a", "kernel.elf", "kernel.raw", "small.img"],
    ),
    "a comment, whose object is the same": (
        lambda small: small.edit("src/other.c", "int other = 4;", "int other = 4; /* four */"),
        ["src/other.c.o"],
    ),
    "a header's comment": (
        lambda small: small.edit("src/kernel.h", "made of.", "made from."),
        ["src/library/thrice.c.o", "src/library/twice.c.o", "src/start.c.o"],
    ),
    "a symbol of the linker script, which no loaded byte has": (
        lambda small: small.edit("src/kernel.ld", "ENTRY(start)", "ENTRY(start)\nextra = 1;"),
        ["kernel.elf", "kernel.raw"],
    ),
    "a script that is a tool": (
        lambda small: small.edit("src/shout.py", "upper", "title"),
        ["greeting.txt", "small.img"],
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_only_what_a_change_reaches_runs(built: Small, edit: str) -> None:
    """What uses an edited file runs, then what uses a changed output, and nothing else is even looked at."""
    change, expected = EDITS[edit]
    change(built)
    done = image(built)
    assert done.code == 0, done.err
    assert sorted(ran(done)) == sorted(expected)
    assert looked_at(done) < len(ACTIONS)


def test_the_bytes_are_those_of_a_build_from_nothing(
    built: Small, tmp_path: Path, repository: Path, roots: Roots
) -> None:
    """Law 1, for what is remembered: after several edits the image is that of a fresh project with these sources."""
    edits = (
        ("src/library/twice.c", "2 *", "5 *"),
        ("src/kernel.h", "made of.", "made with."),
        ("src/words.txt", "h", "j"),
    )
    for path, old, new in edits:
        built.edit(path, old, new)
        assert looked_at(image(built)) < len(ACTIONS)
    fresh = Small.make(tmp_path / "fresh", repository, roots)
    for path in ("src/library/twice.c", "src/kernel.h", "src/words.txt", "src/other.c"):
        fresh.write(path, (built.root / path).read_text())
    fresh.build()
    project = fresh.open()
    project.build([project.graph.find("small.img")])
    assert image(built).out == f"build/small.img  {project.output('small.img').digest.hash}\n"
    assert (built.root / "build/small.img").read_bytes() == fresh.store.cas.get_bytes(
        project.output("small.img").digest
    )


def test_both_doors_give_one_answer(built: Small) -> None:
    """What ./bf says, and what doit says, is the same, and each knows what the other did."""
    built.edit("src/words.txt", "hello", "hi")
    by_door = image(built)
    by_doit = built.doit("image")
    assert (by_door.out, by_doit.err) == (by_doit.out, "")
    built.edit("src/words.txt", "hi", "hey")
    by_doit = built.doit("image")
    assert looked_at(by_doit) < len(ACTIONS)
    assert image(built).out == by_doit.out


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("src/other.c", "int", '#include "kernel.h"\nint'),
        ("src/library/thrice.c", '#include "kernel.h"\n', ""),
        ("src/kernel.h", "int twice", "#include <stddef.h>\nint twice"),
    ],
)
def test_another_include_goes_the_full_way(built: Small, path: str, old: str, new: str) -> None:
    """What a source includes decides what its action sees; where that changes, the recipes are asked."""
    built.edit(path, old, new)
    assert looked_at(image(built)) == len(ACTIONS)


def test_an_undeclared_include_is_refused_as_ever(built: Small) -> None:
    """A quick answer does not let through what the full way refuses."""
    built.edit("src/library/twice.c", '"kernel.h"', '"../words.txt"')
    done = image(built)
    assert done.code == 2
    assert "a source includes a file that its recipe does not declare" in done.err


def test_a_source_that_became_a_folder_or_went_is_told(built: Small) -> None:
    """A source that is no file any more is an error of the full way."""
    (built.root / "src/words.txt").unlink()
    assert "wants" in image(built).err
    (built.root / "src/words.txt").mkdir()
    assert image(built).code == 2


def test_an_error_of_the_writer_is_explained_as_ever(built: Small) -> None:
    """What our own disk writer says is told at the recipe's line, which takes the recipe."""
    built.edit("src/boot.asm", "times 510", "times 1022")
    done = image(built)
    assert (done.code, ran(done)[0]) == (1, "boot.bin")
    assert "recipes/small.py" in done.err
    assert "BOOT" in done.err


def test_why_tells_of_it(built: Small) -> None:
    """A build without recipes is on record like any other, with its cause."""
    built.edit("src/words.txt", "hello", "hi")
    assert ran(image(built)) == ["greeting.txt", "small.img"]
    told = built.doit("why", "small.img").out
    assert "src/words.txt" in told


def test_what_the_store_lost_is_made_anew(built: Small) -> None:
    """An input that is gone from the store sends the build the full way, which makes it again."""
    project = built.open()
    project.build([project.graph.find("small.img")])
    built.store.cas.path_of(project.output("src/library/thrice.c.o").digest).unlink()
    built.edit("src/library/twice.c", "2 *", "7 *")
    done = image(built)
    assert done.code == 0, done.err
    assert "src/library/thrice.c.o" in ran(done)


@pytest.mark.parametrize("damage", [b"", b"SQLite format 3\0" + bytes(4096), b"not a database" * 100])
def test_a_damaged_memory_means_the_full_way(built: Small, damage: bytes) -> None:
    """What is remembered is no truth: damaged, it is not asked, and it is made again."""
    [memory] = (built.root / "build/.snapshot").glob("*.sqlite")
    memory.write_bytes(damage)
    built.edit("src/words.txt", "hello", "hi")
    assert looked_at(image(built)) == len(ACTIONS)
    built.edit("src/words.txt", "hi", "hey")
    assert looked_at(image(built)) < len(ACTIONS)


def test_jobs_and_going_on_are_understood(built: Small) -> None:
    """The options that doit takes for a build are those of the quick door; another is doit's to refuse."""
    built.edit("src/words.txt", "hello", "hi")
    assert looked_at(image(built, "-j", "1", "-k")) < len(ACTIONS)
    assert image(built, "-j", "many").code != 0
    assert image(built, "--nonsense").code == 2
