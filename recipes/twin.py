"""Twins: an app and the kernel library as a program for Linux (i386), which does what a guest does, without a machine.

A file of src/twin takes the place of the library's of the same name; all other objects are the very ones of the kernel.
"""

from pathlib import PurePosixPath

from bfbuild import Archive, AsmObject, CObject, Link, Recipe, asm_objects, c_objects
from kernel import named
from kernel_lib import freestanding, headers, kernel_lib
from layout import layout
from toolchain import llvm

HARDWARE = ("cpu/interrupts.asm", "io/ata_dma.c", "io/pci.c")  # of the library; nothing stands for it in a twin


def library(prefix: str, members: tuple[Recipe | str, ...], flags: tuple[str, ...] = freestanding) -> Archive:
    """Declare the library of twins, from the objects of a kernel's."""
    own = (
        *c_objects(
            "src/twin/**/*.c",
            toolchain=llvm,
            flags=flags,
            includes=("src/kernel_lib", "src/twin"),
            headers=(*headers, "src/twin/linux.h"),
            prefix=prefix,
        ),
        *asm_objects(
            "src/twin/*.asm",
            toolchain=llvm,
            flags=("-g", "-F", "dwarf", "-Wall", "-Werror"),
            headers=(layout,),
            prefix=prefix,
        ),
    )
    replaced = {*HARDWARE, *(_below("src/twin", each) for each in own)}
    kept = [each for each in members if _below("src/kernel_lib", each) not in replaced]
    return Archive(name=f"{prefix}twin_lib.a", toolchain=llvm, members=(*own, *kept))


def _below(folder: str, made: Recipe | str) -> str:
    """Where in `folder` the source of an object lies."""
    assert isinstance(made, CObject | AsmObject)
    return str(PurePosixPath(str(made.source)).relative_to(folder))


twin_lib = library("", kernel_lib.members)


def twin(name: str, inputs: tuple[Recipe | str, ...], *flags: str) -> Link:
    """Declare the program `NAME.twin`; among the inputs is a library of twins."""
    return named(f"{name}/twin", f"{name}.twin", inputs, *flags, script="src/twin/twin.ld")
