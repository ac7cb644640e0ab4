"""Laws 1, 2, 5 and 6 of the design, on a project that has one recipe of each kind."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from bfbuild.decide import Decider, decide
from tests.laws.laws import always_hit, build, cached_equals_uncached, never_hit, outputs
from tests.small import ACTIONS, Roots, Small, ran

Change = Callable[[Small], None]

CHANGES: dict[str, Change] = {
    "a source": lambda small: small.edit("src/start.c", "twice(BF_ANSWER)", "twice(BF_ANSWER) + 1"),
    "a header": lambda small: small.edit(
        "src/kernel.h", "int twice", '__attribute__((section(".text.moved"))) int twice'
    ),
    "a flag": lambda small: small.edit("recipes/small.py", '"-O2"', '"-O0"'),
    "the layout": lambda small: small.edit("recipes/small.py", '"ANSWER": 42', '"ANSWER": 43'),
    "a script that a command runs": lambda small: small.edit("src/shout.py", "upper()", "title()"),
    "a new source in a folder that is searched": lambda small: small.write("src/library/new.c", "int new = 1;\n"),
}


# Law 1: cached equals uncached.


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_built_on_a_cache_is_what_is_built_from_nothing(copy: Small, fresh: Small, change: str) -> None:
    """After any change, the build that reuses what it can and the build from nothing make equal bytes everywhere."""
    for small in (copy, fresh):
        CHANGES[change](small)
    assert cached_equals_uncached(copy, fresh)


def test_doing_everything_again_gives_the_same_bytes(copy: Small, right: dict[str, str]) -> None:
    """Every action is reproducible: executed twice, it makes equal outputs."""
    again = build(copy, never_hit)
    assert ran(again) == set(ACTIONS)
    assert outputs(again) == right


def test_nothing_runs_when_nothing_changed(copy: Small, right: dict[str, str]) -> None:
    """A second build is hits only, also in another checkout, since a key knows no path of the project."""
    again = build(copy)
    assert ran(again) == set()
    assert outputs(again) == right


def test_going_back_costs_nothing(copy: Small, right: dict[str, str]) -> None:
    """A change that is undone finds what was built before it."""
    CHANGES["a source"](copy)
    assert ran(build(copy)) == {"src/start.c.o", "kernel.elf", "kernel.raw", "small.img"}
    copy.edit("src/start.c", "twice(BF_ANSWER) + 1", "twice(BF_ANSWER)")
    assert ran(build(copy)) == set()
    assert outputs(build(copy)) == right


# Law 2: early cutoff.


def test_a_comment_in_a_header_stops_at_the_objects(copy: Small, right: dict[str, str]) -> None:
    """Who includes the header is compiled again; the objects come out the same, so nothing that uses them runs."""
    copy.edit("src/kernel.h", "/* What the kernel is made of. */", "/* Said in other words. */")
    again = build(copy)
    assert ran(again) == {"src/start.c.o", "src/library/twice.c.o", "src/library/thrice.c.o"}
    assert outputs(again) == right


def test_a_changed_script_of_a_command_stops_where_its_output_is_the_same(copy: Small, right: dict[str, str]) -> None:
    """The command runs with its new script, writes what it wrote before, and the image is not made again."""
    copy.write("src/shout.py", "# other words\n" + (copy.root / "src/shout.py").read_text())
    again = build(copy)
    assert ran(again) == {"greeting.txt"}
    assert outputs(again) == right


def test_a_touched_source_runs_nothing(copy: Small) -> None:
    """Time is no input: only content is."""
    for path in copy.root.rglob("src/**/*"):
        path.touch()
    assert ran(build(copy)) == set()


# Law 5: a hit has its bytes.


def truncated(data: bytes) -> bytes:
    """Cut the second half off."""
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    """Change one bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("harm", [None, truncated, flipped], ids=["gone", "truncated", "flipped"])
@pytest.mark.parametrize("folder", ["cas", "ac"])
def test_a_damaged_store_is_mended_by_the_next_build(
    copy: Small, right: dict[str, str], roots: Roots, folder: str, harm: Callable[[bytes], bytes] | None
) -> None:
    """Any third of the store's files gone or damaged: no crash and no wrong byte; what was lost is made anew."""
    chance = random.Random(f"{folder} {harm and harm.__name__}")
    lent = {digest.hash for digest in (*roots.content, *roots.results)}  # else toolchains would be fetched anew
    files = sorted(path for path in (copy.cache / folder).glob("*/*") if path.name not in lent)
    for path in chance.sample(files, len(files) // 3):
        data = path.read_bytes()
        path.unlink()
        if harm is not None and data:
            path.write_bytes(harm(data))
    assert outputs(build(copy)) == right
    assert ran(build(copy)) == set()


def test_each_lost_output_is_told_as_the_reason(copy: Small, right: dict[str, str]) -> None:
    """The recorded output that is not there, or is another, is named, and only its maker runs."""
    lost = {"src/other.c.o": "missing", "kernel.raw": "damaged"}
    for name, state in lost.items():
        path = copy.cache / "cas" / right[name][:2] / right[name]
        path.unlink()
        if state == "damaged":
            path.write_bytes(b"something else")
    again = build(copy)
    reasons = {step.recipe.name: step.decision.reason.text for step in again.steps if hasattr(step.decision, "reason")}
    assert reasons == {name: f"its recorded output out/{name} is {state} in the store" for name, state in lost.items()}
    assert outputs(again) == right


# Law 6: a wrong decider fails the suite.


@pytest.mark.parametrize("change", ["a source", "the layout", "a flag"])
@pytest.mark.parametrize(("decider", "holds"), [(decide, True), (always_hit, False)], ids=["ours", "always hit"])
def test_a_wrong_decider_breaks_the_first_law(
    copy: Small, fresh: Small, change: str, decider: Decider, holds: bool
) -> None:
    """The law's question tells a decider that always hits from ours: so a pass of ours means something."""
    for small in (copy, fresh):
        CHANGES[change](small)
    assert cached_equals_uncached(copy, fresh, decider) is holds
