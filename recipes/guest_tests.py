"""Guests that test the library on the machine itself: every `tests/guest/NAME.c` is an app on a disk, `guest/NAME.img`.

They are linked with a build of the library that checks itself, so that a heap fault is seen where it happens.
"""

from pathlib import PurePosixPath

from bfbuild import AsmObject, c_objects
from kernel import kernel
from kernel_lib import DEBUG, freestanding, headers, library
from layout import layout
from toolchain import llvm

checking_lib = library("debug/", *DEBUG)

apps = c_objects(
    "tests/guest/*.c",
    toolchain=llvm,
    flags=freestanding,
    includes=("src/kernel_lib",),
    headers=(*headers, "tests/guest/check.h"),
)
for app in apps:
    kernel(f"guest/{PurePosixPath(str(app.source)).stem}", (app,), library=checking_lib, default=False)

# Instead of stage 1, which then lies in the last sector before the partition.
for name, defines in {"a20_off": (), "a20_off_in_bios": ("-DBIOS_REFUSES",)}.items():
    AsmObject(
        name=f"guest/{name}.bin",
        source="tests/guest/a20_off.asm",
        toolchain=llvm,
        format="bin",
        flags=("-Wall", "-Werror", f"-DLOADER_LBA={layout['DATA_LBA'] - 1}", *defines),
    )
