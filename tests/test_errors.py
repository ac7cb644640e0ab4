"""How errors are shown: headline, aligned facts, the user's line, the hint, longer output last."""

from __future__ import annotations

from pathlib import Path

import pytest

from bfbuild import errors
from bfbuild.errors import BareflowError, Errors, Location, RecipeError, nearest, render


def test_an_error_is_shown_with_facts_line_hint_and_detail(tmp_path: Path) -> None:
    """The whole of an error, as a person sees it; paths are relative to the folder given."""
    (tmp_path / "app.py").write_text("one\ntwo\nthree\nfour\n")
    error = RecipeError(
        "a recipe wants what nobody declares",
        facts=[("recipe", "app.elf"), ("wants", Path("jit/runtime.o"))],
        hint="declare it",
        location=Location(tmp_path / "app.py", 2),
        detail="a tool said this\n",
    )
    assert render(error, base=tmp_path) == (
        "error: a recipe wants what nobody declares\n"
        "  at      app.py:2\n"
        "  recipe  app.elf\n"
        "  wants   jit/runtime.o\n"
        "  hint    declare it\n"
        "\n"
        "  app.py\n"
        "         1 | one\n"
        "  >>>    2 | two\n"
        "         3 | three\n"
        "\n"
        "a tool said this"
    )


@pytest.mark.parametrize(("line", "shown"), [(1, [1, 2]), (4, [3, 4]), (9, [])], ids=["first", "last", "beyond"])
def test_an_excerpt_never_leaves_its_file(tmp_path: Path, line: int, shown: list[int]) -> None:
    """At the ends of a file there is one neighbour only, and beyond it there is nothing."""
    (tmp_path / "app.py").write_text("one\ntwo\nthree\nfour\n")
    text = render(BareflowError("wrong", location=Location(tmp_path / "app.py", line)))
    assert [int(row.split("|")[0].split()[-1]) for row in text.splitlines() if " | " in row] == shown


def test_a_line_of_a_file_that_cannot_be_read_is_still_named() -> None:
    """A location whose file is gone is shown as a fact, without an excerpt."""
    assert render(BareflowError("wrong", location=Location(Path("/nowhere/app.py"), 3))) == (
        "error: wrong\n  at  /nowhere/app.py:3"
    )


def test_a_fact_of_several_lines_stays_aligned() -> None:
    """What follows the first line of a fact stands below it, and an empty fact is a label."""
    error = BareflowError("wrong", facts=[("called by", "main\nboot"), ("nothing", "")])
    assert render(error) == "error: wrong\n  called by  main\n             boot\n  nothing    "


def test_a_path_in_a_fact_is_shown_as_the_user_would_type_it() -> None:
    """What lies under the folder given is relative to it, wherever it stands in a fact; other paths are left alone."""
    facts = [("image", Path("/home/you/build/a.img")), ("nearest", "a.o, declared at /home/you/recipes/a.py:3")]
    other = [("lock", "/mnt/home/you/bareflow.lock"), ("here", "/home/you")]
    assert render(BareflowError("wrong", facts=[*facts, *other]), base=Path("/home/you")) == (
        "error: wrong\n"
        "  image    build/a.img\n"
        "  nearest  a.o, declared at recipes/a.py:3\n"
        "  lock     /mnt/home/you/bareflow.lock\n"
        "  here     /home/you"
    )


def test_several_errors_are_all_shown_in_order() -> None:
    """Errors are shown one after the other, an empty line between them, and equal ones once."""
    assert (
        render(Errors([BareflowError("first"), RecipeError("second"), BareflowError("first")]))
        == "error: first\n\nerror: second"
    )


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    """Every class of errors stands in the essay of its file, and is one of ours."""
    named = {line.split()[0] for line in (errors.__doc__ or "").splitlines() if line.startswith("      ")}
    assert named == {kind.__name__ for kind in BareflowError.__subclasses__() if kind.__module__ == errors.__name__}


@pytest.mark.parametrize(
    ("name", "found"),
    [("jit/runtime.o", "jit/runtime_llvm.o"), ("kernel.elv", "kernel.elf"), ("zzz", None), ("", None)],
)
def test_the_nearest_name_is_near(name: str, found: str | None) -> None:
    """A slip of the hand finds what was meant; what is like nothing finds nothing."""
    assert nearest(name, ["jit/runtime_llvm.o", "kernel.elf", "boot.bin"]) == found
