"""The disk, and its boot."""

from bfbuild import AsmObject, Image, Run
from disk import layout
from kernel import elf, raw
from toolchain import llvm, qemu

boot = AsmObject(name="boot.bin", source="src/boot.asm", format="bin", headers=(layout,), toolchain=llvm)
image = Image(name="hello.img", layout=layout, content={"BOOT": boot, "KERNEL": raw})
Run(name="hello", image=image, elf=elf, toolchain=qemu)
