"""Makes a project of N C files three times over: for bfbuild, as a build.ninja, and as a plain dodo.py.

    .venv/bin/python benchmarks/generate.py FOLDER N

The files are those of a middling C project: a hundred to a module, each of three functions with loops and branches,
each including two headers of the project; a module becomes an archive, the archives a program. All three builds run the
same commands on the same files, so what differs is the build system. Equal N gives equal bytes.

The peers' commands run the compiler that the lock names, without a sandbox, from `tools` (a folder of programs).
"""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
MODULE = 100  # files
FUNCTIONS = 3  # in a file
FLAGS = "--target=i686-unknown-none-elf -m32 -O2 -std=c17 -ffreestanding -nostdlibinc -Wall -Isrc"

COMMON_H = """\
/* What every file of the project includes. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

static inline u32 rotate(u32 value, u32 by)
{
    by &= 31;
    return by ? (value << by) | (value >> (32 - by)) : value;
}

static inline u32 mix(u32 a, u32 b)
{
    a ^= rotate(b, 7);
    a *= 0x9e3779b1u;
    return a ^ (a >> 15);
}
"""

FUNCTION = """\
{linkage}u32 {name}(u32 *data, u32 count)
{{
    u32 sum = {seed}u;
    for (u32 i = 0; i < count; i++) {{
        u32 value = data[i];
        if (value & {mask}u)
            sum = mix(sum, value + {add}u);
        else
            sum += rotate(value, i + {turn}u);
        for (u32 j = 0; j < {inner}u; j++)
            sum ^= (sum >> {shift}) + j * data[(i + j) % count];
        data[i] = sum;
    }}
    return sum{call};
}}
"""

RECIPES = """\
from bfbuild import Archive, Image, Layout, Link, RawBinary, Region, Toolchain, c_objects, glob

llvm = Toolchain(
    name="llvm",
    packages=("clang-19", "lld-19", "llvm-19", "nasm", "python3-minimal"),
    path=("/usr/lib/llvm-19/bin", "/usr/bin"),
)
FLAGS = tuple({flags!r}.split())
modules = [
    Archive(
        name=f"{{module}}.a",
        toolchain=llvm,
        members=c_objects(
            f"src/{{module}}/*.c",
            toolchain=llvm,
            flags=FLAGS,
            includes=("src",),
            headers=("src/common.h", *glob(f"src/{{module}}/*.h")),
        ),
    )
    for module in {modules!r}
]
elf = Link(name="app.elf", toolchain=llvm, inputs=tuple(modules), flags=tuple({link!r}.split()))
raw = RawBinary(name="app.bin", elf=elf, toolchain=llvm)
layout = Layout(
    name="layout",
    toolchain=llvm,
    size={sectors} * 512,
    regions=(Region(name="APP", lba=1, sectors={sectors} - 1),),
)
image = Image(name="app.img", layout=layout, content={{"APP": raw}})
"""
LINK = "-m elf_i386 --whole-archive -e main_000000 -Ttext=0x100000"

BFBUILD_DODO = """\
from pathlib import Path

from bfbuild.commands.tasks import DOIT, project_tasks

DOIT_CONFIG = DOIT


def task_project():
    yield from project_tasks(Path(__file__).parent)
"""

PLAIN_DODO = """\
import os
from pathlib import Path

TOOLS = os.environ["TOOLS"]
FLAGS = {flags!r}
MODULES = {modules!r}
DOIT_CONFIG = {{"default_tasks": ["link"], "verbosity": 0}}


def task_compile():
    for module in MODULES:
        for source in sorted(Path("src", module).glob("*.c")):
            target = Path(f"doit/{{source}}.o")
            compile = f"{{TOOLS}}/clang {{FLAGS}} -c {{source}} -o {{target}}"
            yield {{
                "name": str(source),
                "file_dep": [str(source), "src/common.h", f"src/{{module}}/module.h"],
                "targets": [str(target)],
                "actions": [f"mkdir -p {{target.parent}} && {{compile}}"],
            }}


def task_archive():
    for module in MODULES:
        objects = [f"doit/{{source}}.o" for source in sorted(Path("src", module).glob("*.c"))]
        target = f"doit/{{module}}.a"
        words = " ".join(objects)
        yield {{
            "name": module,
            "file_dep": objects,
            "targets": [target],
            "actions": [f"rm -f {{target}} && {{TOOLS}}/llvm-ar rcsD {{target}} {{words}}"],
        }}


def task_link():
    archives = [f"doit/{{module}}.a" for module in MODULES]
    return {{
        "file_dep": archives,
        "targets": ["doit/app.elf"],
        "actions": [f"{{TOOLS}}/ld.lld {link} {{' '.join(archives)}} -o doit/app.elf"],
    }}
"""

NINJA_RULES = """\
tools = {tools}
launcher =
flags = {flags}
rule cc
  command = $launcher $tools/clang $flags -MD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
rule ar
  command = rm -f $out && $tools/llvm-ar rcsD $out $in
rule ld
  command = $tools/ld.lld {link} $in -o $out
"""


def generate(folder: Path, files: int, tools: Path) -> None:
    """Write the project of `files` C files, and its two peers, which call the programs in `tools`."""
    modules = [f"m{number:04}" for number in range((files + MODULE - 1) // MODULE)]
    dice = random.Random(files)
    source = folder / "src"
    source.mkdir(parents=True)
    (source / "common.h").write_text(COMMON_H)
    objects: dict[str, list[str]] = {module: [] for module in modules}
    for number in range(files):
        module = modules[number // MODULE]
        (source / module).mkdir(exist_ok=True)
        (source / module / f"f{number:06}.c").write_text(_c_file(module, number, dice))
        objects[module].append(f"src/{module}/f{number:06}.c")
    for module, paths in objects.items():
        names = [f"main_{Path(path).stem[1:]}" for path in paths]
        head = '#pragma once\n#include "common.h"\n'
        (source / module / "module.h").write_text(head + "".join(f"u32 {name}(u32 *, u32);\n" for name in names))
    sectors = 4096 + files * 16
    (folder / "recipes").mkdir()
    recipes = RECIPES.format(flags=FLAGS, link=LINK, modules=modules, sectors=sectors)
    (folder / "recipes" / "project.py").write_text(recipes)
    (folder / "dodo.py").write_text(BFBUILD_DODO)
    (folder / "plain_dodo.py").write_text(PLAIN_DODO.format(flags=FLAGS, link=LINK, modules=modules))
    (folder / "bareflow.toml").write_text('[project]\nname = "generated"\n')
    shutil.copy(REPOSITORY / "bareflow.lock", folder)
    (folder / "build.ninja").write_text(_ninja(objects, tools))


def _c_file(module: str, number: int, dice: random.Random) -> str:
    functions = []
    for index in range(FUNCTIONS):
        last = index == FUNCTIONS - 1
        functions.append(
            FUNCTION.format(
                linkage="" if last else "static ",
                name=f"main_{number:06}" if last else f"part_{index}",
                seed=dice.getrandbits(32),
                mask=1 << dice.randrange(32),
                add=dice.getrandbits(16),
                turn=dice.randrange(31),
                inner=dice.randrange(2, 9),
                shift=dice.randrange(1, 31),
                call=f" + part_{index - 1}(data, count)" if index else "",
            )
        )
    return f'/* File {number} of the project. */\n#include "{module}/module.h"\n\n' + "\n".join(functions)


def _ninja(objects: dict[str, list[str]], tools: Path) -> str:
    lines = [NINJA_RULES.format(tools=tools, flags=FLAGS, link=LINK)]
    for module, sources in objects.items():
        lines += [f"build ninja/{path}.o: cc {path}" for path in sources]
        lines.append(f"build ninja/{module}.a: ar {' '.join(f'ninja/{path}.o' for path in sources)}")
    lines.append(f"build ninja/app.elf: ld {' '.join(f'ninja/{module}.a' for module in objects)}")
    return "\n".join([*lines, "default ninja/app.elf"]) + "\n"


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3] if len(sys.argv) > 3 else "/usr/bin"))
