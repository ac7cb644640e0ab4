"""The tools: one closure of Debian packages that builds, one that boots."""

from bfbuild import Toolchain

llvm = Toolchain(
    name="llvm",
    packages=("clang-19", "lld-19", "llvm-19", "nasm", "python3-minimal"),
    path=("/usr/lib/llvm-19/bin", "/usr/bin"),
)
qemu = Toolchain(name="qemu", packages=("qemu-system-x86", "seabios"))
