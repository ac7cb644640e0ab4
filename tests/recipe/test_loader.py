"""Reading recipe files: all that is wrong is told at once, each at the user's own line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bfbuild import config
from bfbuild.errors import BareflowError, Errors, render
from bfbuild.recipe import loader
from bfbuild.recipe.model import Archive, Recipe, Toolchain

Load = Callable[..., tuple[Recipe, ...]]

TOOLS = 'from bfbuild import Toolchain\n\nllvm = Toolchain(name="llvm", packages=("clang-19",))\n'


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load recipe files, given by name and text, of a project that also has a toolchain and two sources."""
    (tmp_path / "bareflow.toml").write_text("[options]\ndebug = true\nlevel = 2\n")
    for path, text in {"recipes/tools.py": TOOLS, "src/a.c": "int a;", "src/b.c": "int b;"}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)

    def load(before_read: Callable[[str], None] = lambda _: None, **files: str) -> tuple[Recipe, ...]:
        for name, text in files.items():
            (tmp_path / f"recipes/{name}.py").write_text(text)
        return loader.load(config.load(tmp_path, {}), before_read)

    return load


def told(load: Load, folder: Path, **files: str) -> str:
    """Return how the errors of a load are shown."""
    with pytest.raises(BareflowError) as problem:
        load(**files)
    return render(problem.value, base=folder)


def test_recipes_come_in_order_with_their_lines(load: Load) -> None:
    """Files are read in the order of their names, a neighbour when it is imported, and each recipe knows its line."""
    recipes = load(
        app="from library import library\nfrom tools import llvm\n\nfrom bfbuild import Archive\n\n\n"
        'both = Archive(\n    name="both.a", toolchain=llvm, members=(library,)\n)\n',
        library="from tools import llvm\nfrom bfbuild import Archive, CObject\n"
        'library = Archive(\n  name="library.a",\n  toolchain=llvm,\n'
        '  members=(CObject(name="a.o", source="src/a.c", toolchain=llvm),),\n)\n',
    )
    assert [(each.name, each.location.path.name, each.location.line) for each in recipes] == [
        ("llvm", "tools.py", 3),
        ("a.o", "library.py", 6),
        ("library.a", "library.py", 3),
        ("both.a", "app.py", 7),
    ]
    assert isinstance(recipes[-1], Archive)
    assert recipes[-1].members == (recipes[2],)


def test_a_load_leaves_no_module_behind(load: Load) -> None:
    """The next load, of this project or another, starts from nothing."""
    before, path = set(sys.modules), list(sys.path)
    load()
    assert set(sys.modules) - before == set()
    assert sys.path == path


def test_an_edit_that_leaves_size_and_second_alone_is_seen(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's bytecode cache would give the old recipes; it is not used, and nothing is left in the user's folder."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    seen: list[str] = []
    for package in ("nasm", "make"):
        (tmp_path / "recipes" / "tools.py").write_text(TOOLS.replace("clang-19", package))
        os.utime(tmp_path / "recipes" / "tools.py", (1_000_000_000, 1_000_000_000))
        (toolchain,) = load()
        assert isinstance(toolchain, Toolchain)
        seen += toolchain.packages
    assert seen == ["nasm", "make"]
    assert sorted(path.name for path in (tmp_path / "recipes").iterdir()) == ["tools.py"]


def test_a_recipe_file_may_be_called_like_a_loaded_module(load: Load) -> None:
    """A file with the name of a module that the process happens to have is executed all the same, and both stay."""
    had = sys.modules["pytest"]
    recipes = load(pytest='from bfbuild import Toolchain\nToolchain(name="other", packages=("nasm",))\n')
    assert [recipe.name for recipe in recipes] == ["other", "llvm"]
    assert sys.modules["pytest"] is had


def test_everything_that_is_wrong_is_told_at_once(load: Load, tmp_path: Path) -> None:
    """A wrong type, an unknown field, a missing one and a duplicate name, in two files: four errors, four lines."""
    text = told(
        load,
        tmp_path,
        app="from tools import llvm\n"
        "from bfbuild import Archive, CObject\n"
        'a = CObject(\n    name="a.o",\n    source="src/a.c",\n    toolchain=llvm,\n    flags="-O2",\n)\n'
        'b = CObject(name="b.o", sauce="src/b.c", source="src/b.c", toolchain=llvm)\n'
        'c = Archive(name="c.a", toolchain=llvm)\n',
        other='from tools import llvm\nfrom bfbuild import CObject\nd = CObject(\n    name="b.o",\n'
        '    source="src/b.c",\n    toolchain=llvm,\n)\n',
    )
    assert text == (
        "error: a field of CObject has a wrong value\n"
        "  at      recipes/app.py:7\n"
        "  recipe  CObject\n"
        "  field   flags\n"
        "  value   '-O2'\n"
        "  why     Input should be a valid tuple\n"
        "\n"
        "  recipes/app.py\n"
        "         6 |     toolchain=llvm,\n"
        '  >>>    7 |     flags="-O2",\n'
        "         8 | )\n"
        "\n"
        "error: CObject has no such field\n"
        "  at       recipes/app.py:9\n"
        "  recipe   CObject\n"
        "  field    sauce\n"
        "  nearest  source\n"
        "\n"
        "  recipes/app.py\n"
        "         8 | )\n"
        '  >>>    9 | b = CObject(name="b.o", sauce="src/b.c", source="src/b.c", toolchain=llvm)\n'
        '        10 | c = Archive(name="c.a", toolchain=llvm)\n'
        "\n"
        "error: a field of Archive is missing\n"
        "  at      recipes/app.py:10\n"
        "  recipe  Archive\n"
        "  field   members\n"
        "\n"
        "  recipes/app.py\n"
        '         9 | b = CObject(name="b.o", sauce="src/b.c", source="src/b.c", toolchain=llvm)\n'
        '  >>>   10 | c = Archive(name="c.a", toolchain=llvm)\n'
        "\n"
        "error: two recipes have one name\n"
        "  at      recipes/other.py:4\n"
        "  name    b.o\n"
        "  first   recipes/app.py:9\n"
        "  second  recipes/other.py:3\n"
        "  hint    names of recipes and outputs are unique in a project\n"
        "\n"
        "  recipes/other.py\n"
        "         3 | d = CObject(\n"
        '  >>>    4 |     name="b.o",\n'
        '         5 |     source="src/b.c",'
    )


@pytest.mark.parametrize(
    ("declaration", "field", "why"),
    [
        ('CObject(name="/a.o", source="src/a.c", toolchain=llvm)', "name", "'/a.o' is no plain relative path"),
        ('CObject(name="a/../b.o", source="src/a.c", toolchain=llvm)', "name", "is no plain relative path"),
        ('CObject(name="", source="src/a.c", toolchain=llvm)', "name", "is no plain relative path"),
        ('CObject(name="a.o", source=3, toolchain=llvm)', "source", "valid"),
        ('CObject(name="a.o", source="src/a.c", toolchain="llvm")', "toolchain", "instance of Toolchain"),
        ('Command(name="x", tool="true", toolchain=llvm)', None, "a command must have an output"),
        ('Command(name="x", tool="true", toolchain=llvm, args=(3,), stdout="x")', "args[0]", "valid string"),
        ('Layout(name="l", toolchain=llvm, size="3 MB")', "size", "'3 MB' is no size"),
        (
            'Image(name="i", layout=layout, content={"A": 3})',
            "content['A']",
            "valid string",
        ),
        ('Region(name="a", lba=0, sectors=1)', "name", "match pattern"),
        ('layout["NOTHING"]', None, "no number of this name"),
        ('Fetch(name="f", urls=("http://x/",), sha256="abc", size=1)', "sha256", "match pattern"),
        ('Toolchain(name="t", packages=())', "packages", "at least 1 item"),
    ],
)
def test_a_wrong_value_is_shown_with_its_reason(
    load: Load, tmp_path: Path, declaration: str, field: str | None, why: str
) -> None:
    """The field, what stood there and why it cannot be meant; one error for one mistake, at the line."""
    text = told(
        load,
        tmp_path,
        app="from tools import llvm\nfrom bfbuild import *\nlayout = Layout(name='layout', toolchain=llvm, size=512)\n"
        + declaration,
    )
    assert field is None or f"  field   {field}\n" in text
    assert why in text
    assert "recipes/app.py:4\n" in text
    assert text.count("error:") == 1, text


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("a = 1\nb = a.nothing\n", ("fails: AttributeError", ":2\n")),
        ("import nothing_of_this_name\n", ("fails: ModuleNotFoundError", ":1\n")),
        ("a = (\n", ("fails: SyntaxError", ":1\n")),
        ("\nllvm = Toolchian(name='x')\n", ("fails: NameError", ":2\n", "hint  from bfbuild import Toolchain")),
        ("from bfbuild import glob\n\nglob('src/*.h')\n", ("no file matches", ":3\n")),
        (
            "from bfbuild import option\noption('debug', 3)\n",
            ("an option has a wrong type", ":2\n", "hint    it stands in [options] of bareflow.toml"),
        ),
        ("import sys\nsys.exit(3)\n", ("fails: SystemExit", ":2\n")),
        ("def deep():\n    raise ValueError('no')\n\ndeep()\n", ("fails: ValueError", ":2\n", "why  no")),
        ("from bfbuild import Out\nOut('../x')\n", ("fails: ValueError", ":2\n", "'../x' is no plain relative path")),
    ],
)
def test_a_recipe_file_that_fails_shows_the_users_line(
    load: Load, tmp_path: Path, code: str, shown: tuple[str, ...]
) -> None:
    """Whatever a file raises is an error at the last line of it that was at work, and other files are still read."""
    text = told(load, tmp_path, app=code, other="nothing\n")
    first, second = text.split("\n\nerror: ")
    assert [words for words in shown if words not in first] == []
    assert second.startswith("a recipe file fails: NameError")


def test_a_file_with_the_name_of_pythons_own_module_is_refused(load: Load, tmp_path: Path) -> None:
    """It would be silently passed over, or stand in the way of Python itself."""
    text = told(load, tmp_path, json="nothing = 1\n")
    assert text.startswith("error: a recipe file has the name of a module of Python's own\n  file  ")
    assert "recipes/json.py" in text


def test_a_project_without_recipes_is_told(tmp_path: Path) -> None:
    """An empty project gets a hint where to begin."""
    (tmp_path / "bareflow.toml").touch()
    with pytest.raises(BareflowError, match=r"no recipes in recipes/") as problem:
        loader.load(config.load(tmp_path, {}), lambda _: None)
    assert problem.value.hint == "make recipes/kernel.py"


def test_what_a_load_depends_on_is_told_before_it_is_read(load: Load) -> None:
    """The recipe files, their folder, and each folder that was searched: all that a snapshot must watch."""
    seen: list[str] = []
    load(seen.append, app='from bfbuild import glob\nglob("src/**/*.c")\nglob("*.toml")\n')
    assert set(seen) == {"recipes", "recipes/app.py", "recipes/tools.py", "src", "."} | {
        each for each in seen if each.startswith(("recipes/", "src"))
    }


def test_outputs_count_as_names(load: Load, tmp_path: Path) -> None:
    """A command's output that another recipe also makes is refused, like a recipe's own name."""
    text = told(
        load,
        tmp_path,
        app="from tools import llvm\nfrom bfbuild import CObject, Command, Out\n"
        'CObject(name="a.o", source="src/a.c", toolchain=llvm)\n'
        'Command(name="x", tool="true", toolchain=llvm, args=(Out("a.o"),))\n',
    )
    assert "error: two recipes have one name" in text
    assert "  name    a.o\n" in text


def test_stand_ins_do_not_hide_later_errors(load: Load) -> None:
    """A recipe that uses a wrong one is still checked itself: both mistakes are told, and nothing else."""
    with pytest.raises(Errors) as problem:
        load(
            app="from tools import llvm\nfrom bfbuild import Archive, CObject\n"
            'a = CObject(name="a.o", source="src/a.c", toolchain=llvm, flags=3)\n'
            'Archive(name="a.a", members=(a,), toolchain=llvm, memebrs=())\n'
        )
    assert [error.location.line for error in problem.value.errors if error.location] == [3, 4]


def test_stand_ins_keep_what_was_right(load: Load, tmp_path: Path) -> None:
    """A layout with one wrong region still knows its others, so what is computed from them is no second error."""
    text = told(
        load,
        tmp_path,
        app="from tools import llvm\nfrom bfbuild import Layout, Region\n"
        "good = Region(name='GOOD', lba=1, sectors=1)\n"
        "layout = Layout(name='layout', toolchain=llvm, size='x', regions=(good, Region(name='BAD', lba=0)))\n"
        "layout['GOOD_LBA'], layout['BAD_LBA']\n",
    )
    assert text.count("error:") == 2
    assert "error: a field of Region is missing" in text
    assert "error: a field of Layout has a wrong value" in text


def test_recipes_cannot_be_changed(load: Load) -> None:
    """A recipe is frozen: what was declared stays."""
    recipe = load()[0]
    with pytest.raises(ValueError, match="frozen"):
        recipe.name = "other"  # type: ignore[misc]  # the type checker knows it too
