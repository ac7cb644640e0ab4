"""Language models to flat files: our own converter, run in the sandbox by the toolchain's Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bfbuild.weights
from bfbuild.action.action import OUT, Request
from bfbuild.action.script import environment, explainer, sources_of
from bfbuild.errors import ModelError

if TYPE_CHECKING:
    from bfbuild.action.action import Inputs
    from bfbuild.recipe.model import Model

CONVERTER = "bfbuild-weights"


def model(recipe: Model, inputs: Inputs) -> Request:
    """Convert a GGUF file, or a checkpoint with its tokenizer."""
    files = [file for field in recipe.INPUT_FIELDS for file in inputs.graph.files(recipe, field)]
    return Request(
        label=recipe.name,
        kind="model",
        location=recipe.location,
        argv=(
            *(recipe.toolchain.python, "-S", "-m", "weights"),
            *(file.place for file in files),
            f"{OUT}/{recipe.name}",
        ),
        inputs={**sources_of(bfbuild.weights, CONVERTER, inputs), **{file.place: inputs.file(file) for file in files}},
        outputs=recipe.outputs,
        path=recipe.toolchain.path,
        env=environment(CONVERTER),
        explain=explainer(recipe, ModelError),
    )
