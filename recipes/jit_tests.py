"""Bitcode that the compiler module is tried with."""

from compiler import bitcode
from kernel_lib import freestanding, headers

for source in ("kernels", "variable"):
    bitcode(f"tests/jit/{source}.c", flags=(*freestanding, "-Wno-missing-prototypes"), headers=headers)
