"""What recipe files call: `glob`, `option`, and a recipe for each of many sources."""

from __future__ import annotations

from pathlib import Path

import pytest

import bfbuild
from bfbuild import recipe
from bfbuild.errors import RecipeError
from bfbuild.recipe import model
from bfbuild.recipe.helpers import asm_objects, c_objects, glob, option, version
from bfbuild.recipe.loader import Session
from bfbuild.recipe.model import Toolchain


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Open a load in a project with some files; give what it was told before each look at the disk."""
    for path in ("src/b.c", "src/a.c", "src/a.h", "src/deep/er/c.c", "src/boot.asm", "notes.c/keep"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    seen: list[str] = []
    options: dict[str, str | int | bool] = {"debug": True, "level": 2}
    monkeypatch.setattr(model, "_sessions", [Session(tmp_path, options, "1.2, commit 34", seen.append)])
    return seen


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("pattern", "exclude", "found"),
    [
        ("src/*.c", (), ("src/a.c", "src/b.c")),
        ("src/**/*.c", (), ("src/a.c", "src/b.c", "src/deep/er/c.c")),
        ("src/**/*.c", ("src/b.c", "src/deep/*/*"), ("src/a.c",)),
        ("**/*.c", (), ("src/a.c", "src/b.c", "src/deep/er/c.c")),
        ("src/[ab].?", (), ("src/a.c", "src/a.h", "src/b.c")),
        ("src/a.c", (), ("src/a.c",)),
    ],
)
def test_glob_finds_files_sorted(pattern: str, exclude: tuple[str, ...], found: tuple[str, ...]) -> None:
    """Files, never folders, in one order on every machine, as paths of the project."""
    assert glob(pattern, exclude=exclude) == found


@pytest.mark.usefixtures("session")
def test_glob_that_finds_nothing_is_an_error_at_its_line() -> None:
    """An empty answer is a mistake: the pattern and the caller's line are told."""
    with pytest.raises(RecipeError, match="no file matches") as problem:
        glob("src/*.cc")
    assert problem.value.facts == [("pattern", "src/*.cc")]
    assert problem.value.location is not None
    assert problem.value.location.path == Path(__file__)


def test_every_folder_that_can_get_a_matching_file_is_told(session: list[str]) -> None:
    """A new file in any of the searched folders changes the answer, so each is watched."""
    glob("src/**/*.c")
    assert set(session) == {"src", "src/deep", "src/deep/er"}


@pytest.mark.usefixtures("session")
def test_an_option_is_the_files_or_the_default() -> None:
    """What bareflow.toml says wins; a value of another type is refused, and truth is no number."""
    assert (option("debug", False), option("level", 1), option("other", "none")) == (True, 2, "none")
    with pytest.raises(RecipeError, match="wrong type") as problem:
        option("debug", 1)
    assert problem.value.facts == [("option", "debug"), ("value", "True"), ("wanted", "int")]
    with pytest.raises(RecipeError, match="wrong type"):
        option("level", True)


@pytest.mark.usefixtures("session")
def test_the_version_is_that_of_the_load() -> None:
    """What `doit release` says reaches the recipes as it is."""
    assert version() == "1.2, commit 34"


@pytest.mark.usefixtures("session")
def test_objects_are_named_like_their_sources() -> None:
    """One recipe a source, below the prefix, with all that was given."""
    llvm = Toolchain(name="llvm", packages=("clang-19",))
    objects = c_objects("src/*.c", toolchain=llvm, flags=["-O2"], includes=["src"], headers=["src/a.h"], prefix="debug")
    assert [(each.name, each.source) for each in objects] == [
        ("debug/src/a.c.o", "src/a.c"),
        ("debug/src/b.c.o", "src/b.c"),
    ]
    assert {(each.flags, each.includes, each.headers) for each in objects} == {(("-O2",), ("src",), ("src/a.h",))}
    [boot] = asm_objects("src/*.asm", toolchain=llvm)
    assert (boot.name, boot.format) == ("src/boot.asm.o", "elf32")


def test_outside_of_a_load_there_is_no_project() -> None:
    """A helper that is called by anything but a recipe file says so."""
    with pytest.raises(RuntimeError, match="no load going on"):
        glob("*")


def test_the_package_gives_what_its_list_says() -> None:
    """Every public name of `bfbuild` can be imported, and nothing else is promised."""
    assert all(getattr(bfbuild, name).__name__ == name for name in bfbuild.__all__)
    assert recipe.__doc__
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = bfbuild.Nothing
