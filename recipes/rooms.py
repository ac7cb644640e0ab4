"""Kernels that nobody boots: the demo's with every function of the library kept, one room after another added to it.

`benchmarks/sizes.py` prints what each room costs.
"""

from bfbuild import RawBinary, Recipe
from demo import app
from kernel import linked
from kernel_lib import kernel_lib
from toolchain import llvm

objects = {each.name: each for each in kernel_lib.members if isinstance(each, Recipe)}


def room(*names: str) -> tuple[Recipe, ...]:
    """The library's objects whose names begin so."""
    return tuple(recipe for name, recipe in objects.items() if name.startswith(names))


LATE = tuple(f"src/kernel_lib/cpu/{name}" for name in ("double_fault", "paging", "vectors"))  # what the JIT needs

# What the original did not have, in the order of need.
ADDED: dict[str, tuple[Recipe | str, ...]] = {
    "ata": room("src/kernel_lib/io/ata", "src/kernel_lib/io/pci"),
    "fat16": room("src/kernel_lib/fs/"),
    "monitor": room("src/kernel_lib/monitor", "src/kernel_lib/version"),
    "jit": tuple(each for each in room("src/kernel_lib/jit/", *LATE) if each.name != "src/kernel_lib/jit/profile.c.o"),
    "floats": room("src/kernel_lib/memory/soft_float"),
    "names": ("bareflow/symbols.o",),  # of functions, for a panic
}

inputs: tuple[Recipe | str, ...] = (*app, *objects.values())
inputs = tuple(each for each in inputs if not any(each in added for added in ADDED.values()))
instead = ("--defsym=monitor_run=machine_exit",)
for step, added in {"original": (), **ADDED}.items():
    inputs += added
    elf = linked(f"rooms/{step}.elf", inputs, *(() if objects["src/kernel_lib/monitor.c.o"] in inputs else instead))
    RawBinary(name=f"rooms/{step}.raw", elf=elf, toolchain=llvm)
