"""A header that is made while the kernel is built: by a program of ours, which is compiled first."""

from bfbuild import CObject, Command, In, Link, Out
from toolchain import llvm

source = CObject(name="pack.o", source="tools/pack.c", flags=("-O2", "-Wall", "-Wextra", "-Werror"), toolchain=llvm)
pack = Link(name="pack", inputs=(source,), driver="cc", toolchain=llvm)  # start files and libc: a program for here
banner = Command(name="banner.h", tool=pack, args=(In("src/banner.txt"), Out("banner.h")), toolchain=llvm)
