"""Where something stands in a recipe file: the line of a field or of a string, found in the file's syntax tree.

It reads files as text and executes none, so it also finds lines for records of recipes that no longer load.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from bfbuild.errors import Location


def field_line(location: Location, field_name: str, value: str | None = None) -> Location:
    """The line of a keyword inside the call at `location`, and of the string `value` in it where that is found."""
    for call in _calls(location):
        for keyword in call.keywords:
            if keyword.arg == field_name:
                return _constant(location.path, keyword.value, value) or Location(location.path, keyword.value.lineno)
    return location


def string_line(location: Location, values: Iterable[str]) -> Location:
    """The line of the first of these strings that stands in the call at `location`, or the call's own."""
    calls = _calls(location)[:1]
    found = (_constant(location.path, call, value) for value in values for call in calls)
    return next((each for each in found if each is not None), location)


def anywhere(location: Location, value: str, within: str | None = None) -> Location | None:
    """The line of a string: in the call at `location`, else in its file, those it imports, those beside it.

    A flag often stands in a tuple of its own, which other files import; None where it is written nowhere. With
    `within` only calls of that name count: the string is what a `Region(...)` is called, say.
    """
    files = _files(location.path)
    places: list[tuple[Path, ast.AST]] = [(location.path, call) for call in _calls(location)[:1]]
    places += files
    if within is not None:
        places = [(path, call) for path, tree in files for call in ast.walk(tree) if _called(call) == within]
    found = (_constant(path, tree, value) for path, tree in places)
    return next((each for each in found if each is not None), None)


def _files(path: Path) -> list[tuple[Path, ast.AST]]:
    """A recipe file, then those it imports, at any distance, then the others of its folder."""
    waiting = [path, *sorted(path.parent.glob("*.py"))]
    found: dict[Path, ast.AST] = {}
    while waiting:
        tree = _tree(file) if (file := waiting.pop(0)) not in found else None
        if tree is not None:
            found[file] = tree
            names = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
            waiting = [
                *(neighbour for name in names if (neighbour := path.with_name(f"{name}.py")).is_file()),
                *waiting,
            ]
    return list(found.items())


def _called(node: ast.AST) -> str | None:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def _tree(path: Path) -> ast.AST | None:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None


def _calls(location: Location) -> list[ast.Call]:
    """The calls around a line, the innermost first."""
    tree = _tree(location.path)
    if tree is None:
        return []
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and n.lineno <= location.line <= (n.end_lineno or 0)]
    return sorted(calls, key=lambda n: (n.end_lineno or 0) - n.lineno)


def _constant(path: Path, tree: ast.AST, value: str | None) -> Location | None:
    """The line of a string inside an expression."""
    constants = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and n.value == value)
    return next((Location(path, n.lineno) for n in constants if value is not None), None)
