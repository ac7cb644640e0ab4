"""The two stages of the loader, as raw bytes."""

from bfbuild import AsmObject, glob
from layout import layout
from toolchain import llvm

stage1, stage2 = (
    AsmObject(
        name=f"boot/{stage}.bin",
        source=f"src/boot/{stage}.asm",
        toolchain=llvm,
        format="bin",
        flags=("-Wall", "-Werror"),
        includes=("src/boot",),
        headers=(*glob("src/boot/*.inc"), layout),
    )
    for stage in ("stage1", "stage2")
)
