"""What lies where on BareFlow's disk: the one home of these numbers, for nasm, for C and for the image."""

from bfbuild import Layout, Partition, Region
from toolchain import llvm

MIB = 2_048  # sectors
KERNEL = 9
DATA = MIB  # from 1 MiB, as partitions are aligned everywhere


def disk(name: str, sectors: int) -> Layout:
    """Declare the layout of a disk of this size; all that differs is how long the partition is."""
    return Layout(
        name=name,
        toolchain=llvm,
        size=sectors * 512,
        regions=(
            Region(name="STAGE1", lba=0, sectors=1),
            Region(name="STAGE2", lba=1, sectors=8),
            Region(name="KERNEL", lba=KERNEL, sectors=1_015),  # as much as fits from 0x10000 to the stack
        ),
        partitions=(Partition(name="DATA", lba=DATA, sectors=sectors - DATA, bootable=True, label="BAREFLOW"),),
        constants={
            "KERNEL_MAGIC": 0x464C5544,
            "KERNEL_ADDRESS": 0x10000,
            "KERNEL_HEADER_SIZE": 16,
            "STACK_TOP": 0x90000,
            "HEAP_START": 0x100000,
            "WINDOW_START": 0xE0000000,  # virtual memory of what is loaded at run time; above what a PC has
            "WINDOW_END": 0xF0000000,
            "HANDOVER_ADDRESS": 0x500,  # where stage 2 leaves the memory map for the kernel
        },
    )


layout = disk("layout", 32 * MIB)
wide = disk("wide", 64 * MIB)  # with room for the compiler module
large = disk("large", 192 * MIB)  # with room for a language model
