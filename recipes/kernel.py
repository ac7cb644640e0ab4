"""From an app's objects to a disk that boots it: link twice, take the raw bytes, seal them, lay out the disk."""

from bfbuild import Archive, Command, Image, In, Layout, Link, Out, RawBinary, Recipe
from boot import stage1, stage2
from compiler import COMPILER
from kernel_lib import kernel_lib
from layout import layout, wide
from toolchain import llvm

KERNEL_SCRIPT = "src/boot/kernel.ld"
ENTRY = layout["KERNEL_ADDRESS"] + layout["KERNEL_HEADER_SIZE"]


def kernel(
    name: str,
    app: tuple[Recipe, ...],
    *,
    library: Archive = kernel_lib,
    files: dict[str, Recipe | str] | None = None,
    disk: Layout | None = None,
    default: bool = True,
) -> tuple[Link, Image]:
    """Declare the kernel `NAME.elf` of an app and its disk `NAME.img`."""
    elf = named(name, f"{name}.elf", (*app, library))
    raw = RawBinary(name=f"{name}/kernel.raw", elf=elf, toolchain=llvm)
    sealed = _script(f"{name}/kernel.bin", "src/boot/seal.py", In(raw), f"{ENTRY:#x}", Out(f"{name}/kernel.bin"))
    image = Image(
        name=f"{name}.img",
        layout=disk or (wide if COMPILER in (files or {}) else layout),
        content={"STAGE1": stage1, "STAGE2": stage2, "KERNEL": sealed},
        files={"DATA": files or {}},
        default=default,
    )
    return elf, image


def warm(image: Image, made: dict[str, Recipe | str]) -> Image | None:
    """Declare `NAME-warm.img`: a kernel's disk with these files besides; nothing where there are none."""
    if not made:
        return None
    return Image(
        name=f"{image.name.removesuffix('.img')}-warm.img",
        layout=image.layout,
        content=image.content,
        files={"DATA": {**image.files["DATA"], **made}},
        default=False,
        warm=True,
    )


def named(folder: str, name: str, inputs: tuple[Recipe | str, ...], *flags: str, script: str = KERNEL_SCRIPT) -> Link:
    """Declare a program that knows the names of its functions, for a panic; what comes between lies in `folder`.

    The first link says where each function lies; the second carries their names, behind all code.
    """
    first = linked(f"{folder}/first.elf", inputs, "--gc-sections", *flags, script=script)
    names = Command(
        name=f"{folder}/names.txt",
        tool="llvm-nm",
        toolchain=llvm,
        args=("--defined-only", In(first)),
        stdout=f"{folder}/names.txt",
    )
    table = _script(f"{folder}/symbols.bin", "src/kernel_lib/cpu/symbols.py", In(names), Out(f"{folder}/symbols.bin"))
    symbols = Command(
        name=f"{folder}/symbols.o",
        tool="llvm-objcopy",
        toolchain=llvm,
        args=(
            *("-I", "binary", "-O", "elf32-i386"),
            "--rename-section=.data=.symbols,alloc,load,readonly,data,contents",
            In(table),
            Out(f"{folder}/symbols.o"),
        ),
    )
    return linked(name, (*inputs, symbols), "--gc-sections", *flags, script=script, with_map=True)


def linked(
    name: str, inputs: tuple[Recipe | str, ...], *flags: str, script: str = KERNEL_SCRIPT, with_map: bool = False
) -> Link:
    """Declare a program that lies where the loader puts a kernel."""
    return Link(
        name=name,
        inputs=inputs,
        script=script,
        toolchain=llvm,
        flags=("-m", "elf_i386", "--fatal-warnings", *flags),
        map=with_map,
    )


def _script(name: str, script: str, *arguments: str | In | Out) -> Command:
    return Command(name=name, tool=llvm.python, toolchain=llvm, args=("-S", In(script), *arguments))
