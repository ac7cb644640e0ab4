"""Reads recipes/*.py: executes each file, collects what it declares and every error it makes, and finds the line.

One load gives either the recipes, all of them right, or one `Errors` with everything that is wrong. A recipe file is
Python, executed with the project's root as its world: `glob` and `option` see that project and nothing else.
"""

from __future__ import annotations

import runpy
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING

from bfbuild.errors import BareflowError, Errors, Location, RecipeError, nearest
from bfbuild.recipe import model
from bfbuild.recipe.lines import field_line

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from bfbuild.config import Config

FOLDER = "recipes"
STANDARD = sys.stdlib_module_names


@dataclass
class Session:
    """One load in progress."""

    root: Path
    options: dict[str, str | int | bool]
    version: str
    before_read: Callable[[str], None]  # told each path that the load depends on, before it is looked at
    recipes: list[model.Recipe] = field(default_factory=list)
    errors: list[BareflowError] = field(default_factory=list)

    def declare(self, recipe: model.Recipe) -> None:
        """Take a recipe, whole or a stand-in."""
        self.recipes.append(recipe)

    def reject(self, location: Location, error: ValidationError, fields: dict[str, object]) -> None:
        """Take what is wrong with a declaration of these fields at `location`."""
        complaints: dict[str, list[ErrorDetails]] = {}
        for each in error.errors():  # a value that could be one of several types gets a complaint for each
            complaints.setdefault(_field(fields, each), []).append(each)
        self.errors += [_field_error(location, error.title, name, each) for name, each in complaints.items()]


def load(config: Config, before_read: Callable[[str], None]) -> tuple[model.Recipe, ...]:
    """Execute every recipe file of a project, return what they declare, in order; raise Errors with all that is wrong.

    `before_read` is told each file and folder that the answer depends on, before it is looked at.
    """
    folder = config.root / FOLDER
    before_read(FOLDER)
    files = sorted(folder.glob("*.py"))
    if not files:
        raise RecipeError(f"no recipes in {FOLDER}/", facts=[("project", config.root)], hint=f"make {FOLDER}/kernel.py")
    for path in files:
        before_read(f"{FOLDER}/{path.name}")
    session = Session(config.root, dict(config.settings.options), config.version, before_read)
    with _modules(folder, [path.stem for path in files]):
        model._sessions.append(session)  # the loader is the only one to open a session
        try:
            for path in files:
                _execute(path, session)
        finally:
            model._sessions.pop()
    session.errors += _duplicates(session.recipes)
    if session.errors:
        raise Errors(session.errors)
    return tuple(session.recipes)


@contextmanager
def _modules(folder: Path, names: Sequence[str]) -> Iterator[None]:
    """Let recipe files import their neighbours (`from toolchain import llvm`): each is a module, executed once.

    Modules of these names that the process has from elsewhere step aside meanwhile.
    """
    ours = [name for name in names if name not in STANDARD]
    aside = {name: sys.modules.pop(name) for name in ours if name in sys.modules}
    neighbours = _Neighbours(folder, frozenset(ours))
    sys.meta_path.insert(0, neighbours)
    try:
        yield
    finally:
        sys.meta_path.remove(neighbours)
        for name in ours:
            sys.modules.pop(name, None)
        sys.modules.update(aside)


class _Neighbours(MetaPathFinder):
    """Finds the recipe files of one project as modules."""

    def __init__(self, folder: Path, names: frozenset[str]) -> None:
        self.folder, self.names = folder, names

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return how to load a recipe file, None for all other modules."""
        del path, target
        file = str(self.folder / f"{name}.py")
        return spec_from_file_location(name, file, loader=_AsWritten(name, file)) if name in self.names else None


class _AsWritten(SourceFileLoader):
    """Executes what a file says now. Python's own cache takes a file of equal size and equal second for the same."""

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source, and leave no __pycache__ in the user's folder."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _execute(path: Path, session: Session) -> None:
    if path.stem in STANDARD:
        error = RecipeError(
            "a recipe file has the name of a module of Python's own",
            facts=[("file", path)],
            hint="give it another name: neither could be imported beside the other",
        )
        session.errors.append(error)
        return
    if path.stem in sys.modules:
        return  # a neighbour imported it already
    try:
        __import__(path.stem) if path.stem.isidentifier() else runpy.run_path(str(path))
    except BareflowError as error:
        session.errors.append(error)
    except (Exception, SystemExit) as error:  # (whatever a recipe file raises is the user's to see)
        if not (isinstance(error, AttributeError) and session.errors):  # a stand-in lacks what was wrong: told already
            session.errors.append(_python_error(path, error))


def _python_error(path: Path, error: BaseException) -> RecipeError:
    """Turn an exception out of a recipe file into an error that shows the user's line."""
    if isinstance(error, SyntaxError) and error.filename:
        location = Location(Path(error.filename), error.lineno or 1)
    else:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parent == path.parent]
        location = Location(Path(frames[-1].filename), frames[-1].lineno or 1) if frames else Location(path, 1)
    hint = None
    if isinstance(error, NameError) and error.name:
        import bfbuild  # noqa: PLC0415  (a cycle at import time)

        guess = nearest(error.name, bfbuild.__all__)
        hint = f"from bfbuild import {guess}" if guess else None
    return RecipeError(
        f"a recipe file fails: {type(error).__name__}", facts=[("why", error)], hint=hint, location=location
    )


def _field(fields: object, complaint: ErrorDetails) -> str:
    """The field that a complaint is about, and where in it: `content['KERNEL']`; "" for the whole declaration."""
    name = ""
    for key in complaint["loc"]:
        if isinstance(fields, dict) and key in fields:
            fields = fields[key]
        elif isinstance(fields, list | tuple) and key in range(len(fields)):
            fields = fields[key]  # type: ignore[index]  # a number by now
        elif complaint["type"] != "missing" or key != complaint["loc"][-1]:
            break  # from here on it is pydantic's name for one of several types
        name += f"[{key!r}]" if name else str(key)
    return name


def _field_error(location: Location, kind: str, name: str, complaints: list[ErrorDetails]) -> RecipeError:
    """Turn what pydantic says of one field into ours: which field, what was there, what was meant."""
    facts: list[tuple[str, object]] = [("recipe", kind), *([("field", name)] if name else [])]
    first = complaints[0]
    headline = f"{kind} has a wrong value" if not name else f"a field of {kind} has a wrong value"
    if first["type"] == "extra_forbidden":
        headline = f"{kind} has no such field"
        known = list(getattr(model, kind, model.Recipe).model_fields)
        guess = nearest(name, known)
        facts += [("nearest", guess)] if guess else [("known", ", ".join(known))]
    elif first["type"] == "missing":
        headline = f"a field of {kind} is missing"
    else:
        reasons = dict.fromkeys(each["msg"].removeprefix("Value error, ") for each in complaints)
        facts += [("value", _brief(first["input"]))] if name else []
        facts += [("why", "\n".join(reasons))]
    return RecipeError(headline, facts=facts, location=field_line(location, name.partition("[")[0]))


def _brief(value: object) -> str:
    text = f"{value.name} ({type(value).__name__})" if isinstance(value, model.Recipe) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _duplicates(recipes: list[model.Recipe]) -> list[RecipeError]:
    """Find names of outputs and recipes that stand for two things."""
    owners: dict[str, model.Recipe] = {}
    errors = []
    for recipe in recipes:
        for name in dict.fromkeys([recipe.name, *recipe.outputs]):
            first = owners.setdefault(name, recipe)
            if first is not recipe:
                errors.append(
                    RecipeError(
                        "two recipes have one name",
                        facts=[("name", name), ("first", first.location), ("second", recipe.location)],
                        location=field_line(recipe.location, "name"),
                        hint="names of recipes and outputs are unique in a project",
                    )
                )
    return errors
