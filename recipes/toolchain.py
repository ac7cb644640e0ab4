"""The locked tools: a compiler, two emulators, and what the tests check our disks, programs and sources with."""

from bfbuild import Toolchain

llvm = Toolchain(
    name="llvm",
    packages=("clang-19", "lld-19", "llvm-19", "nasm", "python3-minimal"),
    path=("/usr/lib/llvm-19/bin", "/usr/bin"),
)
qemu = Toolchain(name="qemu", packages=("qemu-system-x86", "seabios"))
check = Toolchain(
    name="check",
    packages=("mtools", "dosfstools", "clang-format-19"),
    path=("/usr/lib/llvm-19/bin", "/usr/bin", "/usr/sbin"),
)
bochs = Toolchain(name="bochs", packages=("bochs-term", "bochsbios", "vgabios", "ncurses-base"))
native = Toolchain(  # programs for the building machine, which watch their own memory
    name="native",
    packages=("clang-19", "lld-19", "libclang-rt-19-dev"),
    path=("/usr/lib/llvm-19/bin", "/usr/bin"),
)
debug = Toolchain(name="debug", packages=("gdb",))  # what the tests connect to `doit debug`
images = Toolchain(name="images", packages=("qemu-utils",))  # what the tests check the images of a release with
sign = Toolchain(name="sign", packages=("minisign",))  # what the tests check our signatures with
peers = Toolchain(name="peers", packages=("ninja-build", "ccache"))  # what benchmarks/speed.py measures beside us

i386 = Toolchain(  # what a Linux program for i386 that holds LLVM is linked from; no program of it ever runs
    name="i386",
    packages=(
        "libc6-dev:i386",
        "libgcc-12-dev:i386",
        "libstdc++-12-dev:i386",
        "libzstd-dev:i386",
        "linux-libc-dev:i386",
        "llvm-19-dev:i386",
        "zlib1g-dev:i386",
    ),
    dependencies=False,
)
compiler = Toolchain(name="compiler", packages=llvm.packages, path=llvm.path, sysroot=i386)
