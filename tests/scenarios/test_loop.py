"""The loop between guest and store: a boot's results are the store's, and the store's are the next image's."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.action import optimize
from bfbuild.commands.harvesting import learn
from bfbuild.decide import Hit
from bfbuild.errors import BareflowError, Errors, MachineError
from bfbuild.recipe.model import Run
from bfbuild.recipe.profile import Profile, label
from tests.learning import (
    BETTER,
    LINES,
    OTHER,
    PROFILE,
    WEIGHED,
    answer,
    asked,
    disk,
    keeps,
    place,
    request,
    teach,
    written,
)
from tests.small import Roots, Small, ran

if TYPE_CHECKING:
    from bfbuild.commands.project import Project

# A copy of the compiler whose header names another machine: 40 is ARM.
FOREIGN = """\
import sys
from pathlib import Path
program = Path(sys.argv[1]).read_bytes()
Path(sys.argv[2]).write_bytes(program[:18] + bytes([40, 0]) + program[20:])
"""
FOREIGN_RECIPE = """\
compiler = Command(
    name="compiler.elf",
    tool=llvm.python,
    toolchain=llvm,
    args=("-S", In("learn/foreign.py"), In(real), Out("compiler.elf")),
)
"""
CALLED = label("functions.bc", LINES)
WARM = "learner-warm.img"


@pytest.fixture
def learner(small: Small) -> Small:
    """A project that learns, never built."""
    return teach(small)


def built(learner: Small) -> Project:
    """The project with its cold image."""
    return learner.build("learner.img")


def take(project: Project, image: Path, *, exact: bool = False) -> None:
    """Take over what guests left on a disk."""
    run = project.graph.find("learner")
    assert isinstance(run, Run)
    learn(project, run, image, exact=exact)


def recorded(learner: Small) -> Profile:
    """What is on record."""
    return Profile.from_text((learner.root / PROFILE).read_text(), PROFILE)


def test_what_a_boot_made_is_not_made_again(learner: Small, tmp_path: Path) -> None:
    """Its action's result is in the store under the key that the recipe has, so the warm image runs no compiler."""
    project = built(learner)
    take(project, keeps(tmp_path / "disk", project))
    warm = learner.build(WARM)
    assert {"bundle", WARM} <= ran(warm)
    assert CALLED not in ran(warm)
    content = warm.store.cas.get_bytes(warm.output("bundle").digest)
    assert content == b"".join(answer(project, request(project)))


def test_a_boot_says_where_its_results_are_from(
    learner: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the terminal, and in the store's records, under the recipe's name."""
    project = built(learner)
    take(project, keeps(tmp_path / "disk", project))
    key = hashlib.sha256(request(project)).hexdigest()[:12]
    assert f"kept  {key}  add (recursion 3)  2,000 -> 1,000 cycles\n" in capsys.readouterr().err
    told = learner.doit("cache", "show", CALLED).out
    assert "in a boot\n" in told
    assert "made by a boot of learner.img" in told
    learner.build(WARM)
    assert "made by a boot of learner.img" in learner.doit("why", CALLED).out


@pytest.mark.parametrize("made_by", ["boot", "host"])
def test_a_warm_image_has_the_same_bytes_wherever_it_is_made(
    learner: Small, tmp_path: Path, repository: Path, roots: Roots, made_by: str
) -> None:
    """In another checkout, with an empty store, where the host's own compiler makes what a boot made here."""
    project = built(learner)
    take(project, keeps(tmp_path / "disk", project, [LINES, OTHER]))
    digest = learner.build(WARM).output(WARM).digest
    other = teach(Small.make(tmp_path / "elsewhere", repository, roots))
    other.write(PROFILE, (learner.root / PROFILE).read_text())
    if made_by == "boot":
        there = other.build("learner.img")
        take(there, keeps(tmp_path / "again", there, [LINES, OTHER]))
    warm = other.build(WARM)
    assert (CALLED in ran(warm)) == (made_by == "host")
    assert warm.output(WARM).digest == digest


def test_two_answers_to_one_request_are_an_error(learner: Small, tmp_path: Path) -> None:
    """The store keeps what it has, whoever was first; the error names the function, the key, and both contents."""
    project = built(learner)
    take(project, keeps(tmp_path / "disk", project))
    text = request(project)
    there, other = answer(project, text), b"something else"
    wrong = disk(tmp_path / "wrong", {place(text): written(text, (other, there[1]))})
    with pytest.raises(MachineError, match="not equal") as caught:
        take(project, wrong)
    facts = dict(caught.value.facts)
    assert (facts["function"], facts["key"]) == ("add", hashlib.sha256(text).hexdigest())
    assert facts["store"].startswith(hashlib.sha256(there[0]).hexdigest())
    assert facts["guest"].startswith(hashlib.sha256(other).hexdigest())
    warm = learner.build(WARM)
    assert CALLED not in ran(warm)
    assert warm.store.cas.get_bytes(warm.output("bundle").digest) == b"".join(there)


def test_artifacts_of_another_image_are_left_out(
    learner: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a word: their compiler or their bitcode is not on this disk. Nothing is recorded of them."""
    project = built(learner)
    compiler, bitcode = (project.output(name).digest.hash for name in ("compiler.elf", "functions.bc"))
    texts = [asked("0" * 64, bitcode), asked(compiler, "0" * 64)]
    take(project, disk(tmp_path / "disk", {place(text): written(text, (b"object", b"bitcode")) for text in texts}))
    assert capsys.readouterr().err.count("is left out: its compiler or bitcode is not of this image") == len(texts)
    assert not (learner.root / PROFILE).exists()


@pytest.mark.parametrize("part", ["header", "request", "object", "digest", "bitcode"])
def test_a_damaged_artifact_is_left_out(learner: Small, tmp_path: Path, part: str) -> None:
    """A flipped bit in any part of it: nothing of it gets into the store, and what is whole does."""
    project = built(learner)
    text, whole = request(project), request(project, OTHER)
    code = answer(project, text)
    data = bytearray(written(text, code))
    end = 192 + len(text) + len(code[0])
    data[{"header": 100, "request": 200, "object": end - 1, "digest": end + 5, "bitcode": -1}[part]] ^= 1
    files = {place(text): bytes(data), place(whole): written(whole, answer(project, whole))}
    take(project, disk(tmp_path / "disk", files))
    assert [entry.request for entry in recorded(learner).sources["functions.bc"].entries] == [OTHER]
    assert not any(trace.label == CALLED for trace in learner.traces())


def test_a_rejected_function_is_recorded(learner: Small, tmp_path: Path) -> None:
    """It has no object to keep, but its figures say that this was tried."""
    project = built(learner)
    text = request(project)
    take(project, disk(tmp_path / "disk", {place(text): written(text, (b"", b""), figures=(1200, 1000, 1200))}))
    (entry,) = recorded(learner).sources["functions.bc"].entries
    assert (entry.state, entry.per_mille) == ("rejected", 1200)


def test_a_profile_that_says_nothing_new_is_not_written(learner: Small, tmp_path: Path) -> None:
    """So that neither an editor nor git nor a build sees a change where there is none."""
    project = built(learner)
    image = keeps(tmp_path / "disk", project)
    take(project, image)
    before = (learner.root / PROFILE).stat()
    take(project, image, exact=True)
    after = (learner.root / PROFILE).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_better_request_is_asked_as_well(learner: Small, tmp_path: Path) -> None:
    """One that a boot found, with its own lines, becomes a recipe like the general one."""
    project = built(learner)
    text, special = request(project), request(project, BETTER)
    better = hashlib.sha256(special).digest()
    files = {
        place(text): written(text, answer(project, text), better=better),
        place(special): written(special, answer(project, special)),
    }
    take(project, disk(tmp_path / "disk", files))
    entries = recorded(learner).sources["functions.bc"].entries
    assert {entry.request: entry.better for entry in entries} == {LINES: BETTER, BETTER: ()}
    assert not {CALLED, label("functions.bc", BETTER)} & ran(learner.build(WARM))


def test_a_changed_source_is_optimized_anew(learner: Small, tmp_path: Path) -> None:
    """The requests of the profile are asked of the new bitcode; through the quick door as by the full way."""
    project = built(learner)
    take(project, keeps(tmp_path / "disk", project))
    assert learner.doit("image:warm").code == 0
    learner.edit("learn/functions.c", "return a + b;", "return b + a + 1;")
    done = learner.doit("image:warm")
    assert done.code == 0
    assert f"optimize  {CALLED}  (input build/functions.bc changed" in done.err
    again = learner.build(WARM)
    assert ran(again) == set()
    assert again.store.cas.get_bytes(again.output("bundle").digest) == b"".join(answer(again, request(again)))
    assert done.out.split()[1] == again.output(WARM).digest.hash


def test_a_request_about_branches_is_asked_of_one_bitcode(learner: Small, tmp_path: Path) -> None:
    """Of another the rest of it is asked: the line would count other branches there."""
    project = built(learner)
    text, special = request(project), request(project, WEIGHED)
    files = {
        place(text): written(text, answer(project, text), better=hashlib.sha256(special).digest()),
        place(special): written(special, answer(project, special)),
    }
    take(project, disk(tmp_path / "disk", files))
    assert bundled(learner, WARM) == asked_for(learner, LINES, WEIGHED)
    learner.edit("learn/functions.c", "return a + b;", "return b + a + 1;")
    assert bundled(learner, WARM) == asked_for(learner, LINES, WEIGHED[:-1])


def bundled(learner: Small, image: str) -> bytes:
    """What is on a warm image."""
    project = learner.build(image)
    return project.store.cas.get_bytes(project.output("bundle").digest)


def asked_for(learner: Small, *requests: tuple[str, ...]) -> bytes:
    """What the compiler makes of these requests now."""
    project = learner.build("learner.img")
    return b"".join(part for lines in requests for part in answer(project, request(project, lines)))


def test_a_changed_source_is_the_only_cause(learner: Small, tmp_path: Path) -> None:
    """What a request says of digests only follows from it; so it is in one build, and between two."""
    project = built(learner)
    take(project, keeps(tmp_path / "disk", project))
    learner.build(WARM)
    learner.edit("learn/functions.c", "return a + b;", "return b + a + 1;")
    learner.build(WARM)
    for words in ((WARM,), ("--between", "previous", "last")):
        (cause,) = json.loads(learner.doit("why", *words, "--json").out)["causes"]
        assert (cause["kind"], cause["subject"]) == ("source", "learn/functions.c")


def test_a_warm_image_needs_a_profile(learner: Small) -> None:
    """Without one the error says which file is missing and how to make it; with no run that has one, what that is."""
    done = learner.doit("image:warm")
    assert done.code == 2
    assert "src/profile.json is not there" in done.err
    assert "doit run --name learner" in done.err
    learner.edit("recipes/learner.py", ', profile="src/profile.json")', ")")
    done = learner.doit("image:warm")
    assert (done.code, "profile=..." in done.err) == (2, True)


def test_a_plain_image_is_never_warm(learner: Small, tmp_path: Path) -> None:
    """`doit image` makes what it made before there was a profile."""
    project = built(learner)
    take(project, keeps(tmp_path / "disk", project))
    done = learner.doit("image")
    assert [line.split()[0] for line in done.out.splitlines()] == ["build/small.img", "build/learner.img"]
    assert [line.split()[0] for line in learner.doit("image:warm").out.splitlines()] == [f"build/{WARM}"]


def test_optimize_makes_what_the_profile_asks_for(learner: Small, tmp_path: Path) -> None:
    """A line for each request: function, processor, whether it was there, and its key; by a run's name, or all."""
    project = built(learner)
    take(project, keeps(tmp_path / "disk", project))
    take(project, keeps(tmp_path / "more", project, [LINES, OTHER]))
    texts = {
        name: hashlib.sha256(request(project, lines)).hexdigest()[:12]
        for name, lines in (("add", LINES), ("sum", OTHER))
    }
    for trace in learner.traces():
        if trace.label == label("functions.bc", OTHER):
            learner.store.results.path_of(trace.action).unlink()
    expected = [
        "function  processor        version            key",
        f"add       sse2 and 1 more  recursion 3  hit   {texts['add']}",
        f"sum       sse2 and 1 more  recursion 3  made  {texts['sum']}",
    ]
    assert learner.doit("optimize", "learner").out.splitlines() == expected
    assert learner.doit("optimize").out.splitlines()[2].split()[-2] == "hit"
    assert learner.doit("optimize", "demo").code == 2
    assert "nearest  learner" in learner.doit("optimize", "learnr").err


def test_a_function_that_is_gone_is_told(learner: Small, tmp_path: Path) -> None:
    """Its compiler says why it made nothing; the hint says how to get a profile that is not older than the source."""
    project = built(learner)
    take(project, keeps(tmp_path / "disk", project))
    learner.edit(
        "learn/compiler.c",
        "char **words = (char **)(stack + 1);",
        "call(60, 1, 0, 0);\n    char **words = (char **)(stack + 1);",
    )
    with pytest.raises(BareflowError, match="an action failed") as caught:
        learner.build(WARM)
    assert "records it anew" in str(caught.value.hint)


def test_a_machine_that_cannot_run_the_compiler_says_so(learner: Small, tmp_path: Path) -> None:
    """A program of another machine is no crash of ours: the error says what this one lacks."""
    project = built(learner)
    take(project, keeps(tmp_path / "disk", project))
    learner.edit("recipes/learner.py", "compiler = Link(", "real = Link(")
    learner.edit("recipes/learner.py", 'name="compiler.elf"', 'name="real.elf"')
    learner.edit("recipes/learner.py", "functions = CObject(", f"{FOREIGN_RECIPE}functions = CObject(")
    learner.write("learn/foreign.py", FOREIGN)
    with pytest.raises(BareflowError, match="i386") as caught:
        learner.build(WARM)
    assert "CONFIG_IA32_EMULATION" in str(caught.value.hint)


def test_a_damaged_profile_is_told(learner: Small) -> None:
    """It is told with its file, and removing it is all that there is to do."""
    learner.write(PROFILE, "{")
    with pytest.raises(Errors) as caught:
        built(learner)
    assert [error.headline for error in caught.value.errors] == ["a recorded profile cannot be read"]
    (learner.root / PROFILE).unlink()
    built(learner)


def test_the_action_knows_no_names(learner: Small, tmp_path: Path) -> None:
    """Its key is made of compiler, request and bitcode alone: a recipe of another name is a hit."""
    project = built(learner)
    take(project, keeps(tmp_path / "disk", project))
    fields = f'name="mine", compiler="compiler.elf", bitcode="functions.bc", lines={LINES!r}'
    learner.write("recipes/mine.py", f"from bfbuild import Optimize\n\nOptimize({fields})\n")
    project = learner.build("mine")
    (step,) = [step for step in project.steps if step.recipe.name == "mine"]
    assert isinstance(step.decision, Hit)
    assert step.action.request.kind == optimize.KIND
    made = tuple(project.store.cas.get_bytes(project.output(name).digest) for name in ("mine.o", "mine.bc"))
    assert made == answer(project, request(project))
