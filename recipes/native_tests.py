"""Programs that test rooms of the library on the building machine, where sanitizers watch: the heap, FAT16, arithmetic.

`native/NAME` is `tests/native/NAME.c` with the room it tests.
"""

from bfbuild import CObject, Link, c_objects, glob
from toolchain import native

SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
FLAGS = (*SANITIZED, "-std=gnu17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wshadow")
# Our own malloc and memcpy, under names that leave those of the building machine's libc alone.
RENAMED = ("-DBF_DEBUG", "-fno-builtin", "-include", "tests/native/rename.h")

headers = glob("src/kernel_lib/**/*.h") + glob("tests/native/*.h")


def objects(*sources: str, flags: tuple[str, ...] = ()) -> tuple[CObject, ...]:
    """Declare the objects of all sources that match, for the building machine."""
    return tuple(
        each
        for pattern in sources
        for each in c_objects(
            pattern,
            toolchain=native,
            flags=(*FLAGS, *flags),
            includes=("src/kernel_lib", "tests/native"),
            headers=headers,
            prefix="native",
        )
    )


def program(name: str, room: tuple[CObject, ...], flags: tuple[str, ...] = ()) -> Link:
    """Declare `native/NAME`."""
    own = objects(f"tests/native/{name}.c", flags=flags)
    return Link(name=f"native/{name}", driver="cc", toolchain=native, flags=SANITIZED, inputs=(*own, *room))


fat16 = objects("tests/native/ram_disk.c", "src/kernel_lib/fs/fat16*.c")
for user in ("fat16_tool", "fat16_model", "fat16_powercut", "fat16_hostile"):
    program(user, fat16)

strings = objects("src/kernel_lib/memory/string.c", flags=RENAMED)
heap = objects("src/kernel_lib/memory/heap.c", "src/kernel_lib/memory/heap_fault.c", flags=RENAMED)
program("string_check", strings, RENAMED)
program("heap_stress", heap + strings, RENAMED)

program("compiler_rt_check", objects("src/kernel_lib/memory/compiler_rt.c"))
program("soft_float_check", objects("src/kernel_lib/memory/soft_float.c"))
jit = {name: objects(f"src/kernel_lib/jit/{name}*.c") for name in ("artifact", "object", "request", "sha256")}
program("sha256_check", jit["sha256"])
found_features = objects("src/kernel_lib/cpu/features.c")
program("artifact_check", (*fat16, *jit["artifact"], *jit["request"], *jit["sha256"], *found_features))
program("object_hostile", jit["object"])
program("faulty", ())

# No sanitizer here: a library that the tests load into their own Python (LD_PRELOAD), to see what it does to the disk.
witness = c_objects(
    "tests/native/disk_witness.c",
    toolchain=native,
    flags=("-std=gnu17", "-O2", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wshadow"),
    prefix="native",
)
Link(name="native/disk_witness.so", driver="cc", toolchain=native, flags=("-shared",), inputs=witness)
