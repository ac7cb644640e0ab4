"""What each kind of recipe asks to be run: the command line, the inputs and the outputs, and nothing of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.action.action import InputFile, Request
from bfbuild.action.kinds import KINDS
from bfbuild.digest import digest_bytes
from bfbuild.disk import spec
from bfbuild.errors import LayoutError, ModelError, RecipeError
from bfbuild.recipe import model
from bfbuild.recipe.graph import File, Graph, Output, connect
from bfbuild.recipe.model import (
    Archive,
    AsmObject,
    CObject,
    Command,
    Fetch,
    Image,
    In,
    Layout,
    Link,
    Model,
    Out,
    Partition,
    RawBinary,
    Recipe,
    Region,
    Run,
    Toolchain,
    Wheel,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bfbuild.action.scan import Directives, Include

llvm = Toolchain(name="llvm", packages=("clang-19",), path=("/opt/bin",))
layout = Layout(
    name="layout",
    toolchain=llvm,
    size=4 << 20,
    regions=(Region(name="BOOT", lba=0, sectors=1),),
    partitions=(Partition(name="DATA", lba=64, sectors=8000),),
    constants={"ANSWER": 42},
)
SOURCES = {
    "src/a.c": '#include "a.h"\n#include "layout.h"\n',
    "src/a.h": "",
    "src/a.cpp": "",
    "src/unused.h": "",
    "src/boot.asm": '%include "layout.inc"\n%include "src/a.inc"\n',
    "src/a.inc": "",
    "src/k.ld": "",
    "src/memory.ld": "",
    "tool.py": "",
}


class Files:
    """A build's files in memory; what a recipe makes has its own name as content."""

    def __init__(self, *recipes: Recipe) -> None:
        self.graph: Graph = connect([llvm, *recipes], SOURCES.__contains__)
        self.root = Path("/project")
        self.data_of: dict[InputFile, bytes] = {}

    def read(self, file: File) -> bytes:
        """Return a file's content."""
        return f"// {file.name}".encode() if isinstance(file, Output) else SOURCES[file.path].encode()

    def includes(self, file: File, directives: Directives) -> Sequence[Include]:
        """Return what a file includes."""
        return tuple(directives(self.read(file)))

    def file(self, file: File) -> InputFile:
        """Return a file's digest."""
        return InputFile(digest_bytes(self.read(file)))

    def data(self, data: bytes) -> InputFile:
        """Return the digest of bytes, and remember them."""
        found = InputFile(digest_bytes(data))
        self.data_of[found] = data
        return found

    def is_source(self, path: str) -> bool:
        """Say whether the project has this file."""
        return path in SOURCES


def request(recipe: Recipe, *others: Recipe) -> Request:
    """Return what a recipe asks for."""
    return KINDS[type(recipe)](recipe, Files(recipe, *others))


def test_every_recipe_that_makes_something_has_a_kind() -> None:
    """All types but those that are no actions: toolchains, downloads, boots."""
    types = {each for each in vars(model).values() if isinstance(each, type) and issubclass(each, Recipe)}
    assert types - set(KINDS) == {Recipe, Toolchain, Fetch, Wheel, Run}


def test_a_c_object_is_compiled_with_what_it_includes() -> None:
    """The source and the headers it includes are inputs, a generated one from `build/`; an unused one is not."""
    recipe = CObject(
        name="a.o",
        source="src/a.c",
        toolchain=llvm,
        flags=("-O2", "-g"),
        includes=("src",),
        headers=("src/a.h", "src/unused.h", layout),
    )
    asked = request(recipe, layout)
    assert asked.argv == (
        *("clang", "-O2", "-g", "-ffile-compilation-dir=.", "-Isrc", "-Ibuild"),
        *("-c", "src/a.c", "-o", "out/a.o"),
    )
    assert sorted(asked.inputs) == ["build/layout.h", "src/a.c", "src/a.h"]
    assert (asked.outputs, asked.path, asked.kind, asked.label) == (("a.o",), ("/opt/bin",), "c", "a.o")


def test_an_assembler_object_is_assembled_with_what_it_includes() -> None:
    """Folders end in a slash for nasm, and its current folder counts: a path of the project can be included."""
    recipe = AsmObject(
        name="boot.bin", source="src/boot.asm", toolchain=llvm, format="bin", headers=("src/a.inc", layout)
    )
    asked = request(recipe, layout)
    assert asked.argv == ("nasm", "-f", "bin", "--reproducible", "-Ibuild/", "src/boot.asm", "-o", "out/boot.bin")
    assert sorted(asked.inputs) == ["build/layout.inc", "src/a.inc", "src/boot.asm"]


def test_an_undeclared_header_is_refused_before_anything_runs() -> None:
    """A header of the project that the recipe does not declare is an error at the include's line."""
    with pytest.raises(RecipeError, match="does not declare") as problem:
        request(CObject(name="a.o", source="src/a.c", toolchain=llvm, includes=("src",)))
    assert str(problem.value.location) == "/project/src/a.c:1"


def test_members_and_objects_keep_their_order() -> None:
    """Archives and links depend on order, so it is the declaration's."""
    z, a = (AsmObject(name=f"{name}.o", source="src/boot.asm", toolchain=llvm) for name in "za")
    archive = Archive(name="x.a", toolchain=llvm, members=(z, a))
    assert request(archive, z, a).argv == ("llvm-ar", "rcsD", "out/x.a", "build/z.o", "build/a.o")
    link = Link(
        name="k.elf",
        toolchain=llvm,
        inputs=(z, archive, a),
        script="src/k.ld",
        script_includes=("src/memory.ld",),
        flags=("-m", "elf_i386"),
        symbols={"ROOM": 4096, "BASE": 65536},
    )
    asked = request(link, archive, z, a)
    assert asked.argv == (
        *("ld.lld", "--script=src/k.ld", "--defsym=BASE=0x10000", "--defsym=ROOM=0x1000", "-m", "elf_i386"),
        *("build/z.o", "build/x.a", "build/a.o", "-o", "out/k.elf"),
    )
    assert sorted(asked.inputs) == ["build/a.o", "build/x.a", "build/z.o", "src/k.ld", "src/memory.ld"]
    assert asked.hint is not None
    assert "will not fit" in asked.hint


def test_a_link_tells_what_lies_where_if_it_is_asked() -> None:
    """With map=True there is a second output beside the program, made by the linker itself."""
    asked = request(Link(name="k.elf", toolchain=llvm, inputs=("tool.py",), map=True))
    assert asked.argv == ("ld.lld", "-Map=out/k.map", "tool.py", "-o", "out/k.elf")
    assert asked.outputs == ("k.elf", "k.map")
    asked = request(Link(name="tool", toolchain=llvm, inputs=("tool.py",), driver="cc", map=True))
    assert (asked.argv[2], asked.outputs) == ("-Wl,-Map=out/tool.map", ("tool", "tool.map"))


def test_a_program_for_the_building_machine_is_linked_by_the_compiler() -> None:
    """With driver="cc" the linker's own options are handed through."""
    asked = request(
        Link(name="tool", toolchain=llvm, inputs=("tool.py",), driver="cc", symbols={"A": 1}, flags=("-static",))
    )
    assert asked.argv == ("clang", "-fuse-ld=lld", "-Wl,--defsym=A=0x1", "-static", "tool.py", "-o", "out/tool")
    assert asked.hint is None


def test_a_source_in_cxx_is_compiled_and_linked_by_its_compiler() -> None:
    """A name that ends like C++ goes to clang++, and with driver="cxx" that links with the libraries of C++."""
    compiled = request(CObject(name="a.o", source="src/a.cpp", toolchain=llvm))
    assert compiled.argv[0] == "clang++"
    linked = request(Link(name="tool", toolchain=llvm, inputs=("tool.py",), driver="cxx"))
    assert linked.argv == ("clang++", "-fuse-ld=lld", "tool.py", "-o", "out/tool")


def test_a_raw_binary_is_copied_out() -> None:
    """The bytes of an ELF program, by objcopy."""
    elf = Link(name="k.elf", toolchain=llvm, inputs=("tool.py",))
    asked = request(RawBinary(name="k.raw", elf=elf, toolchain=llvm, flags=("-j", ".text")), elf)
    assert asked.argv == ("llvm-objcopy", "-O", "binary", "-j", ".text", "build/k.elf", "out/k.raw")
    assert list(asked.inputs) == ["build/k.elf"]


def test_a_command_sees_paths_where_recipes_stand() -> None:
    """In, Out and a tool that a recipe made become paths; other words stay; extra inputs and variables are there."""
    tool = Link(name="tool", toolchain=llvm, inputs=("tool.py",), driver="cc")
    recipe = Command(
        name="made",
        tool=tool,
        toolchain=llvm,
        args=("--in", In(tool), In("src/a.h"), "src/a.c", Out("b.txt")),
        inputs=("src/a.inc",),
        stdout="said.txt",
        env={"MODE": "1"},
    )
    asked = request(recipe, tool)
    assert asked.argv == ("./build/tool", "--in", "build/tool", "src/a.h", "src/a.c", "out/b.txt")
    assert sorted(asked.inputs) == ["build/tool", "src/a.h", "src/a.inc"]
    assert (asked.outputs, asked.stdout, asked.env) == (("b.txt",), "said.txt", {"MODE": "1"})


def disk(recipe: Layout | Image, *others: Recipe) -> tuple[Request, spec.Spec]:
    """Return what a disk's recipe asks for, and the spec in it, read by the writer's own reader."""
    files = Files(recipe, *others)
    asked = KINDS[type(recipe)](recipe, files)
    return asked, spec.parse(files.data_of[asked.inputs["bfbuild-disk/spec"]].decode())


def test_a_layout_is_written_by_our_writer_as_a_declared_input() -> None:
    """The writer's sources are inputs, run by the toolchain's Python without the host's packages."""
    asked, wanted = disk(layout)
    assert asked.argv == (
        *("python3", "-S", "-m", "disk", "header"),
        *("bfbuild-disk/spec", "out/layout.h", "out/layout.inc"),
    )
    assert "bfbuild-disk/disk/fat16/writer.py" in asked.inputs
    assert not [place for place in asked.inputs if not place.startswith("bfbuild-disk/")]
    assert asked.env == {"PYTHONPATH": "bfbuild-disk", "PYTHONHASHSEED": "0"}
    assert (wanted.layout.size, wanted.layout.constants) == (4 << 20, {"ANSWER": 42})


def test_an_image_asks_for_its_content_by_path() -> None:
    """Regions and files are named by where they lie in the action; a constant of the layout makes no other disk."""
    boot = AsmObject(name="boot.bin", source="src/boot.asm", toolchain=llvm)
    image = Image(
        name="k.img", layout=layout, content={"BOOT": boot}, files={"DATA": {"A/B.H": "src/a.h", "BOOT.BIN": boot}}
    )
    asked, wanted = disk(image, layout, boot)
    assert asked.argv[-3:] == ("image", "bfbuild-disk/spec", "out/k.img")
    assert wanted.content == {"BOOT": "build/boot.bin"}
    assert wanted.files == {"DATA": {"A/B.H": "src/a.h", "BOOT.BIN": "build/boot.bin"}}
    assert wanted.layout.constants == {}
    assert {"build/boot.bin", "src/a.h"} <= set(asked.inputs)


def test_what_the_writer_complains_of_is_told_at_the_users_line() -> None:
    """The writer's headline and facts, at the line of the place it names; anything else it says is not ours."""
    image = Image(
        name="k.img",
        layout=layout,
        content={
            "BOOT": "src/a.h",
        },
    )
    asked, _ = disk(image, layout)
    assert asked.explain is not None
    error = asked.explain(
        "error: content is larger than its place\n  place        BOOT, 1 sectors\n  too large by  3\n"
    )
    assert isinstance(error, LayoutError)
    assert error.headline == "content is larger than its place"
    assert error.facts == [("recipe", "k.img (Image)"), ("place", "BOOT, 1 sectors"), ("too large by", "3")]
    assert error.location is not None
    assert Path(__file__).read_text().splitlines()[error.location.line - 1].strip() == '"BOOT": "src/a.h",'
    assert asked.explain("Traceback (most recent call last):\n  ...\n") is None
    assert asked.explain("") is None


def test_a_model_is_converted_by_our_converter_as_a_declared_input() -> None:
    """The converter's sources are inputs, and the model's files, in the order of the script's arguments."""
    weights, tokenizer = (AsmObject(name=name, source="src/boot.asm", toolchain=llvm) for name in ("w.bin", "t.bin"))
    recipe = Model(name="model.bin", weights=weights, tokenizer=tokenizer, toolchain=llvm)
    asked = request(recipe, weights, tokenizer)
    assert asked.argv == ("python3", "-S", "-m", "weights", "build/w.bin", "build/t.bin", "out/model.bin")
    assert {"bfbuild-weights/weights/gguf.py", "build/w.bin", "build/t.bin"} <= set(asked.inputs)
    assert asked.explain is not None
    assert isinstance(asked.explain("error: a model file ends too early\n  file  w.bin\n"), ModelError)
