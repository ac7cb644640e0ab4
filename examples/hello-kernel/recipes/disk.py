"""What lies where, on the disk and in memory: the one home of these numbers, as disk.h for C and disk.inc for nasm."""

from bfbuild import Layout, Region
from toolchain import llvm

layout = Layout(
    name="disk",
    toolchain=llvm,
    size="1 MiB",
    prefix="HELLO_",
    regions=(Region(name="BOOT", lba=0, sectors=1), Region(name="KERNEL", lba=1, sectors=32)),
    constants={"KERNEL_ADDRESS": 0x8000, "STACK_TOP": 0x80000},
)
