"""Test guests as twins: `NAME.twin` is the app of `NAME.img`, `watched/NAME.twin` the same under sanitizers.

`watched/chat.twin` is the chat program, and `watched/hostile_model.twin` its loader with models that lie.

What is watched is all C code but the heap and the functions that are compiled anew, which are the kernel's own objects;
tests/twin/sanitizer.c is what the watched code calls.
"""

from pathlib import PurePosixPath

from bfbuild import AsmObject, CObject, c_objects, glob
from chat import VECTORS, unicode
from chat import kernels as chat_kernels
from guest_tests import apps
from jit_tests import apps as jit_apps
from jit_tests import functions, kinds, optimize, others, shapes, swap
from kernel_lib import DEBUG, freestanding, hardware_float, headers, kernel_lib
from optimizer import kernels
from toolchain import llvm
from twin import library, twin, twin_lib

# Those that need nothing but what Linux gives a program, too.
GUESTS = (
    *("arguments", "fail", "features", "format", "heap", "maths64", "profile", "strings", "timer"),
    *("panic_assertion", "panic_divide", "panic_double_free", "panic_opcode", "panic_trace"),
)
by_name: dict[str, CObject] = {PurePosixPath(str(app.source)).stem: app for app in apps}
for name in GUESTS:
    twin(f"guest/{name}", (by_name[name], twin_lib))
twin("jit/optimize", (optimize, functions, twin_lib))
twin("jit/swap", (swap, functions, twin_lib))
twin("jit/faults", (jit_apps["faults"], twin_lib))

UNWATCHED = ("memory/heap.c", "version.c")  # nor is what holds nothing but the version
WATCHED = (
    "--target=i686-linux-gnu",  # the last one counts: clang knows the sanitizer for Linux alone
    *("-fsanitize=kernel-address,undefined", "-Xclang", "-fsanitize-address-use-after-scope"),
    *("-fno-sanitize=function", "-fno-sanitize-recover=all"),
    *("-mllvm", "-asan-instrumentation-with-call-threshold=0", "-mllvm", "-asan-stack=1", "-mllvm", "-asan-globals=1"),
)
WRAPPED = ("malloc", "calloc", "realloc", "free", "heap_add", "memcpy", "memmove", "memset")
watched_flags = (*freestanding, *DEBUG, *WATCHED)


def watched(pattern: str, flags: tuple[str, ...] = watched_flags) -> tuple[CObject, ...]:
    """Declare the objects of sources, watched."""
    return c_objects(
        pattern,
        toolchain=llvm,
        flags=flags,
        includes=("src/kernel_lib", "src/twin", "src/app/optimizer", "src/app/chat", "tests/guest"),
        headers=(*headers, *glob("src/app/*/*.h"), *glob("tests/**/*.h"), "src/twin/linux.h", unicode),
        exclude=tuple(f"src/kernel_lib/{each}" for each in UNWATCHED),
        prefix="watched",
    )


def watched_twin(name: str, app: CObject, *rest: CObject) -> None:
    """Declare `watched/NAME.twin`."""
    twin(f"watched/{name}", (app, *rest, sanitizer, watched_lib), *(f"--wrap={each}" for each in WRAPPED))


(sanitizer,) = c_objects(
    "tests/twin/sanitizer.c",
    toolchain=llvm,
    flags=freestanding,
    includes=("src/kernel_lib", "src/twin"),
    headers=(*headers, "src/twin/linux.h"),
)
unwatched = [
    each
    for each in kernel_lib.members
    if isinstance(each, AsmObject) or (isinstance(each, CObject) and str(each.source).endswith(UNWATCHED))
]
watched_lib = library("watched/", (*watched("src/kernel_lib/**/*.c"), *unwatched), watched_flags)

watched_twin("optimizer", *watched("src/app/optimizer/optimizer.c"), kernels)
watched_twin("jit/optimize", *watched("tests/jit/optimize.c"), functions)
watched_twin("jit/swap", *watched("tests/jit/swap.c"), functions)
watched_twin("jit/specialise", *watched("tests/jit/specialise.c"), shapes)
watched_twin("jit/kinds", *watched("tests/jit/all_kinds.c"), kinds, others)
watched_twin("jit/faults", *watched("tests/jit/faults.c"))
watched_twin("measuring", *watched("tests/twin/measuring.c"))
watched_twin("faulty", *watched("tests/twin/faulty.c"))
watched_twin("hostile", *watched("tests/twin/hostile.c"), kernels)

# The hostile one's products are watched too; the chat program's are the kernel's, so that it compiles them anew.
chat_parts = {
    PurePosixPath(str(each.source)).stem: each
    for each in watched("src/app/chat/*.c", (*hardware_float, *VECTORS, *DEBUG, *WATCHED))
}
talking = [each for name, each in chat_parts.items() if name != "kernels"]
watched_twin("chat", *talking, chat_kernels)
loading = [each for name, each in chat_parts.items() if name not in ("chat", "measure", "talk")]
watched_twin("hostile_model", *watched("tests/twin/hostile_model.c"), *loading)
