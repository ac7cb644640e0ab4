"""What needs what: resolved completely, refused with everything that is wrong, acyclic."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bfbuild.errors import Errors, RecipeError, render
from bfbuild.recipe.graph import Graph, Output, Source, connect
from bfbuild.recipe.model import (
    SANDBOX,
    Archive,
    CObject,
    Command,
    Image,
    In,
    Layout,
    Link,
    Out,
    Recipe,
    Run,
    Toolchain,
)

llvm = Toolchain(name="llvm", packages=("clang-19",))
qemu = Toolchain(name="qemu", packages=("qemu-system-x86",))


def archive(name: str, *members: Recipe | str) -> Archive:
    """Declare an archive."""
    return Archive(name=name, toolchain=llvm, members=members)


def graph(*recipes: Recipe, sources: tuple[str, ...] = ()) -> Graph:
    """Connect recipes in a project with these sources."""
    return connect([llvm, *recipes], lambda path: path in sources)


def test_a_string_means_an_output_a_recipe_or_a_source_in_this_order() -> None:
    """The three things a string may mean, each found, and what a recipe stands for among inputs: all its outputs."""
    made = Command(name="made", tool="x", toolchain=llvm, args=(Out("b.h"), Out("a.h")))
    user = archive("user.a", "a.h", "made", made, "src/a.c", "b.h")
    found = graph(made, user, sources=("src/a.c", "a.h"))
    b, a = Output(made, "b.h"), Output(made, "a.h")
    assert found.files(user, "members") == (a, b, Source("src/a.c"))
    assert [file.place for file in found.files(user, "members")] == ["build/a.h", "build/b.h", "src/a.c"]
    assert (found.file(made), found.file("a.h"), found.file("src/a.c")) == (b, a, Source("src/a.c"))


def test_a_recipe_needs_its_toolchain_and_the_makers_of_its_inputs() -> None:
    """Toolchains, an image's layout's among them, and each maker, once."""
    layout = Layout(name="layout", toolchain=llvm, size=512)
    a = CObject(name="a.o", source="a.c", toolchain=llvm, headers=(layout,))
    elf = Link(name="k.elf", inputs=(a, "a.o"), toolchain=llvm)
    image = Image(name="k.img", layout=layout, content={"A": elf})
    run = Run(name="run", image=image, toolchain=qemu, elf=elf)
    found = graph(qemu, layout, a, elf, image, run, sources=("a.c",))
    needs = {recipe.name: [need.name for need in found.needs(recipe)] for recipe in (a, elf, image, run, llvm)}
    assert needs == {
        "a.o": ["llvm", "layout"],
        "k.elf": ["llvm", "a.o"],
        "k.img": ["llvm", "k.elf"],
        "run": ["qemu", "k.img", "k.elf"],
        "llvm": [],
    }


def test_a_plain_argument_is_no_input() -> None:
    """Of a command's arguments only `In` is looked up; a tool that is a recipe is needed."""
    tool = archive("tool", "a.c")
    command = Command(name="c", tool=tool, toolchain=llvm, args=("nothing.h", In("a.c"), Out("c.txt")))
    found = graph(tool, command, sources=("a.c",))
    assert found.needs(command) == (llvm, tool)
    assert found.files(command, "args") == (Source("a.c"),)


def test_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    """Two missing files of two recipes are two errors, with the nearest name where there is one."""
    kernel = archive("kernel.elf", "a.c")
    with pytest.raises(Errors) as problem:
        graph(kernel, archive("x.a", "kernel.elv"), archive("y.a", "zzz/zzz.c"), sources=("a.c",))
    first, second = problem.value.errors
    assert first.headline == "a recipe wants a file that is not there and that nobody declares"
    assert first.facts == [
        ("recipe", "x.a (Archive)"),
        ("wants", "kernel.elv"),
        ("nearest", f"kernel.elf, declared at {kernel.location}"),
    ]
    assert first.hint == "a source's path is relative to bareflow.toml"
    assert second.facts == [("recipe", "y.a (Archive)"), ("wants", "zzz/zzz.c")]
    assert __file__ in render(first, base=tmp_path)


def test_the_line_is_the_one_of_the_wrong_string() -> None:
    """Of a long declaration the line with the wrong input is shown, not the first."""
    wrong = Archive(
        name="x.a",
        toolchain=llvm,
        members=(
            "a.c",
            "missing.c",
        ),
    )
    with pytest.raises(Errors) as problem:
        graph(wrong, sources=("a.c",))
    location = problem.value.errors[0].location
    assert location is not None
    assert Path(__file__).read_text().splitlines()[location.line - 1].strip() == '"missing.c",'


def test_a_circle_is_told_with_all_its_recipes() -> None:
    """Recipes that need each other in a circle are named in its order, with their lines."""
    with pytest.raises(Errors) as problem:
        graph(archive("a.a", "b.a"), archive("b.a", "c.a"), archive("c.a", "a.a"), archive("free.a", "a.a"))
    [error] = problem.value.errors
    names = dict(error.facts)["circle"].split(" <- ")
    assert error.headline == "recipes need each other in a circle"
    assert names[0] == names[-1]
    assert set(names) == {"a.a", "b.a", "c.a"} == {label for label, _ in error.facts[1:]}
    assert all(value.startswith(f"{__file__}:") for _, value in error.facts[1:])


def test_a_recipe_that_needs_itself_is_a_circle() -> None:
    """The smallest circle is found too."""
    with pytest.raises(Errors, match="1 errors"):
        graph(archive("a.a", "a.a"))


def test_a_name_is_found_or_the_nearest_is_told() -> None:
    """A recipe is found by its name and by its outputs' names."""
    made = Command(name="made", tool="x", toolchain=llvm, args=(Out("table.h"),))
    found = graph(made)
    assert found.find("made") is found.find("table.h") is made
    assert found.find("sandbox") is SANDBOX
    with pytest.raises(RecipeError) as problem:
        found.find("tabel.h")
    assert problem.value.facts == [("wanted", "tabel.h"), ("nearest", "table.h")]


@given(st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=30), st.data())
def test_a_closure_has_all_that_is_needed_each_once_in_order(edges: list[list[int]], data: st.DataObject) -> None:
    """Of any acyclic graph: every need stands before who needs it, nothing stands twice, nothing else is there."""
    recipes = [
        archive(f"{number}.a", "source", *(f"{low}.a" for low in lows if low < number))
        for number, lows in enumerate(edges)
    ]
    found = graph(*recipes, sources=("source",))
    targets = data.draw(st.lists(st.sampled_from(recipes), min_size=1, max_size=3))
    order = found.closure(targets)
    place = {recipe: index for index, recipe in enumerate(order)}
    assert len(place) == len(order)
    assert set(targets) <= set(order)
    assert all(place[need] < place[recipe] for recipe in order for need in found.needs(recipe))
    wanted = set(targets) | {need for recipe in order for need in found.needs(recipe)}
    assert wanted == set(order)
