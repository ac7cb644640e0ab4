"""The plan of the house, held against the imports: a room uses the floors below it, never one above."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bfbuild

PACKAGE = Path(bfbuild.__file__).parent

# Top floor first. ARCHITECTURE.md draws the same list.
FLOORS = (
    "commands",
    "explain",
    "release",
    "declared",
    "remembered",
    "realise",
    "files",
    "machine",
    "execute",
    "decide",
    "toolchain",
    "remote",
    "store",
    "action",
    "compare",
    "disk",
    "weights",
    "recipe",
    "digest",
    "config",
    "errors",
    "snapshot",
    "protos",
)


def room_of(path: Path) -> str:
    """The room that a module of the package belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at whatever depth, also for the type checker alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if room_of(path) not in ("__init__", "protos"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_room_uses_only_floors_below_it(path: Path) -> None:
    """No module imports a room on a higher floor."""
    floor = FLOORS.index(room_of(path))
    used = {name.split(".")[1] for name in imports(path) if name.startswith("bfbuild.")}
    assert {room for room in used & set(FLOORS) if FLOORS.index(room) < floor} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_only_the_rim_knows_doit(path: Path) -> None:
    """`doit` is imported in commands/ and nowhere else."""
    knows = any(name.split(".")[0] == "doit" for name in imports(path))
    assert not knows or room_of(path) == "commands"


def test_every_room_is_in_the_plan() -> None:
    """A new module at the top of the package must be given its floor."""
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert rooms == set(FLOORS)


def test_architecture_draws_the_same_floors(repository: Path) -> None:
    """ARCHITECTURE.md names every room, in this order."""
    text = (repository / "ARCHITECTURE.md").read_text(encoding="utf-8")
    house = text.split("## The house", 1)[1].split("\n## ", 1)[0]
    places = [house.find(f"\n    {room}") for room in FLOORS]
    assert places == sorted(places)
    assert -1 not in places
