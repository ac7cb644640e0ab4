"""Two builds in two surroundings: what is planted in each kind of recipe is found and named, what is sound is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from bfbuild.errors import ActionError, render
from bfbuild.release import twice
from bfbuild.release.disturb import two
from tests.release.whole.conftest import IGNORED, commit
from tests.small import Roots, Small

DECLARED, MADE = "was declared otherwise the second time", "came out otherwise the second time"


class Planted(NamedTuple):
    """Something that is not deterministic: how it is declared, what the error says it did, and part of the reason."""

    recipe: str
    it: str
    reason: str


def python(name: str, program: str, *, reason: str = "-1 +1 lines") -> Planted:
    """Plant a Command that prints what this program does."""
    recipe = (
        f'Command(name="{name}", tool=llvm.python, toolchain=llvm, args=("-S", "-c", {program!r}), stdout="{name}")'
    )
    return Planted(recipe, MADE, reason)


HEAD = """
import os, random, time, uuid
from toolchain import native
from bfbuild import CObject, Fetch
"""
PLANTED: Mapping[str, Planted] = {
    # what a tool makes of the clock, of chance, of addresses, of memory, of the order in a folder
    "uuid.txt": python("uuid.txt", "print(open('/proc/sys/kernel/random/uuid').read(), end='')"),
    "today.txt": python("today.txt", "import time; print(time.strftime('%Y-%m-%d'))"),
    "uptime.txt": python("uptime.txt", "print(open('/proc/uptime').read().split('.')[0][:-4])"),
    "address.txt": python("address.txt", "print([line for line in open('/proc/self/maps') if '[stack]' in line])"),
    "order.txt": Planted(
        'Command(name="order.txt", tool=llvm.python, toolchain=llvm, stdout="order.txt", args=("-S", "-c", '
        '"import os; print(os.listdir(\'src/library\'))"), inputs=("src/library/twice.c", "src/library/thrice.c"))',
        MADE,
        "-1 +1 lines",
    ),
    "padding.bin": Planted(
        'padding = Link(name="padding", driver="cc", toolchain=native,'
        ' inputs=(CObject(name="padding.o", source="src/padding.c.txt", toolchain=native, flags=("-O0", "-xc")),))\n'
        'Command(name="padding.bin", tool=padding, toolchain=native, stdout="padding.bin")',
        MADE,
        "bytes",
    ),
    "id.elf": Planted(
        'Link(name="id.elf", toolchain=llvm, inputs=("src/other.c.o",), '
        'flags=("-m", "elf_i386", "-e", "0", "--build-id=uuid"))',
        MADE,
        "section .note.gnu.build-id",
    ),
    "when.bin": Planted(
        'AsmObject(name="when.bin", source="src/when.asm", toolchain=llvm, format="bin")', MADE, "-1 +1 lines"
    ),
    # what a recipe file says of itself: a random identity, the time, a set's order, the folder, the user
    "guid.o": Planted(
        'CObject(name="guid.o", source="src/other.c", toolchain=llvm, flags=(*FLAGS, f"-DGUID={uuid.uuid4()}"))',
        DECLARED,
        "argument -DGUID=",
    ),
    "guid.bin": Planted(
        'AsmObject(name="guid.bin", source="src/boot.asm", toolchain=llvm, format="bin", headers=(layout,), '
        'flags=(f"-DGUID={uuid.uuid4().int}",))',
        DECLARED,
        "argument -DGUID=",
    ),
    "members.a": Planted(
        'Archive(name="members.a", toolchain=llvm, '
        'members=tuple({f"src/library/{name}.c.o" for name in ("twice", "thrice")} | {f"m{n}.o" for n in range(8)}))\n'
        'for n in range(8): CObject(name=f"m{n}.o", source="src/other.c", toolchain=llvm, flags=FLAGS)',
        DECLARED,
        "argument order changed",
    ),
    "gap.raw": Planted(
        "end = 0x20000 + random.randrange(1 << 16)\n"
        'RawBinary(name="gap.raw", elf=kernel, toolchain=llvm, flags=(f"--pad-to={end:#x}",))',
        DECLARED,
        "argument --pad-to=",
    ),
    "stamped": Planted(
        'Layout(name="stamped", toolchain=llvm, size="1 MiB", constants={"MADE": time.time_ns()})',
        DECLARED,
        "input ",
    ),
    "named.img": Planted(
        'Image(name="named.img", layout=layout, content={"BOOT": boot, "KERNEL": raw}, '
        'files={"DATA": {f"{uuid.uuid4().hex[:8]}.TXT": greeting}}, default=False)',
        DECLARED,
        "input ",
    ),
    "place.txt": Planted(
        'Command(name="place.txt", tool=llvm.python, toolchain=llvm, stdout="place.txt", '
        'args=("-S", "-c", "import sys; print(len(sys.argv))", os.getcwd(), os.environ["USER"]))',
        DECLARED,
        "argument ",
    ),
}
SOURCES = {
    "src/when.asm": "db __?DATE?__\n",
    "src/padding.c.txt": "#include <stdio.h>\n#include <stdlib.h>\nstruct pair { char letter; int number; };\n"
    "int main(void) {\n    struct pair *pair = malloc(sizeof *pair * 64);\n"
    "    for (int i = 0; i < 64; i++) { pair[i].letter = 'x'; pair[i].number = i; }\n"
    "    return fwrite(pair, sizeof *pair, 64, stdout) != 64;\n}\n",
    "src/dated.c": "const char *made = __DATE__ __TIME__ __TIMESTAMP__ __FILE__;\n",
}
# What could be thought not to be deterministic, and comes out the same: by SOURCE_DATE_EPOCH, or by the sandbox.
SOUND = {
    "dated.o": 'CObject(name="dated.o", source="src/dated.c", toolchain=llvm, flags=FLAGS)',
    "debug.o": 'CObject(name="debug.o", source="src/other.c", toolchain=llvm, flags=(*FLAGS, "-g"))',
    "host.txt": 'Command(name="host.txt", tool=llvm.python, toolchain=llvm, stdout="host.txt", args=("-S", "-c", '
    "\"import os; print(os.uname().nodename, os.getuid(), os.getcwd(), os.umask(0), os.environ['HOME'])\"))",
}
# What is built on something planted is no fault of its own.
FOLLOWS = {
    "after.txt": 'Command(name="after.txt", tool=llvm.python, toolchain=llvm, stdout="after.txt", '
    'args=("-S", "-c", "import sys; print(open(sys.argv[1]).read())", In("uuid.txt")))',
}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, repository: Path, small_roots: Roots) -> Small:
    """A small project with all of these recipes, committed."""
    small = Small.make(tmp_path_factory.mktemp("planted") / "small", repository, small_roots)
    recipes = [*(each.recipe for each in PLANTED.values()), *SOUND.values(), *FOLLOWS.values()]
    text = (small.root / "recipes/small.py").read_text()
    small.write("recipes/small.py", "\n".join([text, HEAD, *recipes, ""]))
    small.write(".gitignore", IGNORED)
    for path, source in SOURCES.items():
        small.write(path, source)
    commit(small.root)
    return small


@pytest.fixture(scope="module")
def faults(planted: Small, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ActionError]:
    """What two builds of it find, by recipe."""
    return {
        dict(each.facts)["recipe"]: each
        for each in found(planted, tmp_path_factory.mktemp("twice"), *PLANTED, *SOUND, *FOLLOWS, "small.img")
    }


def found(small: Small, folder: Path, *targets: str) -> list[ActionError]:
    """Build targets of a project twice, and return the differences."""
    head = commit(small.root)
    order = twice.Order(
        targets=targets,
        environment={
            "SOURCE_DATE_EPOCH": "1700000001",
            "BAREFLOW_VERSION": "1, commit 2",
            "BAREFLOW_SANDBOX": "bubblewrap",
        },
        store=small.cache,
        folder=folder,
    )
    first, second = (
        twice.build(order, small.root, head, where, keeps=number == 0) for number, where in enumerate(two(2))
    )
    return twice.differences(first, second, small.store.cas.get_bytes, small.root)


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found_and_named(faults: dict[str, ActionError], planted: Small, name: str) -> None:
    """The recipe at fault, its line, whether it asked for something else or was made otherwise, and what differs."""
    fault = faults[name]
    assert dict(fault.facts)["it"] == PLANTED[name].it
    assert PLANTED[name].reason in (fault.detail or "")
    said = render(fault, base=planted.root)
    assert said.startswith("error: the two builds of the release differ\n  at ")
    assert "  >>> " in said


def test_nothing_else_is_found(faults: dict[str, ActionError]) -> None:
    """No sound recipe of any kind: not what goes by SOURCE_DATE_EPOCH, nor what the sandbox hides; nor what follows."""
    assert set(faults) == set(PLANTED)
