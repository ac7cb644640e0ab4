"""The runtime library: every room of src/kernel_lib, compiled for i686 and archived."""

from bfbuild import Archive, Recipe, asm_objects, c_objects, glob, option, version
from layout import layout
from toolchain import llvm

freestanding = (
    "--target=i686-unknown-none-elf",
    "-m32",
    "-march=i686",
    "-mno-mmx",  # an interrupt may come at any time, and saves no vector registers
    "-mno-sse",
    "-mno-80387",
    "-msoft-float",
    "-O2",
    "-std=c17",
    "-ffreestanding",
    "-fno-pic",
    "-fno-stack-protector",
    "-fno-omit-frame-pointer",  # the panic screen walks the frames
    "-fno-asynchronous-unwind-tables",
    "-ffunction-sections",
    "-fdata-sections",
    "-nostdlibinc",
    "-gdwarf-4",  # version 5 holds a checksum of the source, and no comment would ever be cut off
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Wshadow",
    "-Wconversion",
)
# Of apps that leave floating point to the processor, which must have SSE2. The library is never built so.
hardware_float = (
    *(flag for flag in freestanding if flag not in {"-mno-sse", "-mno-80387", "-msoft-float"}),
    *("-msse2", "-mfpmath=sse"),
)
VERSION = "src/kernel_lib/version.c"
headers: tuple[Recipe | str, ...] = (*glob("src/kernel_lib/**/*.h"), layout)


def library(prefix: str, *flags: str) -> Archive:
    """Declare one build of the library under `prefix`."""
    return Archive(
        name=f"{prefix}kernel_lib.a",
        toolchain=llvm,
        members=(
            *c_objects(
                "src/kernel_lib/**/*.c",
                toolchain=llvm,
                flags=(*freestanding, *flags),
                includes=("src/kernel_lib",),
                headers=headers,
                exclude=(VERSION,),
                prefix=prefix,
            ),
            *c_objects(
                VERSION,
                toolchain=llvm,
                flags=(*freestanding, *flags, f'-DBF_VERSION="{version()}"'),
                headers=headers,
                prefix=prefix,
            ),
            *asm_objects(
                "src/kernel_lib/**/*.asm",
                toolchain=llvm,
                flags=("-g", "-F", "dwarf", "-Wall", "-Werror"),
                headers=(layout,),
                prefix=prefix,
            ),
        ),
    )


DEBUG = ("-DBF_DEBUG",)
kernel_lib = library("", *(DEBUG if option("debug", False) else ()))
