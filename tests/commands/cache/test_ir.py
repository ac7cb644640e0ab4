"""`doit cache ir`: what is in the store is listed with what it was worth, found by key or function, and made again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bfbuild.commands.harvesting import learn
from bfbuild.recipe.model import Run
from bfbuild.recipe.profile import label
from tests.learning import LINES, OTHER, answer, disk, place, request, teach, written
from tests.small import Roots, Small

PLAIN = ("function add", "features none", "recursion 3")
HEAD = len("bareflow-request 2\ncompiler \nbitcode \n") + 2 * 64
WRONG = b"what no compiler made"


class Learned:
    """A project that learned: `add` for two processors, of which the host made one, and `sum`, which is wrong."""

    def __init__(self, small: Small, folder: Path) -> None:
        self.small = teach(small)
        project = self.small.build("learner.img")
        run = project.graph.find("learner")
        assert isinstance(run, Run)
        texts = {lines: request(project, lines) for lines in (LINES, PLAIN, OTHER)}
        self.keys = {lines: hashlib.sha256(text).hexdigest() for lines, text in texts.items()}
        bitcode = answer(project, b"")[1]
        made = {
            LINES: answer(project, texts[LINES]),
            PLAIN: (b"", b""),  # rejected in the boot; the host makes it all the same
            OTHER: (WRONG, bitcode),
        }
        files = {
            place(texts[lines]): written(
                texts[lines], code, figures=(500, 2000, 1000) if code[0] else (1500, 1000, 1500)
            )
            for lines, code in made.items()
        }
        learn(project, run, disk(folder, files), exact=False)
        self.small.build(label("functions.bc", PLAIN))


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory, repository: Path, roots: Roots) -> Learned:
    """One for the tests that only look."""
    folder = tmp_path_factory.mktemp("learned")
    return Learned(Small.make(folder / "small", repository, roots), folder / "disk")


def test_ls_is_a_table(learned: Learned) -> None:
    """By function and processor; the figures are the profile's, of the rejected too."""
    done = learned.small.doit("cache", "ir", "ls")
    keys = {lines: key[:12] for lines, key in learned.keys.items()}
    size = {lines: f"{len(b'made of ') + HEAD + len(''.join(lines)) + len(lines)} B" for lines in (LINES, PLAIN)}
    assert done.out.splitlines() == [
        "key           function  processor        version      before  after        per mille  from   size",
        f"{keys[LINES]}  add       sse2 and 1 more  recursion 3   2,000  1,000              500  boot  {size[LINES]}",
        f"{keys[PLAIN]}  add       i686             recursion 3   1,000  1,500  1500 (rejected)  host  {size[PLAIN]}",
        f"{keys[OTHER]}  sum       sse2 and 1 more  recursion 3   2,000  1,000              500  boot   21 B",
    ]


def test_ls_tells_programs_the_same(learned: Learned) -> None:
    """With whole keys, and where each is from."""
    told = json.loads(learned.small.doit("cache", "ir", "ls", "--json").out)
    assert [each["key"] for each in told] == [learned.keys[lines] for lines in (LINES, PLAIN, OTHER)]
    assert [each["from"] for each in told] == ["boot", "host", "boot"]
    assert told[0]["reason"] == "made by a boot of learner.img"
    assert [each["state"] for each in told] == ["optimized", "rejected", "optimized"]


def test_an_empty_store_says_so(small: Small) -> None:
    """And how code gets there."""
    assert "holds no optimized code yet" in small.doit("cache", "ir", "ls").out


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("add", "the store has 2 pieces of code for add"),
        ("adds", "the store has no optimized code for adds"),
        ("ffffff", "the store has no optimized code for ffffff"),
    ],
)
def test_what_means_none_or_several_is_told(learned: Learned, word: str, told: str) -> None:
    """A name of several processors' code lists their keys; one that is unknown, the nearest."""
    done = learned.small.doit("cache", "ir", "show", word)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[0] == f"error: {told}"
    expected = {"add": learned.keys[PLAIN][:12], "adds": "nearest  add", "ffffff": "doit cache ir ls"}
    assert expected[word] in done.err


def test_validate_names_what_is_different(learned: Learned) -> None:
    """Exit 1, the function, both contents; what comes out the same is counted."""
    done = learned.small.doit("cache", "ir", "validate")
    assert done.code == 1
    first, *_, last = done.out.splitlines()
    wrong = hashlib.sha256(WRONG).hexdigest()[:12]
    assert first.startswith(f"sum is different: object.o is {wrong} in the store, ")
    assert last == "3 pieces of code: 2 came out the same when compiled here"


def test_validate_takes_a_key(learned: Learned) -> None:
    """Then the rest does not matter."""
    assert learned.small.doit("cache", "ir", "validate", learned.keys[LINES][:8]).code == 0
    done = learned.small.doit("cache", "ir", "validate", "sum", "--json")
    assert done.code == 1
    (told,) = json.loads(done.out)
    assert (told["key"], told["function"]) == (learned.keys[OTHER], "sum")


def test_what_was_validated_is_the_hosts_as_well(small: Small, tmp_path: Path) -> None:
    """A boot's result that came out the same here is on record so: no release need rest on a guest's word."""
    learned = Learned(small, tmp_path / "disk")
    called = label("functions.bc", LINES)
    assert "in a boot\n" in small.doit("cache", "show", called).out
    assert small.doit("cache", "ir", "validate", learned.keys[LINES]).code == 0
    shown = small.doit("cache", "show", called).out
    assert "in a boot\n" not in shown
    assert "made by a boot of learner.img, then here to the same bytes" in shown
    assert small.doit("cache", "ir", "validate", learned.keys[OTHER]).code == 1
    assert "in a boot\n" in small.doit("cache", "show", label("functions.bc", OTHER)).out


def test_validate_says_what_it_cannot_compile(small: Small, tmp_path: Path) -> None:
    """Code whose compiler the store lost is neither right nor wrong."""
    learned = Learned(small, tmp_path / "disk")
    project = small.build("compiler.elf")
    project.store.cas.path_of(project.output("compiler.elf").digest).unlink()
    done = small.doit("cache", "ir", "validate")
    assert done.code == 0
    assert done.out.splitlines()[-1] == "3 could not be compiled: what it was made of is gone from the store"
    assert learned.keys


@pytest.mark.parametrize("words", [("ir",), ("ir", "shwo"), ("ir", "show"), ("ir", "ls", "more")])
def test_a_wrong_question_is_exit_3(learned: Learned, words: tuple[str, ...]) -> None:
    """As of the other words."""
    assert learned.small.doit("cache", *words).code == 3
