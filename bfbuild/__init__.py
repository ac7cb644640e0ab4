"""bfbuild: a declarative, reproducible build system for kernels, unikernels and firmware.

A recipe file imports the types from here: `from bfbuild import CObject, Link, Toolchain, glob`. They are loaded at
first use, because importing this package must cost nothing on the way to an answer that needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bfbuild.recipe.helpers import asm_objects, c_objects, glob, optimizations, option, version
    from bfbuild.recipe.model import (
        Archive,
        AsmObject,
        CObject,
        Command,
        Fetch,
        Image,
        In,
        Layout,
        Link,
        Model,
        Optimize,
        Out,
        Partition,
        RawBinary,
        Recipe,
        Region,
        Run,
        Toolchain,
        Wheel,
    )

__all__ = [
    "Archive",
    "AsmObject",
    "CObject",
    "Command",
    "Fetch",
    "Image",
    "In",
    "Layout",
    "Link",
    "Model",
    "Optimize",
    "Out",
    "Partition",
    "RawBinary",
    "Recipe",
    "Region",
    "Run",
    "Toolchain",
    "Wheel",
    "asm_objects",
    "c_objects",
    "glob",
    "optimizations",
    "option",
    "version",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'bfbuild' has no attribute {name!r}")
    from bfbuild.recipe import helpers, model  # noqa: PLC0415  (at first use: pydantic is slow to import)

    return getattr(model if name[0].isupper() else helpers, name)
