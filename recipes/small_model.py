"""The chat program with a model of 260,000 made-up weights, for what an emulator takes for one pass through it."""

from bfbuild import Command, In, Model, Out, Run
from chat import app, kernels, needs
from kernel import kernel
from toolchain import llvm, qemu

PARTS = ("chat/small/checkpoint.bin", "chat/small/tokenizer.bin")
made = Command(
    name="chat/small",
    tool=llvm.python,
    toolchain=llvm,
    args=("-S", In("tests/weights/small_checkpoint.py"), *(Out(part) for part in PARTS)),
)
model = Model(name="chat/small/model.bin", weights=PARTS[0], tokenizer=PARTS[1], toolchain=llvm)
elf, image = kernel("chat-small", (*app, kernels), files={"MODEL.BIN": model, **needs}, default=False)
Run(name="chat-small", image=image, elf=elf, toolchain=qemu, cpu="max")
