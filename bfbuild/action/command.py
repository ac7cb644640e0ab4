"""Any declared tool, run with declared files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild.action.action import OUT, Request
from bfbuild.recipe.model import In, Out, Recipe

if TYPE_CHECKING:
    from bfbuild.action.action import Inputs
    from bfbuild.recipe.model import Command


def command(recipe: Command, inputs: Inputs) -> Request:
    """Run a program of the toolchain, or one that a recipe made, with its arguments resolved to paths."""
    graph = inputs.graph
    files = {file.place: file for field in recipe.INPUT_FIELDS for file in graph.files(recipe, field)}

    def argument(value: str | In | Out) -> str:
        if isinstance(value, Out):
            return f"{OUT}/{value.name}"
        return graph.file(value.input).place if isinstance(value, In) else value

    program = f"./{graph.file(recipe.tool).place}" if isinstance(recipe.tool, Recipe) else recipe.tool
    return Request(
        label=recipe.name,
        kind="command",
        location=recipe.location,
        argv=(program, *(argument(value) for value in recipe.args)),
        inputs={place: inputs.file(files[place]) for place in sorted(files)},
        outputs=tuple(name for name in recipe.outputs if name != recipe.stdout),
        stdout=recipe.stdout,
        path=recipe.toolchain.path,
        env=recipe.env,
    )
