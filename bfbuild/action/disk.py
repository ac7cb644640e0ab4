"""Layouts to headers, images to disks: our own writer, run in the sandbox by the toolchain's Python like any tool.

The writer's source files are inputs of the action, so a change to the writer is a change to the key, and a disk does
not depend on the Python that the user happens to have.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import bfbuild.disk
from bfbuild.action.action import OUT, Request
from bfbuild.action.script import environment, explainer, sources_of
from bfbuild.disk import layout as numbers
from bfbuild.disk.spec import Spec, to_text
from bfbuild.errors import LayoutError

if TYPE_CHECKING:
    from bfbuild.action.action import Inputs
    from bfbuild.recipe.model import Image, Layout

WRITER = "bfbuild-disk"
SPEC = f"{WRITER}/spec"


def layout(recipe: Layout, inputs: Inputs) -> Request:
    """Write the layout's numbers as a C header and as a nasm include."""
    c, nasm = recipe.outputs
    arguments = ("header", SPEC, f"{OUT}/{c}", f"{OUT}/{nasm}")
    named = _places(recipe)._replace(prefix=recipe.prefix, constants=recipe.constants)
    return _writer(recipe, recipe, inputs, arguments, Spec(named))


def image(recipe: Image, inputs: Inputs) -> Request:
    """Fill the layout's places with their content."""
    graph = inputs.graph
    spec = Spec(
        _places(recipe.layout),
        content={name: graph.file(value).place for name, value in recipe.content.items()},
        files={
            partition: {path: graph.file(value).place for path, value in files.items()}
            for partition, files in recipe.files.items()
        },
    )
    request = _writer(recipe, recipe.layout, inputs, ("image", SPEC, f"{OUT}/{recipe.name}"), spec)
    content = {file.place: inputs.file(file) for field in recipe.INPUT_FIELDS for file in graph.files(recipe, field)}
    return replace(request, inputs={**request.inputs, **content})


def _places(recipe: Layout) -> numbers.Layout:
    """What an image needs of a layout: a changed constant makes no new disk."""
    return numbers.Layout(
        size=recipe.size,
        regions=tuple(numbers.Region(**region.model_dump()) for region in recipe.regions),
        partitions=tuple(numbers.Partition(**partition.model_dump()) for partition in recipe.partitions),
    )


def _writer(recipe: Layout | Image, of: Layout, inputs: Inputs, arguments: tuple[str, ...], spec: Spec) -> Request:
    """Run `python3 -m disk ARGUMENTS` with the writer's own sources and the spec as inputs."""
    return Request(
        label=recipe.name,
        kind="disk",
        location=recipe.location,
        argv=(of.toolchain.python, "-S", "-m", "disk", *arguments),
        inputs={**sources_of(bfbuild.disk, WRITER, inputs), SPEC: inputs.data(to_text(spec).encode())},
        outputs=recipe.outputs,
        path=of.toolchain.path,
        env=environment(WRITER),
        explain=explainer(recipe, LayoutError),
    )
