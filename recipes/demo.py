"""The demo: an app that measures itself, and the disk that `doit run` boots."""

from bfbuild import Run, c_objects, glob
from kernel import kernel
from kernel_lib import freestanding, headers
from toolchain import llvm, qemu
from twin import twin, twin_lib

app = c_objects(
    "src/app/demo/*.c",
    toolchain=llvm,
    flags=freestanding,
    includes=("src/kernel_lib", "src/app/demo"),
    headers=(*headers, *glob("src/app/demo/*.h")),
)
elf, image = kernel("bareflow", app, files={"README.TXT": "README.md"})
native = twin("bareflow", (*app, twin_lib))
demo = Run(name="demo", image=image, elf=elf, twin=native, toolchain=qemu)
