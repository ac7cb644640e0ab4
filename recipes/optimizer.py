"""The optimizer: an app that becomes faster while it runs, and the disk with all that it needs for that."""

from bfbuild import Run, c_objects
from compiler import optimizable, optimized
from kernel import kernel, warm
from kernel_lib import freestanding, headers
from toolchain import llvm, qemu
from twin import twin, twin_lib

(app,) = c_objects(
    "src/app/optimizer/optimizer.c",
    toolchain=llvm,
    flags=freestanding,
    includes=("src/kernel_lib", "src/app/optimizer"),
    headers=(*headers, "src/app/optimizer/kernels.h"),
)
kernels, needs = optimizable(
    "src/app/optimizer/kernels.c",
    flags=freestanding,
    headers=(*headers, "src/app/optimizer/kernels.h"),
    path="JIT/KERNELS.BC",
)
elf, image = kernel("optimizer", (app, kernels), files=needs)
native = twin("optimizer", (app, kernels, twin_lib))
PROFILE = "src/app/optimizer/profile.json"
optimizer = Run(name="optimizer", image=image, elf=elf, twin=native, toolchain=qemu, profile=PROFILE, timeout=300)

# The same with the code that boots found to be better: `doit image:warm`. It compiles nothing on their processor.
ready = warm(image, optimized(PROFILE))
if ready is not None:
    Run(name="optimizer-warm", image=ready, elf=elf, toolchain=qemu, profile=PROFILE)
