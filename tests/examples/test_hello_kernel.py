"""examples/hello-kernel: a project that knows nothing of BareFlow, copied out of the repository, built and booted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.examples.conftest import copied
from tests.small import Roots, Small, ran

IMAGE = "hello.img"
AFTER_THE_HEADER = {"kernel.o", "kernel.elf", "kernel.bin", IMAGE}


def lines(text: str) -> list[str]:
    """Return lines without the spaces at their ends."""
    return [line.rstrip() for line in text.splitlines()]


@pytest.fixture
def hello(tmp_path: Path, repository: Path, roots: Roots) -> Small:
    """A copy that was never built."""
    copy = copied(repository, tmp_path)
    roots.lend(copy.store)
    return copy


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, repository: Path, roots: Roots) -> Small:
    """A copy whose image was built once, for all tests of this file."""
    copy = copied(repository, tmp_path_factory.mktemp("finished"))
    roots.lend(copy.store)
    copy.build(IMAGE)
    return copy


@pytest.fixture
def built(tmp_path: Path, repository: Path, finished: Small) -> Small:
    """A copy whose image was built once: somewhere else, into a store that this one has a copy of."""
    copy = copied(repository, tmp_path)
    shutil.copytree(finished.cache, copy.cache, symlinks=True)
    return copy


def test_it_boots_and_shows_its_banner(hello: Small) -> None:
    """`doit run` builds all of it, and the guest says on the serial port what is drawn in banner.txt."""
    ended = hello.doit("run")
    assert ended.code == 0, ended.err
    assert lines(ended.out) == lines((hello.root / "src/banner.txt").read_text())
    assert "hello: ok" in ended.err


def test_another_drawing_is_another_banner(built: Small) -> None:
    """The picture goes the whole way: through the program that was compiled for it, into the kernel, to the port."""
    built.write("src/banner.txt", "# # #\n #\n")
    assert lines(built.doit("run").out) == ["# # #", " #"]


def test_the_banner_is_on_the_screen(built: Small) -> None:
    """A guest without records has its picture taken, although it never says that it is done."""
    ended = built.doit("run", "--screenshot", "screen.png")
    assert ended.code == 0, ended.err
    assert (built.root / "screen.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_runs_twice(built: Small) -> None:
    """A second build is all hits."""
    assert ran(built.build(IMAGE)) == set()


def test_a_comment_in_the_tool_rebuilds_the_tool_s_object_alone(built: Small) -> None:
    """The object comes out the same, so what follows it is cut off."""
    built.edit("tools/pack.c", "static int complain", "// a comment\nstatic int complain")
    assert ran(built.build(IMAGE)) == {"pack.o"}


def test_another_tool_that_packs_alike_is_run_and_no_more(built: Small) -> None:
    """The tool is linked anew and runs anew; its header comes out the same, so the kernel is left alone."""
    built.edit("tools/pack.c", "the screen has no more rows", "this is one row too many")
    assert ran(built.build(IMAGE)) == {"pack.o", "pack", "banner.h"}


def test_a_tool_that_packs_differently_rebuilds_just_what_follows(built: Small) -> None:
    """The kernel is compiled anew; boot sector, layout and the kernel's assembler part are not."""
    built.edit("tools/pack.c", "== '#'", "!= '#'")
    assert ran(built.build(IMAGE)) == {"pack.o", "pack", "banner.h"} | AFTER_THE_HEADER


def test_a_choice_of_the_user_reaches_the_compiler(built: Small) -> None:
    """Another colour in bareflow.toml is another flag for one source."""
    built.edit("bareflow.toml", "colour = 10", "colour = 12")
    assert ran(built.build(IMAGE)) == AFTER_THE_HEADER


def test_a_number_of_the_layout_reaches_assembler_and_linker(built: Small) -> None:
    """The kernel's address has one home: move it, and the guest boots from the new place."""
    built.edit("recipes/disk.py", "0x8000,", "0x20000,")
    ended = built.doit("run")
    assert (ended.code, lines(ended.out)) == (0, lines((built.root / "src/banner.txt").read_text())), ended.err


def test_any_tool_of_the_toolchain_can_be_run(hello: Small) -> None:
    """What llvm-objdump prints is an output like any other."""
    assert hello.doit("build", "kernel.lst").code == 0
    assert "<kernel_main>:" in (hello.root / "build/kernel.lst").read_text()


@pytest.mark.parametrize(
    ("path", "old", "new", "told"),
    [
        ("src/kernel.c", "return SUCCESS", "return 0x11", ["error: the app reported a failure"]),
        (
            "src/kernel.c",
            "return SUCCESS",
            "return 0x31",
            ["it wrote 0x31; a guest ends itself by a byte to port 0xf4"],
        ),
        (
            "src/banner.txt",
            "#",
            "#" * 81,
            ["src/banner.txt:1: this row is wider than the screen", "recipes/banner.py:"],
        ),
        (
            "src/start.asm",
            ".halt:",
            "times 20000 nop\n.halt:",
            ["the kernel is larger than its region in recipes/disk.py"],
        ),
        ("recipes/kernel.py", '"llvm-objdump"', '"gdb"', ["the toolchain has no such program", "recipes/kernel.py:"]),
    ],
)
def test_what_goes_wrong_is_told_with_its_place(hello: Small, path: str, old: str, new: str, told: list[str]) -> None:
    """A guest that fails, a tool that complains, a kernel that is too large, a program that is not there."""
    source = (hello.root / path).read_text()
    hello.write(path, source.replace(old, new, 1))
    ended = hello.doit("build", "kernel.lst") if "objdump" in old else hello.doit("run")
    assert ended.code == 1
    assert [words for words in told if words not in ended.err] == [], ended.err
