"""`doit check`: actions run again past the store; what comes out otherwise is named, shown, marked, and exits 1."""

from __future__ import annotations

import json
import time

import pytest

from bfbuild.store.marks import Mark
from tests.small import ACTIONS, Small

PYTHON = """
Command(name="{name}", tool=llvm.python, toolchain=llvm, args=("-S", "-c", {program!r}), stdout="{name}")
"""
PLANTED = {  # name -> (recipe, source or none, how the difference is told)
    "uuid.txt": (
        PYTHON.format(name="uuid.txt", program="print(open('/proc/sys/kernel/random/uuid').read())"),
        {},
        "  text  -1 +1 lines",
    ),
    "clock.txt": (
        PYTHON.format(name="clock.txt", program="import time; print(time.time_ns())"),
        {},
        "  text  -1 +1 lines",
    ),
    "order.txt": (
        PYTHON.format(name="order.txt", program="print({str(number) for number in range(50)})"),
        {},
        "  text  -1 +1 lines",
    ),
    "id.elf": (
        '\nLink(name="id.elf", toolchain=llvm, inputs=("src/other.c.o",), '
        'flags=("-m", "elf_i386", "-e", "0", "--build-id=uuid"))\n',
        {},
        "  section .note.gnu.build-id  changed: ",
    ),
    "when.bin": (
        '\nAsmObject(name="when.bin", source="src/when.asm", toolchain=llvm, format="bin")\n',
        {"src/when.asm": "db 0xFF\ndd __?POSIX_TIME?__\n"},
        "  bytes  ",
    ),
}


def plant(small: Small, name: str) -> None:
    """Add a recipe that makes something else each time."""
    recipe, sources, _ = PLANTED[name]
    text = (small.root / "recipes/small.py").read_text()
    (small.root / "recipes/small.py").write_text(text + recipe)
    for path, content in sources.items():
        small.write(path, content)


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_not_deterministic_is_named_and_marked(copy: Small, name: str) -> None:
    """Random bytes, the clock, the order of a set, a random build id, an assembler's macro: each is found."""
    plant(copy, name)
    copy.build(name)
    built = time.time_ns() // 10**9
    while time.time_ns() // 10**9 == built:  # the assembler's clock goes by seconds
        time.sleep(0.02)
    done = copy.doit("check", name)
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0].startswith(f"{name} is not deterministic  recipes/small.py:")
    assert lines[2].startswith(PLANTED[name][2])
    assert lines[-1].endswith(" came out the same, 1 did not")
    assert "not deterministic: " in copy.doit("cache", "show", name).out
    [trace] = list(copy.store.traces.history(name))
    assert copy.store.marks.get(trace.action) is not None, "and what was only checked is on no record"


def test_a_deterministic_project_passes(copy: Small) -> None:
    """Every action of each kind comes out the same, several times; none is marked, nothing is recorded."""
    before = len(copy.traces())
    done = copy.doit("check", "small.img", "--rounds", "2")
    assert (done.code, done.out) == (
        0,
        f"{len(ACTIONS)} actions ran again 2 times at most: {len(ACTIONS)} came out the same, 0 did not\n",
    )
    assert list(copy.store.marks.hashes()) == []
    assert len(copy.traces()) == before


def test_a_compilers_date_is_no_difference(copy: Small) -> None:
    """`__DATE__` and `__TIME__` go by SOURCE_DATE_EPOCH, which an action always has."""
    copy.edit("src/other.c", "int other = 3;", "const char *other = __DATE__ __TIME__;")
    assert copy.doit("check", "src/other.c.o").code == 0


def test_a_clean_check_clears_the_mark(copy: Small) -> None:
    """A mark from another time goes where the action comes out the same; other actions keep theirs."""
    steps = {step.recipe.name: step.action.digest for step in copy.build().steps}
    for label in ("boot.bin", "library.a"):
        copy.store.marks.put(steps[label], Mark(label, label, "of another time"))
    assert copy.doit("check", "library.a").code == 0
    assert [copy.store.marks.get(steps[label]) is None for label in ("library.a", "boot.bin")] == [True, False]


def test_more_rounds_find_what_one_may_miss(copy: Small) -> None:
    """An action that comes out otherwise only once in a while: 40 rounds miss one in two with chance 2^-40."""
    program = "import os; print(os.urandom(1)[0] & 1)"
    text = (copy.root / "recipes/small.py").read_text()
    (copy.root / "recipes/small.py").write_text(text + PYTHON.format(name="coin.txt", program=program))
    done = copy.doit("check", "coin.txt", "--rounds", "40", "--json")
    assert done.code == 1
    [found] = json.loads(done.out)["not_deterministic"]
    assert (found["label"], found["output"]) == ("coin.txt", "coin.txt")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "error: check takes a target"),
        (("nothing",), "error: no recipe has this name"),
        (("small.img", "--rounds", "0"), "error: there must be at least one round"),
    ],
    ids=["no target", "unknown", "no round"],
)
def test_what_cannot_be_checked(copy: Small, arguments: tuple[str, ...], says: str) -> None:
    """Is refused with exit 2."""
    done = copy.doit("check", *arguments)
    assert done.code == 2
    assert says in done.err
