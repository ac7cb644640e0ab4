"""What users get wrong, and what they are told: headline, their own line, what may have been meant, the way out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bfbuild.commands.show import exit_code
from bfbuild.errors import BareflowError, render
from tests.small import Small


@dataclass(frozen=True)
class Told:
    """How a build failed."""

    code: int
    text: str

    def has(self, *rows: str) -> bool:
        """Say whether these rows are shown, in this order: starts of lines, without alignment and line numbers."""
        lines = iter(
            [re.sub(r"(>>>) +\d+ \|| +", r"\1 ", line).replace("  ", " ").strip() for line in self.text.splitlines()]
        )
        return all(any(line.startswith(row) for line in lines) for row in rows)


def fail(small: Small, **options: bool) -> Told:
    """Build what cannot be built."""
    with pytest.raises(BareflowError) as problem:
        small.build(**options)
    return Told(exit_code(problem.value), render(problem.value, base=small.root))


def test_wrong_recipes_are_all_told_and_nothing_runs(small: Small) -> None:
    """A wrong type, an unknown field and a wrong number in two files: three errors, exit 2, nothing executed."""
    small.edit("recipes/small.py", 'size="3 MiB"', 'size="3 MB"')
    small.edit(
        "recipes/small.py",
        "elf=kernel, toolchain=llvm)\ngreeting",
        "elfe=kernel, elf=kernel, toolchain=llvm)\ngreeting",
    )
    small.write(
        "recipes/zoo.py", "from toolchain import llvm\nfrom bfbuild import Archive\nArchive(name=3, toolchain=llvm)\n"
    )
    done = small.doit("image")
    told = Told(done.code, done.err)
    assert told.code == 2
    assert told.has(
        "error: a field of Layout has a wrong value",
        "at recipes/small.py:",
        "why '3 MB' is no size; write a number of bytes or, say, '64 MiB'",
        '>>> size="3 MB",',
        "error: RawBinary has no such field",
        "nearest elf",
        "error: a field of Archive",
        "at recipes/zoo.py:3",
    ), told.text
    assert small.traces() == []


def include_what_is_not_declared(small: Small) -> None:
    """Include a header of the project that no recipe declares."""
    small.write("other/secret.h", "\n")
    small.edit("src/start.c", '"layout.h"\n', '"layout.h"\n#include "../other/secret.h"\n')


def outgrow_the_region(small: Small) -> None:
    """Make the kernel too large for its place on the disk, which the linker does not check."""
    small.edit("src/other.c", "int other = 3;", "char other[6000] = {1};")
    small.edit("src/kernel.ld", "ASSERT(. - 0x10000 <= ROOM,", "ASSERT(1,")


MISTAKES: dict[str, tuple[Callable[[Small], None], int, list[str]]] = {
    "a missing source": (
        lambda small: (small.root / "src/words.txt").unlink(),
        2,
        [
            "error: a recipe wants a file that is not there and that nobody declares",
            "at recipes/small.py:",
            "recipe greeting.txt (Command)",
            "wants src/words.txt",
            "hint a source's path is relative to bareflow.toml",
            '>>> args=("-S", In("src/shout.py"), In("src/words.txt"), Out("greeting.txt")),',
        ],
    ),
    "a circle": (
        lambda small: small.edit("recipes/small.py", '"-S", In(', '"-S", In("small.img"), In('),
        2,
        ["error: recipes need each other in a circle", "circle", "small.img", "recipes/small.py", ">>>"],
    ),
    "a header that is not declared": (
        include_what_is_not_declared,
        2,
        [
            "error: a source includes a file that its recipe does not declare",
            "at src/start.c:3",
            "recipe src/start.c.o",
            "includes other/secret.h",
            "hint add it to headers, e.g. headers=glob('other/*.h')",
            '>>> #include "../other/secret.h"',
        ],
    ),
    "a compile error": (
        lambda small: small.edit("src/start.c", "return", "retrun"),
        1,
        [
            "error: an action failed",
            "at recipes/small.py:",
            "recipe src/start.c.o (CObject)",
            "exit 1",
            "command clang",
            "replay doit replay",
            "src/start.c:3:19: error: use of undeclared identifier 'retrun'",
        ],
    ),
    "a kernel larger than the linker's area": (
        lambda small: small.edit("src/other.c", "int other = 3;", "char other[6000] = {1};"),
        1,
        [
            "error: an action failed",
            "recipe kernel.elf (Link)",
            "hint 'will not fit in region' or an ASSERT of the linker script means that the layout's area is too",
            ">>> kernel = Link(",
            "ld.lld: error: the kernel will not fit in region KERNEL",
        ],
    ),
    "a kernel larger than its region": (
        outgrow_the_region,
        1,
        [
            "error: content is larger than its place on the disk",
            "at recipes/small.py:",
            "recipe small.img (Image)",
            "place KERNEL, 8 sectors from 1",
            "content build/kernel.raw, ",
            ">>> content=",
        ],
    ),
    "files larger than their volume": (
        lambda small: small.edit("src/shout.py", ".upper()", " * 600_000"),
        1,
        [
            "error: a FAT16 volume is too small for its files",
            "at recipes/small.py:",
            "partition DATA",
            "too small by",
            ">>> files=",
        ],
    ),
    "a layout that contradicts itself": (
        lambda small: small.edit("recipes/small.py", "lba=64", "lba=4"),
        1,
        [
            "error: two places on the disk overlap",
            "at recipes/small.py:",
            "recipe layout (Layout)",
            "first KERNEL, sectors 1 to 8",
            ">>>",
        ],
    ),
    "a tool that does not make what was declared": (
        lambda small: small.write("src/shout.py", "print('nothing made')\n"),
        1,
        [
            "error: an action did not make what its recipe declares",
            "recipe greeting.txt (Command)",
            "missing greeting.txt",
            "nothing made",
        ],
    ),
    "a source that is a folder of nothing": (
        lambda small: small.edit("recipes/small.py", '"src/*.c", t', '"source/*.c", t'),
        2,
        ["error: no file matches", "at recipes/small.py:", "pattern source/*.c"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_at_the_users_line(copy: Small, mistake: str) -> None:
    """Each mistake of this list: the rows that a person needs, in order, and whether it ran (1) or could not (2)."""
    make, code, rows = MISTAKES[mistake]
    make(copy)
    told = fail(copy)
    assert told.has(*rows), told.text
    assert told.code == code
    assert "Traceback" not in told.text


def test_a_tool_that_does_not_end_is_stopped(copy: Small) -> None:
    """An action that takes longer than it may is ended, and the limit is named."""
    copy.write("bareflow.toml", "[build]\ntimeout = 1\n")
    copy.write("src/shout.py", "import time\ntime.sleep(60)\n")
    told = fail(copy)
    assert told.has("error: an action was stopped", "recipe greeting.txt", "exit it ran longer than 1 s"), told.text


def test_a_tool_that_takes_too_much_memory_fails(copy: Small) -> None:
    """The limit on memory holds for what a tool may take, and the tool's own words are shown."""
    copy.write("bareflow.toml", '[build]\nmemory = "512 MiB"\n')
    copy.write("src/shout.py", "data = bytes(1 << 30)\n")
    assert fail(copy).has("error: an action failed", "recipe greeting.txt", "MemoryError")


def test_keep_going_tells_every_failure_and_builds_the_rest(copy: Small) -> None:
    """With it, what does not depend on a failure is built, and all errors come at the end; without it, less runs."""
    copy.edit("src/start.c", "return", "retrun")
    copy.edit("src/library/twice.c", "return", "retrun")
    copy.edit("src/shout.py", "upper()", "title()")
    told = fail(copy, keep_going=True)
    assert told.text.count("error: an action failed") == 2
    assert told.has("recipe src/library/twice.c.o")
    assert told.has("recipe src/start.c.o")
    last = next(copy.store.traces.builds())
    assert [(step.label, step.reason) for step in last.steps if step.decision == "miss"] == [
        ("greeting.txt", "input src/shout.py changed")
    ]


def test_an_edited_toolchain_in_the_recipe_wants_a_new_lock(copy: Small) -> None:
    """A package that the lock does not know is told with what each side has."""
    copy.edit("recipes/toolchain.py", '"nasm"', '"nasm", "yasm"')
    assert fail(copy).has("error: the lock was made for other packages of this toolchain", "recipe", "lock", "hint")


def test_a_blob_that_was_altered_is_made_again(copy: Small) -> None:
    """A truncated object in the store is no error: its maker runs, and the image is what it was."""
    before = copy.build().output("small.img")
    wanted = copy.build().output("src/other.c.o").digest.hash
    path = copy.cache / "cas" / wanted[:2] / wanted
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:100])
    again = copy.build()
    assert [step.recipe.name for step in again.steps if step.outcome] == ["src/other.c.o"]
    assert again.output("small.img") == before
    assert hashlib.sha256(path.read_bytes()).hexdigest() == wanted


def test_what_vanishes_while_the_build_runs_is_told(copy: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """An input that the store loses between the decision and its use: a clear error, and the next build makes it."""
    copy.edit("src/start.c", "twice(BF_ANSWER)", "twice(BF_ANSWER) + 7")
    project = copy.open()
    library = copy.build().output("library.a").digest
    lay_out = type(project.executor).lay_out

    def lose(*args: object, **options: object) -> None:
        (copy.cache / "cas" / library.hash[:2] / library.hash).unlink(missing_ok=True)
        lay_out(*args, **options)  # type: ignore[arg-type]

    copy.edit("src/start.c", "+ 7", "+ 8")
    with monkeypatch.context() as patch:
        patch.setattr(type(project.executor), "lay_out", lose)
        told = fail(copy)
    assert told.code == 2
    assert told.has(
        "error: the store lost what an action needs while the build ran",
        "at recipes/small.py:",
        "recipe kernel.elf (Link)",
        "needs build/library.a",
        "reason missing",
        "hint build again: what is missing or damaged is made anew",
    ), told.text
    assert copy.build().output("library.a").digest == library
