"""What a recipe file calls besides the types: `glob`, `option`, `version`, and one recipe for each of many sources."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from bfbuild.errors import RecipeError
from bfbuild.recipe.model import AsmObject, CObject, Optimize, caller, current_session
from bfbuild.recipe.profile import Profile, label

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


def version() -> str:
    """Return the version and commit that `doit release` is about, and "development" in every other build.

    So what an everyday build makes is the same from commit to commit.
    """
    return _session().version


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


def optimizations(profile: str, *, compiler: Recipe) -> tuple[Optimize, ...]:
    """Declare an `Optimize` for each request that is recorded in `profile`, in its order; none where there is no file.

    Only of bitcode that is declared by now: what a profile says of others is out of date.
    """
    session = _session()
    session.before_read(profile)
    path = session.root / profile
    if not path.exists():
        return ()
    try:
        recorded = Profile.from_text(path.read_text(encoding="utf-8", errors="replace"), profile)
    except OSError as error:
        facts = [("file", profile), ("why", error.strerror)]
        raise RecipeError("a recorded profile cannot be read", facts=facts, location=caller()) from error
    declared = {output for recipe in session.recipes for output in recipe.outputs}
    return tuple(
        Optimize(
            name=label(bitcode, entry.request),
            compiler=compiler,
            bitcode=bitcode,
            lines=entry.request,
            made_for=source.bitcode,
        )
        for bitcode, source in recorded.sources.items()
        if bitcode in declared
        for entry in source.entries
    )


def _object_name(prefix: str, source: str) -> str:
    return str(PurePosixPath(prefix) / f"{source}.o")
