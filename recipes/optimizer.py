"""The optimizer: an app that becomes faster while it runs, and the disk with all that it needs for that."""

from bfbuild import Run, c_objects
from compiler import optimizable, optimized
from kernel import kernel
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
optimizer = Run(name="optimizer", image=image, elf=elf, twin=native, toolchain=qemu)

# The same with code for a processor like QEMU's -cpu max: it never compiles, if it finds itself on one.
FUNCTIONS = ("fibonacci", "matmul", "dot", "sha256_mix", "sieve", "sort", "find", "crc32", "attract")
MAX = "+cmov,+mmx,+fxsr,+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+xsave,+avx,+fma,+f16c,+bmi,+bmi2,+avx2"
made = optimized("jit/max", "src/app/optimizer/kernels.c", FUNCTIONS, features=MAX)
kernel("optimizer-warm", (app, kernels), files={**needs, **made}, default=False)
