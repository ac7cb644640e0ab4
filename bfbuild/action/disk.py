"""Layouts to headers, images to disks: our own writer, run in the sandbox by the toolchain's Python like any tool.

The writer's source files are inputs of the action, so a change to the writer is a change to the key, and a disk does
not depend on the Python that the user happens to have.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bfbuild.disk
from bfbuild.action.action import OUT, Request
from bfbuild.recipe.model import Image, Layout

if TYPE_CHECKING:
    from bfbuild.action.action import InputFile, Inputs

WRITER = "bfbuild-disk"
SPEC = f"{WRITER}/spec.json"


def layout(recipe: Layout, inputs: Inputs) -> Request:
    """Write the layout's numbers as a C header and as a nasm include."""
    c, nasm = recipe.outputs
    return _writer(recipe, inputs, ("header", SPEC, f"{OUT}/{c}", f"{OUT}/{nasm}"), _places(recipe), {})


def image(recipe: Image, inputs: Inputs) -> Request:
    """Fill the layout's places with their content."""
    graph = inputs.graph
    spec = _places(recipe.layout)
    spec["content"] = {name: graph.file(value).place for name, value in recipe.content.items()}
    spec["files"] = {
        partition: {path: graph.file(value).place for path, value in files.items()}
        for partition, files in recipe.files.items()
    }
    files = [file for field in recipe.INPUT_FIELDS for file in graph.files(recipe, field)]
    return _writer(
        recipe,
        inputs,
        ("image", SPEC, f"{OUT}/{recipe.name}"),
        spec,
        {file.place: inputs.file(file) for file in files},
    )


def _places(recipe: Layout) -> dict[str, Any]:
    return {
        "size": recipe.size,
        "prefix": recipe.prefix,
        "regions": [region.model_dump() for region in recipe.regions],
        "partitions": [partition.model_dump() for partition in recipe.partitions],
        "constants": recipe.constants,
    }


def _writer(
    recipe: Layout | Image,
    inputs: Inputs,
    arguments: tuple[str, ...],
    spec: dict[str, Any],
    files: dict[str, InputFile],
) -> Request:
    """Run `python3 -m disk ARGUMENTS` with the writer's own sources beside the content."""
    toolchain = recipe.toolchain if isinstance(recipe, Layout) else recipe.layout.toolchain
    room = Path(bfbuild.disk.__file__).parent
    sources = {f"{WRITER}/disk/{path.name}": inputs.data(path.read_bytes()) for path in sorted(room.glob("*.py"))}
    text = json.dumps(spec, sort_keys=True, indent=1, ensure_ascii=True).encode()
    return Request(
        label=recipe.name,
        kind="disk",
        location=recipe.location,
        argv=(toolchain.python, "-S", "-m", "disk", *arguments),
        inputs={**sources, SPEC: inputs.data(text), **files},
        outputs=recipe.outputs,
        path=toolchain.path,
        env={"PYTHONPATH": WRITER, "PYTHONHASHSEED": "0"},
    )
