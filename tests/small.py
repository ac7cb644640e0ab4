"""A small project to build in tests: one of each kind of recipe, in a folder of its own, with a store of its own.

Its toolchains are the repository's: the same lock, and the roots that the repository's cache has unpacked. So what a
test pays for is what it asks about. Its guest is a boot sector that says a line and what a bench wants to hear, and
leaves.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bfbuild.commands.project import Project
from bfbuild.digest import ActionDigest, Digest
from bfbuild.protos.remote_execution_pb2 import Action
from bfbuild.recipe.model import SANDBOX, Recipe, Toolchain
from bfbuild.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bfbuild.protos.remote_execution_pb2 import ActionResult
    from bfbuild.store.trace import Trace

DODO = """\
from pathlib import Path

from bfbuild.commands.tasks import DOIT, project_tasks

DOIT_CONFIG = DOIT


def task_project():
    yield from project_tasks(Path(__file__).parent)
"""

RECIPES = """\
from toolchain import llvm, qemu

from bfbuild import Archive, AsmObject, Command, Image, In, Layout, Link, Out, Partition, RawBinary, Region, Run
from bfbuild import c_objects, glob

FLAGS = ("--target=i686-unknown-none-elf", "-O2", "-ffreestanding", "-nostdlibinc", "-Wall")

layout = Layout(
    name="layout",
    toolchain=llvm,
    size="3 MiB",
    regions=(Region(name="BOOT", lba=0, sectors=1), Region(name="KERNEL", lba=1, sectors=8)),
    partitions=(Partition(name="DATA", lba=64, sectors=6_000, label="SMALL"),),
    constants={"ANSWER": 42},
)
boot = AsmObject(
    name="boot.bin",
    source="src/boot.asm",
    toolchain=llvm,
    format="bin",
    headers=(layout,),
)
library = Archive(
    name="library.a",
    toolchain=llvm,
    members=c_objects("src/library/*.c", toolchain=llvm, flags=FLAGS, headers=glob("src/*.h"), includes=("src",)),
)
objects = c_objects("src/*.c", toolchain=llvm, flags=FLAGS, headers=(*glob("src/*.h"), layout), includes=("src",))
kernel = Link(
    name="kernel.elf",
    toolchain=llvm,
    inputs=(*objects, library),
    script="src/kernel.ld",
    flags=("-m", "elf_i386"),
    symbols={"ROOM": layout["KERNEL_SECTORS"] * 512},
)
raw = RawBinary(name="kernel.raw", elf=kernel, toolchain=llvm)
greeting = Command(
    name="greeting.txt",
    tool=llvm.python,
    toolchain=llvm,
    args=("-S", In("src/shout.py"), In("src/words.txt"), Out("greeting.txt")),
)
image = Image(
    name="small.img",
    layout=layout,
    content={"BOOT": boot, "KERNEL": raw},
    files={"DATA": {"GREETING.TXT": greeting}},
)
demo = Run(name="demo", image=image, elf=kernel, toolchain=qemu, silence=30)
"""

BOOT = """\
; Says hello, says what a bench wants to hear, and leaves with success. It counts its own cycles.
%include "layout.inc"
bits 16
org 0x7C00
        cli                     ; the firmware's clock must not be counted
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7C00
        cld
        rdtsc
        mov ebx, eax
        mov si, hello
        call say
        rdtsc
        sub eax, ebx
        call number
        mov si, rest
        call say
        mov al, 0x10
        out 0xF4, al
stay:   hlt
        jmp stay
say:    lodsb                   ; what SI points to, up to a zero
        test al, al
        jz .end
        call put
        jmp say
.end:   ret
number: mov ecx, 10             ; EAX in decimal
        xor edx, edx
        div ecx
        push dx
        test eax, eax
        jz .last
        call number
.last:  pop ax
        add al, '0'
put:    mov dx, 0x3F8
        out dx, al
        ret
hello:  db "hello from the small guest", 10, "@bf ready init_cycles=", 0
rest:   db 10, "@bf overhead cycles=", '0' + BF_ANSWER % 10, 10, 0
        times 510 - ($ - $$) db 0
        dw 0xAA55
"""

SCRIPT = """\
ENTRY(start)
SECTIONS {
    . = 0x10000;
    .text : { *(.text*) *(.rodata*) }
    .data : { *(.data*) *(.bss*) }
    ASSERT(. - 0x10000 <= ROOM, "the kernel will not fit in region KERNEL")
    /DISCARD/ : { *(.comment) *(.note*) }
}
"""

SOURCES = {
    "bareflow.toml": '[project]\nname = "small"\n',
    "dodo.py": DODO,
    "recipes/small.py": RECIPES,
    "src/boot.asm": BOOT,
    "src/kernel.ld": SCRIPT,
    "src/kernel.h": "/* What the kernel is made of. */\nint twice(int number);\nint thrice(int number);\n",
    "src/start.c": '#include "kernel.h"\n#include "layout.h"\nint start(void) { return twice(BF_ANSWER); }\n',
    "src/other.c": "int other = 3;\n",
    "src/library/twice.c": '#include "kernel.h"\nint twice(int number) { return 2 * number; }\n',
    "src/library/thrice.c": '#include "kernel.h"\nint thrice(int number) { return 3 * number; }\n',
    "src/shout.py": "import sys\nfrom pathlib import Path\n"
    "Path(sys.argv[2]).write_text(Path(sys.argv[1]).read_text().upper())\n",
    "src/words.txt": "hello\n",
}
SHARED = ("bareflow.lock", "recipes/toolchain.py")  # the repository's own

# What every build of it runs: everything but the toolchains and the boot.
ACTIONS = (
    "layout",
    "boot.bin",
    "src/library/thrice.c.o",
    "src/library/twice.c.o",
    "library.a",
    "src/other.c.o",
    "src/start.c.o",
    "kernel.elf",
    "kernel.raw",
    "greeting.txt",
    "small.img",
)


class Finished(NamedTuple):
    """A command that ended."""

    code: int
    out: str
    err: str


class Roots(NamedTuple):
    """Unpacked toolchains to lend: their recorded results, what describes them and the roots, and where these lie."""

    results: Mapping[ActionDigest, ActionResult]
    content: Mapping[Digest, bytes]
    trees: Mapping[Digest, Path]

    @classmethod
    def of(cls, project: Project, names: Iterable[str]) -> Roots:
        """Return the roots of a project's toolchains, after seeing to it that they are unpacked."""
        recipes = [recipe for name in names if isinstance(recipe := project.graph.find(name), Toolchain)]
        trees = {
            project.toolchains.plan(recipe).digest: project.toolchains.ensure(recipe) for recipe in [*recipes, SANDBOX]
        }
        results: dict[ActionDigest, ActionResult] = {}
        for key in (ActionDigest(each, 0) for each in project.store.results.hashes()):
            result = project.store.results.get(key)
            if result is not None and any(
                Digest.of_message(folder.root_directory_digest) in trees for folder in result.output_directories
            ):
                results[key] = result
        content = set(trees)
        for recipe in recipes:
            unpacking = project.toolchains.unpacked_by(project.toolchains.plan(recipe).digest)
            assert unpacking is not None
            action = Action.FromString(project.store.cas.get_bytes(unpacking.description))
            content |= {
                unpacking.description,
                *map(Digest.of_message, (action.command_digest, action.input_root_digest)),
            }
        return cls(results, {each: project.store.cas.get_bytes(each) for each in content}, trees)

    def lend(self, store: Store) -> None:
        """Make a store know the roots; the folders themselves stay where they are."""
        for data in self.content.values():
            store.cas.put_bytes(data)
        for key, result in self.results.items():
            store.results.put(key, result)
        for digest, path in self.trees.items():
            link = store.tree_path(digest)
            if not link.is_symlink():
                link.symlink_to(path)


@dataclass(frozen=True)
class Small:
    """One copy of the project. `doit` runs as a user would run it, `open` gives the same by its API."""

    root: Path
    cache: Path

    @classmethod
    def make(cls, root: Path, repository: Path, roots: Roots, cache: Path | None = None) -> Small:
        """Write the project to `root`; its store is `cache`, or a new one."""
        for path, text in SOURCES.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        for path in SHARED:
            shutil.copy(repository / path, root / path)
        small = cls(root, cache or root / "cache")
        roots.lend(small.store)
        return small

    def copy(self, root: Path, repository: Path, roots: Roots) -> Small:
        """Return the same project elsewhere, with a copy of the store: what happens to one is not seen in the other."""
        small = Small.make(root, repository, roots)
        for path in SOURCES:
            shutil.copy(self.root / path, root / path)
        for name in ("cas", "ac", "trace"):
            shutil.copytree(self.cache / name, small.cache / name, dirs_exist_ok=True, copy_function=_copy_missing)
        return small

    @property
    def store(self) -> Store:
        """Its store, opened."""
        return Store(self.cache)

    def open(self) -> Project:
        """Return the project as the commands see it, with its own store whatever this process was told."""
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("BAREFLOW_")]:
                patch.delenv(name)
            patch.setenv("BAREFLOW_CACHE", str(self.cache))
            return Project(self.root)

    def build(self, *names: str, **options: bool | int) -> Project:
        """Build by the API, by default the image; return the project with its steps."""
        project = self.open()
        targets: Sequence[Recipe] = [project.graph.find(name) for name in names or ("small.img",)]
        project.build(targets, **options)  # type: ignore[arg-type]
        return project

    def write(self, path: str, text: str) -> None:
        """Write a file, and the folders above it."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a piece of a file, which MUST be there once."""
        text = (self.root / path).read_text()
        assert text.count(old) == 1, f"{path} has {old!r} {text.count(old)} times"
        (self.root / path).write_text(text.replace(old, new))

    def traces(self) -> list[Trace]:
        """Return every execution that the store knows, oldest first."""
        return list(self.store.traces.recent())[::-1]

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a command sees: a user's environment without their choices."""
        base = {name: value for name, value in os.environ.items() if not name.startswith("BAREFLOW_")}
        for name in ("SOURCE_DATE_EPOCH", "NO_COLOR", "CI", "PYTHONUNBUFFERED"):
            base.pop(name, None)
        return {**base, "BAREFLOW_CACHE": str(self.cache), **more}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start doit and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "doit", *arguments],
            cwd=self.root,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def doit(self, *arguments: str, **environment: str) -> Finished:
        """Run doit to its end."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=120)
        return Finished(process.returncode, out, err)


def _copy_missing(source: str, target: str) -> None:
    """Copy a file of a store to where the other store lacks it: a store's files cannot be written again."""
    if not Path(target).exists():
        shutil.copy2(source, target)


def ran(project: Project) -> set[str]:
    """Return the names of what a build executed."""
    return {step.recipe.name for step in project.steps if step.outcome is not None}


def interrupted(process: subprocess.Popen[str], *, within: float) -> None:
    """Press Ctrl-C: the command ends by the signal in so many seconds, and tells it in a line, not a traceback."""
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert time.monotonic() - began < within
    assert err.endswith("stopped; what was finished is kept\n")
    assert "Traceback" not in err
