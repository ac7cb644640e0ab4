"""`doit why` in a project that people change: root causes, what followed, what was cut off, and who changed it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.small import Roots, Small

IDENTITY = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")


def git(small: Small, *arguments: str) -> None:
    """Run git in the project."""
    subprocess.run(["git", "-C", str(small.root), *IDENTITY, *arguments], check=True, capture_output=True)


def causes(small: Small, *arguments: str) -> list[dict[str, Any]]:
    """Return the causes that `doit why ARGUMENTS --json` tells."""
    done = small.doit("why", *arguments, "--json")
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = json.loads(done.out)["causes"]
    return found


def brief(cause: Mapping[str, Any]) -> tuple[str, str, list[str], list[str]]:
    """Return kind, subject, and what the cause acts on and what follows, sorted: builds run in parallel."""
    return cause["kind"], cause["subject"], sorted(cause["direct"]), sorted(cause["follow"])


FLAG, SOURCE, FIELD = "flag", "source", "recipe"
PLANTED = {
    FLAG: ("recipes/small.py", '"-O2"', '"-O1"'),
    SOURCE: ("src/library/thrice.c", "3 * number", "number * 3 + 1"),
    FIELD: ("recipes/small.py", "sectors=6_000", "sectors=6_001"),
}
TELLS = {
    FLAG: "flag  -O2 -> -O1 at recipes/small.py:6\n  not committed yet\n",
    SOURCE: "    -int thrice(int number) { return 3 * number; }\n"
    "    +int thrice(int number) { return number * 3 + 1; }\n"
    "  not committed yet\n  acts on  src/library/thrice.c.o  recipes/small.py:26\n",
    FIELD: "recipe partitions.DATA.sectors  6000 -> 6001 at recipes/small.py:13\n  not committed yet\n",
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_newcomer_finds_which_of_three_changes_rebuilt_a_target(copy: Small, planted: str) -> None:
    """One of three changes was made; the answer names it, its line and its commit, and says nothing of the others."""
    git(copy, "init", "-q")
    (copy.root / ".gitignore").write_text("cache\nbuild\n")
    git(copy, "add", "-A")
    git(copy, "commit", "-q", "-m", "Start")
    copy.edit(*PLANTED[planted])
    assert copy.doit("image").code == 0
    told = copy.doit("why", "small.img").out
    assert "\n1 cause, " in told
    assert TELLS[planted] in told
    for other in TELLS.keys() - {planted}:
        assert TELLS[other].splitlines()[0] not in told


def test_all_three_at_once_are_told_apart(copy: Small) -> None:
    """Each cause has its own actions; what only followed is listed under it, and what came out the same apart."""
    for change in PLANTED.values():
        copy.edit(*change)
    assert copy.doit("image").code == 0
    objects = [f"src/{name}.c.o" for name in ("library/thrice", "library/twice", "other", "start")]
    assert sorted(map(brief, causes(copy, "small.img"))) == [
        (FLAG, "-O1", objects, ["kernel.elf", "library.a"]),
        (FIELD, "partitions.DATA.sectors", ["layout", "small.img"], ["boot.bin", "src/start.c.o"]),
        (SOURCE, "src/library/thrice.c", ["src/library/thrice.c.o"], ["kernel.elf", "library.a"]),
    ]


def test_what_came_out_the_same_is_cut_off(copy: Small) -> None:
    """A comment recompiles its includers, and nothing else: 1 cause, and the actions that were spared are named."""
    copy.edit("src/kernel.h", "/* What", "/* All that")
    assert copy.doit("image").code == 0
    told = copy.doit("why", "small.img").out
    assert "1 cause, 3 actions follow, 4 were cut off\n" in told
    assert "small.img: cut off, because what ran for it came out the same" in told
    assert told.endswith(
        "cut off, since what they need came out the same\n  library.a, kernel.elf, kernel.raw, small.img\n"
    )


def test_the_commit_that_changed_a_source_is_named_days_later(copy: Small) -> None:
    """By content: a commit that came afterwards is not taken for it."""
    git(copy, "init", "-q")
    git(copy, "add", "src")
    git(copy, "commit", "-q", "-m", "Start")
    copy.edit("src/words.txt", "hello", "good day")
    git(copy, "commit", "-q", "-a", "-m", "Greet politely")
    assert copy.doit("image").code == 0
    copy.edit("src/words.txt", "good day", "good evening")
    git(copy, "commit", "-q", "-a", "-m", "Greet late")
    [cause] = causes(copy, "greeting.txt")
    assert cause["commit"].endswith(" Ann: Greet politely")
    assert cause["diff"] == ["@@ -1 +1 @@", "-hello", "+good day"]


def test_a_target_that_nothing_ran_for_says_when_and_why_it_last_did(copy: Small) -> None:
    """The last build found everything in the store; the answer is that of the one before, and says so."""
    copy.edit("src/words.txt", "hello", "good day")
    first = copy.build().store.traces.latest_build("small.img")
    copy.build()
    told = copy.doit("why", "greeting.txt").out
    assert told.startswith("greeting.txt: from the store in the last build that looked at it")
    assert first is not None
    assert f"greeting.txt: it ran in build {first.id} (small.img) of " in told
    assert "source src/words.txt" in told


def test_a_failed_build_says_what_failed_and_for_what(copy: Small) -> None:
    """The action that failed, how to see it again, and the source; also for a target that was never reached."""
    copy.build()
    copy.edit("src/start.c", "return", "retrun")
    assert copy.doit("image").code == 1
    told = copy.doit("why", "kernel.elf").out
    [trace] = [trace for trace in copy.traces() if trace.exit_code != 0]
    first = told.splitlines()[0]
    assert first.startswith("src/start.c.o: failed on ")
    assert first.endswith(f"input src/start.c changed: doit replay {trace.action.short}")
    assert "    +int start(void) { retrun twice(BF_ANSWER); }\n" in told
    assert "small.img: was not reached in build" in copy.doit("why", "small.img").out
    copy.edit("src/start.c", "retrun", "return 1 +")
    copy.build()
    assert "failed" not in copy.doit("why", "kernel.elf").out


def test_the_cause_is_found_behind_what_another_checkout_built(
    copy: Small, tmp_path: Path, repository: Path, roots: Roots
) -> None:
    """An object came from the shared store, compiled elsewhere; the link here still goes back to the source."""
    other = Small.make(tmp_path / "other", repository, roots, cache=copy.cache)
    for small in (other, copy):
        small.edit("src/other.c", "other = 3", "other = 4")
    other.build("src/other.c.o")
    copy.build("kernel.elf")
    [cause] = causes(copy, "kernel.elf")
    assert brief(cause) == (SOURCE, "src/other.c", [], ["kernel.elf"])
    assert causes(other, "kernel.elf") == [cause], "and the other checkout says the same of that build"


def test_two_builds_are_compared_by_their_names(copy: Small) -> None:
    """By id, by the start of one, and as previous and last: the same answer, also where nothing had to run."""
    copy.build()
    copy.edit("src/library/twice.c", "2 * number", "number + number")
    copy.edit("src/boot.asm", "hello from", "hi from")
    copy.build()
    new, old = (build.id for build, _ in zip(copy.store.traces.builds(), range(2), strict=False))
    told = causes(copy, "--between", old, new)
    assert sorted(brief(cause)[:2] for cause in told) == [(SOURCE, "src/boot.asm"), (SOURCE, "src/library/twice.c")]
    assert causes(copy, "--between", old[:6], new[:6]) == told == causes(copy, "--between", "previous", "last")
    assert copy.doit("why", "--between", old, old).out.endswith("no action differs\n")
    back = {cause["subject"]: (cause["old"], cause["new"]) for cause in causes(copy, "--between", new, old)}
    assert back == {cause["subject"]: (cause["new"], cause["old"]) for cause in told}


def test_a_recipe_that_came_or_went_is_a_difference(copy: Small) -> None:
    """A new source of a glob is a new recipe; archive and link follow from it."""
    copy.build()
    copy.write("src/library/more.c", "int more(void);\nint more(void) { return 1; }\n")
    copy.build()
    told = [brief(cause) for cause in causes(copy, "--between", "previous", "last")]
    assert told == [("recipe", "src/library/more.c.o", ["src/library/more.c.o"], ["kernel.elf", "library.a"])]
    [cause] = causes(copy, "library.a")
    assert (cause["subject"], cause["direct"]) == ("it was never built", ["src/library/more.c.o"])


def test_what_the_user_sets_is_a_cause(copy: Small) -> None:
    """A variable of the environment is told with both values, and no recipe is blamed for it."""
    assert copy.doit("image", SOURCE_DATE_EPOCH="400000000").code == 0
    told = copy.doit("why", "boot.bin").out
    assert "\nenvironment SOURCE_DATE_EPOCH  315532800 -> 400000000\n" in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("kernel.elv",), "error: no build on record has this target\n  wanted   kernel.elv\n  nearest  kernel.elf\n"),
        (("--between", "last"), "error: --between takes two builds"),
        (("--between", "last", "0000"), "error: no build on record is called so\n  wanted  0000\n  newest  "),
    ],
    ids=["target", "one build", "no such build"],
)
def test_a_wrong_name_is_told(copy: Small, arguments: tuple[str, ...], says: str) -> None:
    """With what comes nearest, or what there is; exit 2."""
    copy.build()
    done = copy.doit("why", *arguments)
    assert done.code == 2
    assert says in done.err
