"""Objects to archives, programs and raw binaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild.action.action import OUT, Request

if TYPE_CHECKING:
    from bfbuild.action.action import Inputs
    from bfbuild.recipe.model import Archive, Link, RawBinary


def archive(recipe: Archive, inputs: Inputs) -> Request:
    """Collect members into a static library with an index, without dates and owners."""
    members = inputs.graph.files(recipe, "members")
    return Request(
        label=recipe.name,
        kind="archive",
        location=recipe.location,
        argv=(recipe.toolchain.ar, "rcsD", f"{OUT}/{recipe.name}", *(file.place for file in members)),
        inputs={file.place: inputs.file(file) for file in members},
        outputs=(recipe.name,),
        path=recipe.toolchain.path,
    )


def link(recipe: Link, inputs: Inputs) -> Request:
    """Link with the linker itself, or through the compiler where the program is one for Linux."""
    objects = inputs.graph.files(recipe, "inputs")
    scripts = inputs.graph.files(recipe, "script")
    symbols = tuple(f"--defsym={name}={value:#x}" for name, value in sorted(recipe.symbols.items()))
    options = (*(f"--script={file.place}" for file in scripts), *symbols)
    if recipe.driver == "ld":
        start = (recipe.toolchain.ld, *options)
    else:
        compiler = recipe.toolchain.cc if recipe.driver == "cc" else recipe.toolchain.cxx
        start = (compiler, "-fuse-ld=lld", *(f"-Wl,{option}" for option in options))
    program, *maps = (f"{OUT}/{name}" for name in recipe.outputs)
    maps = [f"-Wl,-Map={path}" if recipe.driver != "ld" else f"-Map={path}" for path in maps]
    files = [*objects, *scripts, *inputs.graph.files(recipe, "script_includes")]
    return Request(
        label=recipe.name,
        kind="link",
        location=recipe.location,
        argv=(*start, *recipe.flags, *maps, *(file.place for file in objects), "-o", program),
        inputs={file.place: inputs.file(file) for file in files},
        outputs=recipe.outputs,
        path=recipe.toolchain.path,
        hint="'will not fit in region' or an ASSERT of the linker script means that the layout's area is too small"
        if recipe.script is not None
        else None,
    )


def raw_binary(recipe: RawBinary, inputs: Inputs) -> Request:
    """Copy the loadable bytes out of an ELF file."""
    elf = inputs.graph.file(recipe.elf)
    return Request(
        label=recipe.name,
        kind="raw",
        location=recipe.location,
        argv=(recipe.toolchain.objcopy, "-O", "binary", *recipe.flags, elf.place, f"{OUT}/{recipe.name}"),
        inputs={elf.place: inputs.file(elf)},
        outputs=(recipe.name,),
        path=recipe.toolchain.path,
    )
