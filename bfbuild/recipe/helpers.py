"""What a recipe file calls besides the types: `glob`, `option`, and one recipe for each of many sources."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from bfbuild.errors import RecipeError
from bfbuild.recipe.model import AsmObject, CObject, caller, current_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bfbuild.recipe.loader import Session
    from bfbuild.recipe.model import Recipe, Toolchain

Value = TypeVar("Value", str, int, bool)


def _session() -> Session:
    session = current_session()
    if session is None:
        raise RuntimeError("this is for recipe files: there is no load going on")
    return session


def glob(pattern: str, *, exclude: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the project's files that match, as sorted relative paths; raise RecipeError where none does."""
    session = _session()
    fixed = PurePosixPath(pattern)
    while any(mark in str(fixed) for mark in "*?["):
        fixed = fixed.parent
    for folder in [session.root / fixed, *(session.root / fixed).rglob("*/")]:
        session.before_read(str(folder.relative_to(session.root)))  # a new file there changes the answer
    found = []
    for path in session.root.glob(pattern):
        relative = path.relative_to(session.root).as_posix()
        if path.is_file() and not any(PurePosixPath(relative).match(each) for each in exclude):
            found.append(relative)
    if not found:
        raise RecipeError("no file matches", facts=[("pattern", pattern)], location=caller())
    return tuple(sorted(found))


def option(name: str, default: Value) -> Value:
    """Return `[options]` `name` of bareflow.toml, or the default; raise RecipeError where it has another type."""
    session = _session()
    value = session.options.get(name, default)
    if type(value) is not type(default):
        raise RecipeError(
            "an option has a wrong type",
            facts=[("option", name), ("value", repr(value)), ("wanted", type(default).__name__)],
            location=caller(),
            hint="it stands in [options] of bareflow.toml",
        )
    return value


def c_objects(
    pattern: str,
    *,
    toolchain: Toolchain,
    flags: Sequence[str] = (),
    includes: Sequence[str] = (),
    headers: Sequence[Recipe | str] = (),
    exclude: Sequence[str] = (),
    prefix: str = "",
) -> tuple[CObject, ...]:
    """Declare a `CObject` named `PREFIX/SOURCE.o` for each source that matches `pattern`."""
    return tuple(
        CObject(
            name=_object_name(prefix, source),
            source=source,
            toolchain=toolchain,
            flags=tuple(flags),
            includes=tuple(includes),
            headers=tuple(headers),
        )
        for source in glob(pattern, exclude=exclude)
    )


def asm_objects(
    pattern: str,
    *,
    toolchain: Toolchain,
    flags: Sequence[str] = (),
    includes: Sequence[str] = (),
    headers: Sequence[Recipe | str] = (),
    exclude: Sequence[str] = (),
    prefix: str = "",
) -> tuple[AsmObject, ...]:
    """Declare an `AsmObject` (elf32) named `PREFIX/SOURCE.o` for each source that matches `pattern`."""
    return tuple(
        AsmObject(
            name=_object_name(prefix, source),
            source=source,
            toolchain=toolchain,
            flags=tuple(flags),
            includes=tuple(includes),
            headers=tuple(headers),
        )
        for source in glob(pattern, exclude=exclude)
    )


def _object_name(prefix: str, source: str) -> str:
    return str(PurePosixPath(prefix) / f"{source}.o")
