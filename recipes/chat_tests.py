"""The chat program's parts as programs of this machine: `chat/watched` with sanitizers, `chat/quick` without."""

from bfbuild import CObject, Link, c_objects, glob
from chat import VECTORS, unicode
from native_tests import FLAGS, SANITIZED
from toolchain import native

PARTS = (
    *("checksum", "kernels", "model", "past", "product", "rounding", "sampler", "splitter", "tokenizer"),
    "transformer",
)
SOURCES = ("tests/native/chat_tool.c", *(f"src/app/chat/{part}.c" for part in PARTS))
QUICK = tuple(flag for flag in FLAGS if flag not in (*SANITIZED, "-O1"))


def program(name: str, compiling: tuple[str, ...], linking: tuple[str, ...]) -> Link:
    """Declare one build of them all."""
    objects: tuple[CObject, ...] = tuple(
        each
        for source in SOURCES
        for each in c_objects(
            source,
            toolchain=native,
            flags=(*compiling, *VECTORS),
            includes=("src/kernel_lib", "src/app/chat"),
            headers=(*glob("src/kernel_lib/**/*.h"), *glob("src/app/chat/*.h"), unicode),
            prefix=name,
        )
    )
    return Link(name=name, driver="cc", toolchain=native, flags=(*linking, "-lm"), inputs=objects)


program("chat/watched", FLAGS, SANITIZED)
program("chat/quick", (*QUICK, "-O2"), ())
