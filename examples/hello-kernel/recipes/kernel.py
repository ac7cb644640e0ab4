"""The kernel: C and assembler, linked where the boot sector puts it, and what llvm-objdump thinks of it."""

from banner import banner
from bfbuild import AsmObject, CObject, Command, In, Link, RawBinary, option
from disk import layout
from toolchain import llvm

start = AsmObject(name="start.o", source="src/start.asm", toolchain=llvm)
kernel = CObject(
    name="kernel.o",
    source="src/kernel.c",
    toolchain=llvm,
    flags=(
        *("--target=i686-unknown-none-elf", "-ffreestanding", "-fno-pic", "-mgeneral-regs-only"),
        *("-std=c17", "-O2", "-g", "-Wall", "-Wextra", "-Werror", f"-DCOLOUR={option('colour', 15)}"),
    ),
    headers=(banner,),
)
elf = Link(
    name="kernel.elf",
    inputs=(start, kernel),
    script="src/kernel.ld",
    symbols={
        "kernel_address": layout["KERNEL_ADDRESS"],
        "kernel_capacity": layout["KERNEL_SECTORS"] * layout["SECTOR_SIZE"],
    },
    flags=("-m", "elf_i386"),
    toolchain=llvm,
)
raw = RawBinary(name="kernel.bin", elf=elf, toolchain=llvm)
Command(name="kernel.lst", tool="llvm-objdump", args=("-d", In(elf)), stdout="kernel.lst", toolchain=llvm)
