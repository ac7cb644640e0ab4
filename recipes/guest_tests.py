"""Guests that test the library on the machine itself: every `tests/guest/NAME.c` is an app on a disk, `guest/NAME.img`.

They are linked with a build of the library that checks itself, so that a heap fault is seen where it happens.
"""

from pathlib import PurePosixPath

from bfbuild import c_objects
from kernel import kernel
from kernel_lib import DEBUG, freestanding, headers, library
from toolchain import llvm

checking_lib = library("debug/", *DEBUG)

for app in c_objects(
    "tests/guest/*.c",
    toolchain=llvm,
    flags=freestanding,
    includes=("src/kernel_lib",),
    headers=(*headers, "tests/guest/check.h"),
):
    kernel(f"guest/{PurePosixPath(str(app.source)).stem}", (app,), library=checking_lib, default=False)
