"""C and assembler sources to objects: the source and the headers it really includes, and one run of the tool."""

from __future__ import annotations

from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bfbuild.action.action import OUT, Request
from bfbuild.action.scan import Scanner, asm_includes, c_includes
from bfbuild.recipe.graph import Output

if TYPE_CHECKING:
    from bfbuild.action.action import InputFile, Inputs
    from bfbuild.action.scan import Directives
    from bfbuild.recipe.model import AsmObject, CObject

CXX_SUFFIXES = (".cc", ".cpp", ".cxx")


def c_object(recipe: CObject, inputs: Inputs) -> Request:
    """Compile one C, C++ or preprocessed assembler source with clang."""
    (source,) = inputs.graph.files(recipe, "source")
    is_cxx = PurePosixPath(source.place).suffix in CXX_SUFFIXES
    folders = include_folders(recipe, inputs)
    return Request(
        label=recipe.name,
        kind="c",
        location=recipe.location,
        argv=(
            recipe.toolchain.cxx if is_cxx else recipe.toolchain.cc,
            *recipe.flags,
            "-ffile-compilation-dir=.",  # debug information names files as the project does, wherever it was built
            *(f"-I{folder}" for folder in folders),
            "-c",
            source.place,
            "-o",
            f"{OUT}/{recipe.name}",
        ),
        inputs=_sources(recipe, inputs, c_includes, folders),
        outputs=(recipe.name,),
        path=recipe.toolchain.path,
    )


def asm_object(recipe: AsmObject, inputs: Inputs) -> Request:
    """Assemble one source with nasm."""
    (source,) = inputs.graph.files(recipe, "source")
    folders = include_folders(recipe, inputs)
    return Request(
        label=recipe.name,
        kind="asm",
        location=recipe.location,
        argv=(
            recipe.toolchain.asm,
            "-f",
            recipe.format,
            "--reproducible",
            *recipe.flags,
            *(f"-I{folder}/" for folder in folders),
            source.place,
            "-o",
            f"{OUT}/{recipe.name}",
        ),
        inputs=_sources(recipe, inputs, asm_includes, [".", *folders]),
        outputs=(recipe.name,),
        path=recipe.toolchain.path,
    )


def include_folders(recipe: CObject | AsmObject, inputs: Inputs) -> list[str]:
    """The folders to look in: the recipe's, then `build` where a header is made by a recipe."""
    made = any(isinstance(file, Output) for file in inputs.graph.files(recipe, "headers"))
    return [*recipe.includes, *(["build"] if made else [])]


def _sources(
    recipe: CObject | AsmObject, inputs: Inputs, directives: Directives, folders: list[str]
) -> dict[str, InputFile]:
    (source,) = inputs.graph.files(recipe, "source")
    declared = {file.place: file for file in inputs.graph.files(recipe, "headers")}
    forced = [declared[place] for flag, place in pairwise(recipe.flags) if flag == "-include" and place in declared]
    scanner = Scanner(
        includes=lambda file: inputs.includes(file, directives),
        declared=declared,
        folders=folders,
        undeclared=inputs.is_source,
        root=inputs.root,
        owner=recipe.name,
    )
    return {file.place: inputs.file(file) for file in [source, *forced, *scanner.closure(source, *forced)]}
