"""What lies where on BareFlow's disk: the one home of these numbers, for nasm, for C and for the image."""

from bfbuild import Layout, Partition, Region
from toolchain import llvm

SECTORS = 65_536  # 32 MiB
KERNEL = 9
DATA = 2_048  # from 1 MiB, as partitions are aligned everywhere

layout = Layout(
    name="layout",
    toolchain=llvm,
    size=SECTORS * 512,
    regions=(
        Region(name="STAGE1", lba=0, sectors=1),
        Region(name="STAGE2", lba=1, sectors=8),
        Region(name="KERNEL", lba=KERNEL, sectors=1_015),  # as much as fits from 0x10000 to the stack
    ),
    partitions=(Partition(name="DATA", lba=DATA, sectors=SECTORS - DATA, bootable=True, label="BAREFLOW"),),
    constants={
        "KERNEL_MAGIC": 0x464C5544,
        "KERNEL_ADDRESS": 0x10000,
        "KERNEL_HEADER_SIZE": 16,
        "STACK_TOP": 0x90000,
        "HEAP_START": 0x100000,
        "COMPILER_ADDRESS": 0xC0000000,  # of the compiler module, in virtual memory
        "HANDOVER_ADDRESS": 0x500,  # where stage 2 leaves the memory map for the kernel
    },
)
