"""Guests that use the compiler module: `jit/NAME.img` runs `tests/jit/NAME.c`; and the bitcode that they compile."""

from bfbuild import Link, Recipe, c_objects
from compiler import bitcode, module
from guest_tests import checking_lib
from kernel import COMPILER, kernel
from kernel_lib import freestanding, headers
from layout import layout
from toolchain import llvm

kernels, variable = (
    bitcode(f"tests/jit/{name}.c", flags=(*freestanding, "-Wno-missing-prototypes"), headers=headers)
    for name in ("kernels", "variable")
)

fake = Link(
    name="jit/fake_module.elf",
    toolchain=llvm,
    flags=("-m", "elf_i386", "-e", "program_start", f"--image-base={layout['WINDOW_START']:#x}", "-z", "separate-code"),
    inputs=c_objects(
        "tests/jit/fake_module.c", toolchain=llvm, flags=freestanding, includes=("src/kernel_lib",), headers=headers
    ),
)

GUESTS: dict[str, dict[str, Recipe | str]] = {
    "objects": {COMPILER: module, "JIT/KERNELS.BC": kernels},
    "faults": {COMPILER: fake},
}
for name, files in GUESTS.items():
    app = c_objects(
        f"tests/jit/{name}.c",
        toolchain=llvm,
        flags=freestanding,
        includes=("src/kernel_lib", "tests/guest"),
        headers=(*headers, "tests/guest/check.h"),
    )
    kernel(f"jit/{name}", app, library=checking_lib, files=files, default=False)
