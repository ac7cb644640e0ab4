"""The recipes of a project and what they need of each other: acyclic, complete, pure data.

`connect` resolves every input to a source file or to the output of a recipe, and refuses with all errors at once: an
input that nobody declares, a source that is not there, a cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

from bfbuild.errors import BareflowError, Errors, RecipeError, nearest
from bfbuild.recipe.lines import field_line
from bfbuild.recipe.model import CLOCK, SANDBOX, Image, Recipe, Toolchain

Kind = TypeVar("Kind", bound=Recipe)
Exists = Callable[[str], bool]


@dataclass(frozen=True, order=True)
class Source:
    """A file that a person wrote; `path` is relative to the project."""

    path: str

    @property
    def place(self) -> str:
        """Where an action sees it."""
        return self.path


@dataclass(frozen=True)
class Output:
    """A file that a recipe makes."""

    recipe: Recipe
    name: str

    @property
    def place(self) -> str:
        """Where an action that uses it sees it."""
        return f"build/{self.name}"


File = Source | Output


@dataclass(frozen=True)
class Graph:
    """Recipes by name in order of declaration, producers by output name, and the resolved inputs of each recipe."""

    recipes: Mapping[str, Recipe]
    producers: Mapping[str, Recipe]
    resolved: Mapping[str, Mapping[str, tuple[File, ...]]]  # recipe name -> field -> files
    _needs: Mapping[str, tuple[Recipe, ...]]  # recipe name -> what it needs

    def files(self, recipe: Recipe, field: str) -> tuple[File, ...]:
        """The files in one input field of a recipe."""
        return self.resolved[recipe.name].get(field, ())

    def file(self, value: Recipe | str) -> File:
        """The one file that an input means."""
        if isinstance(value, Recipe):
            return Output(value, value.outputs[0])
        producer = self.producers.get(value)
        if producer is None:
            return Source(value)
        return Output(producer, value if value in producer.outputs else producer.outputs[0])

    def needs(self, recipe: Recipe) -> tuple[Recipe, ...]:
        """The recipes whose outputs a recipe needs, toolchain included, each once."""
        return self._needs[recipe.name]

    def closure(self, targets: Iterable[Recipe]) -> tuple[Recipe, ...]:
        """The targets and all they need, each after what it needs."""
        order: dict[Recipe, None] = {}
        stack = [(recipe, False) for recipe in reversed(list(targets))]
        while stack:
            recipe, ready = stack.pop()
            if ready:
                order[recipe] = None
            elif recipe not in order:
                stack.append((recipe, True))
                stack += [(need, False) for need in reversed(self.needs(recipe))]
        return tuple(order)

    def find(self, name: str) -> Recipe:
        """Return the recipe of that name, or the one that makes that output; raise RecipeError naming the nearest."""
        recipe = self.recipes.get(name) or self.producers.get(name)
        if recipe is None:
            guess = nearest(name, [*self.recipes, *self.producers])
            raise RecipeError(
                "no recipe has this name",
                facts=[("wanted", name), *([("nearest", guess)] if guess else [])],
                hint="names stand in recipes/; an output's name means the recipe that makes it",
            )
        return recipe

    def of_type(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """All recipes of one type, in order of declaration."""
        return tuple(recipe for recipe in self.recipes.values() if isinstance(recipe, kind))


def connect(recipes: Iterable[Recipe], exists: Exists) -> Graph:
    """Resolve what every recipe needs; `exists` knows the source files. Raise Errors for all that is wrong."""
    named = {recipe.name: recipe for recipe in [SANDBOX, CLOCK, *recipes]}
    producers = {output: recipe for recipe in named.values() for output in recipe.outputs}
    names = _Names(named, producers, exists)
    errors: list[BareflowError] = []
    resolved: dict[str, dict[str, tuple[File, ...]]] = {}
    for recipe in named.values():
        fields: dict[str, dict[File, None]] = {}
        for field, value in recipe.wants():
            try:
                fields.setdefault(field, {}).update(dict.fromkeys(names.resolve(recipe, field, value)))
            except RecipeError as error:
                errors.append(error)
        resolved[recipe.name] = {field: tuple(files) for field, files in fields.items()}
    needs = {name: tuple(dict.fromkeys(_needs(recipe, resolved[name]))) for name, recipe in named.items()}
    errors += _circles(named, needs)
    if errors:
        raise Errors(errors)
    return Graph(named, producers, resolved, needs)


@dataclass(frozen=True)
class _Names:
    """What a string can mean."""

    recipes: Mapping[str, Recipe]
    producers: Mapping[str, Recipe]
    exists: Exists

    def resolve(self, recipe: Recipe, field: str, value: Recipe | str) -> tuple[File, ...]:
        """Return the files that an input means; raise RecipeError where it means none."""
        if isinstance(value, Recipe):
            return tuple(Output(value, name) for name in value.outputs)
        if value in self.producers:
            return (Output(self.producers[value], value),)
        if value in self.recipes:
            return self.resolve(recipe, field, self.recipes[value])
        if self.exists(value):
            return (Source(value),)
        guess = nearest(value, [*self.recipes, *self.producers])
        declared = (self.recipes.get(guess) or self.producers[guess]).location if guess else None
        raise RecipeError(
            "a recipe wants a file that is not there and that nobody declares",
            facts=[
                ("recipe", f"{recipe.name} ({type(recipe).__name__})"),
                ("wants", value),
                *([("nearest", f"{guess}, declared at {declared}")] if guess else []),
            ],
            location=field_line(recipe.location, field, value),
            hint="a source's path is relative to bareflow.toml",
        )


def _needs(recipe: Recipe, fields: Mapping[str, tuple[File, ...]]) -> Iterator[Recipe]:
    toolchain = getattr(recipe, "toolchain", None)
    if isinstance(toolchain, Toolchain):
        yield toolchain
    if isinstance(recipe, Image):
        yield recipe.layout.toolchain
    for files in fields.values():
        for file in files:
            if isinstance(file, Output):
                yield file.recipe


def _circles(named: Mapping[str, Recipe], needs: Mapping[str, tuple[Recipe, ...]]) -> list[RecipeError]:
    """Return an error for a way that leads from a recipe back to itself, if there is one."""
    try:
        TopologicalSorter({name: [need.name for need in found] for name, found in needs.items() if found}).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return [
            RecipeError(
                "recipes need each other in a circle",
                facts=[
                    ("circle", " <- ".join(circle)),
                    *((name, named[name].location) for name in circle[1:]),
                ],
                location=named[circle[0]].location,
            )
        ]
    return []
