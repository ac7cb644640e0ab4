"""Guests that use the compiler module: `jit/NAME.img` runs `tests/jit/NAME.c`; and the bitcode that they compile."""

from bfbuild import CObject, Link, Recipe, c_objects
from compiler import COMPILER, bitcode, module, optimizable
from guest_tests import checking_lib
from kernel import kernel
from kernel_lib import freestanding, hardware_float, headers
from layout import layout
from toolchain import llvm

kernels, variable = (
    bitcode(f"tests/jit/{name}.c", flags=(*freestanding, "-Wno-missing-prototypes"), headers=headers)
    for name in ("kernels", "variable")
)

CObject(  # the functions as an object with all that objects have: constants, calls, distances, names
    name="jit/kernels.o",
    source="tests/jit/kernels.c",
    toolchain=llvm,
    flags=(*freestanding, "-Wno-missing-prototypes", "-fno-function-sections", "-g0"),
    headers=headers,
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
    "saver": {},
}
apps: dict[str, CObject] = {}
for name, files in GUESTS.items():
    (apps[name],) = c_objects(
        f"tests/jit/{name}.c",
        toolchain=llvm,
        flags=freestanding,
        includes=("src/kernel_lib", "tests/guest"),
        headers=(*headers, "tests/guest/check.h"),
    )
    kernel(f"jit/{name}", (apps[name],), library=checking_lib, files=files, default=False)

optimize, swap, specialise = (
    app
    for name in ("optimize", "swap", "specialise")
    for app in c_objects(
        f"tests/jit/{name}.c",
        toolchain=llvm,
        flags=freestanding,
        includes=("src/kernel_lib", "tests/guest"),
        headers=(*headers, "tests/guest/check.h", "tests/jit/functions.h", "tests/jit/shapes.h"),
    )
)

# Apps whose functions become better while they run.
functions, needs = optimizable(
    "tests/jit/functions.c", flags=freestanding, headers=(*headers, "tests/jit/functions.h"), path="JIT/FUNCTIONS.BC"
)
kernel("jit/swap", (swap, functions), library=checking_lib, files=needs, default=False)
for name, lacks in {"optimize": (), "no_compiler": (COMPILER,), "no_bitcode": ("JIT/FUNCTIONS.BC",)}.items():
    kernel(
        f"jit/{name}",
        (optimize, functions),
        library=checking_lib,
        files={path: file for path, file in needs.items() if path not in lacks},
        default=False,
    )

shapes, needs = optimizable(
    "tests/jit/shapes.c", flags=freestanding, headers=(*headers, "tests/jit/shapes.h"), path="JIT/SHAPES.BC"
)
kernel("jit/specialise", (specialise, shapes), library=checking_lib, files=needs, default=False)

# Functions of every kind, in two files.
kinds, kinds_need = optimizable(
    "tests/jit/kinds.c", flags=freestanding, headers=(*headers, "tests/jit/kinds.h"), path="JIT/KINDS.BC"
)
others, others_need = optimizable(
    "tests/jit/kinds_other.c", flags=freestanding, headers=(*headers, "tests/jit/kinds.h"), path="JIT/OTHER.BC"
)
callers = c_objects(
    "tests/jit/all_kinds.c",
    toolchain=llvm,
    flags=freestanding,
    includes=("src/kernel_lib", "tests/guest"),
    headers=(*headers, "tests/guest/check.h", "tests/jit/kinds.h"),
)
kernel(
    "jit/kinds",
    (*callers, kinds, others),
    library=checking_lib,
    files={**kinds_need, **others_need},
    default=False,
)

# Floating point, by functions of the library and by the processor.
for name, flags in {"floats": freestanding, "floats_hard": hardware_float}.items():
    floats, floats_need = optimizable(
        f"tests/jit/{name}.c",
        flags=flags,
        headers=(*headers, "tests/jit/floats.h", "tests/jit/floats.c"),
        path="JIT/FLOATS.BC",
    )
    (caller,) = c_objects(
        "tests/jit/all_floats.c",
        toolchain=llvm,
        flags=flags,
        includes=("src/kernel_lib", "tests/guest"),
        headers=(*headers, "tests/guest/check.h", "tests/jit/floats.h"),
        prefix=f"{name}/",
    )
    kernel(f"jit/{name}", (caller, floats), library=checking_lib, files=floats_need, default=False)

# Functions that exist only as bitcode.
bitcode_only, only_needs = optimizable(
    "tests/jit/bitcode_only.c",
    flags=freestanding,
    headers=(*headers, "tests/jit/bitcode_only.h"),
    path="JIT/ONLY.BC",
)
interpreted = c_objects(
    "tests/jit/interpreted.c",
    toolchain=llvm,
    flags=freestanding,
    includes=("src/kernel_lib", "tests/guest"),
    headers=(*headers, "tests/guest/check.h", "tests/jit/bitcode_only.h"),
)
for name, without in {"interpreted": "", "no_interpreter": COMPILER}.items():
    kernel(
        f"jit/{name}",
        (*interpreted, bitcode_only),
        library=checking_lib,
        files={path: file for path, file in only_needs.items() if path != without},
        default=False,
    )
