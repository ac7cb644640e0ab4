"""Which recipe is at fault for a difference between two builds, and which only follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bfbuild.action.action import InputFile, Request, Tree, make_action
from bfbuild.action.optimize import BITCODE, COMPILER, REQUEST
from bfbuild.digest import Digest, digest_bytes
from bfbuild.errors import Location
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.release.twice import Came, differences, from_json, recorded, to_json
from bfbuild.store import Store

CONTENT: dict[Digest, bytes] = {}


def content(text: str) -> Digest:
    """The digest of a text that can be read."""
    data = text.encode()
    CONTENT[digest_bytes(data)] = data
    return digest_bytes(data)


def came(label: str, made: str, inputs: Mapping[str, str], *words: str, names: Mapping[str, str] | None = None) -> Came:
    """What came of an action with these inputs and arguments, by their content."""
    request = Request(
        label=label,
        kind="command",
        location=Location(Path("recipes/a.py"), 1),
        argv=("tool", *words),
        inputs={place: InputFile(content(text)) for place, text in inputs.items()},
        outputs=(label,),
        path=("/usr/bin",),
    )
    action = make_action(request, Tree(digest_bytes(b""), api.Directory()), 1)
    CONTENT.update(action.blobs)
    return Came(label, "recipes/a.py", 1, action.digest, {label: (content(made), False)}, names or {})


def faults(first: list[Came], second: list[Came]) -> list[tuple[str, str, str]]:
    """Return recipe, what it did, and how that is explained."""
    found = differences(first, second, CONTENT.__getitem__, Path("/project"))
    return [(dict(each.facts)["recipe"], dict(each.facts)["it"], each.detail or "") for each in found]


ONE = [came("a", "1\n", {"src/a": "x"}), came("b", "2\n", {"build/a": "1\n"})]


def test_equal_builds_have_no_fault() -> None:
    """Also after a way through JSON, which changes nothing; in whatever order the second one came out."""
    assert from_json(to_json(ONE)) == ONE
    assert faults(ONE, ONE[::-1]) == []


def test_what_follows_is_not_told() -> None:
    """An action whose input came out otherwise is another one, and that is all that is wrong with it."""
    two = [came("a", "3\n", {"src/a": "x"}), came("b", "4\n", {"build/a": "3\n"})]
    assert faults(ONE, two) == [
        ("a", "came out otherwise the second time", "text  -1 +1 lines\n  @@ -1 +1 @@\n  -1\n  +3")
    ]


def test_a_recipe_that_says_something_else_is_told_though_its_inputs_differ_too() -> None:
    """Both are at fault: the one that came out otherwise, and the one that was declared otherwise."""
    two = [came("a", "3\n", {"src/a": "x"}), came("b", "4\n", {"build/a": "3\n"}, "--now")]
    assert [(label, it) for label, it, _ in faults(ONE, two)] == [
        ("a", "came out otherwise the second time"),
        ("b", "was declared otherwise the second time"),
    ]
    assert faults(ONE, two)[1][2] == "argument --now is new"


def test_a_source_that_differs_is_told() -> None:
    """Two checkouts of one commit should not differ; where they do, the file is named."""
    two = [came("a", "1\n", {"src/a": "y"}), ONE[1]]
    [(label, _, why)] = faults(ONE, two)
    assert label == "a"
    assert why.startswith("input src/a changed: ")


def test_what_only_one_build_has_is_told() -> None:
    """A recipe that is declared by chance."""
    assert faults(ONE, ONE[:1]) == [("b", "was declared only in the first build", "")]
    assert faults(ONE[:1], ONE) == [("b", "was declared only in the second build", "")]


def test_a_mode_is_a_difference() -> None:
    """An output that is executable once."""
    digest, _ = ONE[0].outputs["a"]
    two = [replace(ONE[0], outputs={"a": (digest, True)}), ONE[1]]
    assert faults(ONE, two)[0][2] == "a is executable in one of the two builds alone"


def test_a_request_follows_from_what_it_names() -> None:
    """A request to a compiler has digests in it: another compiler makes another request, which is no fault of it."""
    names = {COMPILER: "build/compiler", BITCODE: "build/code"}
    first, second = (
        [
            came("compiler", text, {}),
            came("object", text, {COMPILER: text, BITCODE: "code", REQUEST: f"compiler {text}"}, names=names),
        ]
        for text in ("one", "two")
    )
    assert [label for label, _, _ in faults(first, second)] == ["compiler"]


def test_what_a_store_has_is_compared_like_a_build(store: Store) -> None:
    """By the names of the outputs, also where an action calls them otherwise; what is printed is an output as well."""
    object_ = came("object", "code", {}, names={"object.o": "object"})
    printed = came("said", "words", {})
    made = api.OutputFile(path="out/object.o", digest=content("code").to_message())
    store.results.put(object_.action, api.ActionResult(output_files=[made]))
    store.results.put(printed.action, api.ActionResult(stdout_digest=content("words").to_message()))
    assert recorded([object_, printed], store.results) == [object_, printed]


def test_a_result_that_lacks_an_output_is_another_one(store: Store) -> None:
    """Somebody made up a result that has nothing of what the action makes."""
    one = came("said", "words", {})
    store.results.put(one.action, api.ActionResult())
    [fault] = differences([one], recorded([one], store.results), CONTENT.__getitem__, Path("/project"), "than before")
    assert (dict(fault.facts)["it"], fault.detail) == ("came out otherwise than before", "it is not there")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "cache")
