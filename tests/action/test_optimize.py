"""The action of a request: one key for one compiler, request and bitcode, whoever asks, wherever and whenever."""

from __future__ import annotations

from pathlib import Path

import pytest

from bfbuild.action import optimize
from bfbuild.action.action import InputFile, Tree, make_action
from bfbuild.digest import ActionDigest, canonical, digest_bytes
from bfbuild.errors import ActionError, Location
from bfbuild.protos import remote_execution_pb2 as api

PLACES = (optimize.COMPILER, optimize.REQUEST, optimize.BITCODE)
INPUTS = {place: InputFile(digest_bytes(place.encode())) for place in PLACES}
ROOT = api.Directory()
TREE = Tree(digest_bytes(canonical(ROOT)), ROOT)


def key(inputs: dict[str, InputFile] = INPUTS, *, label: str = "f", line: int = 1, epoch: int = 1) -> ActionDigest:
    """The key of a request's action."""
    names = {optimize.OBJECT: f"{label}.o", optimize.COMPILER: f"build/{label}.elf"}
    request = optimize.asked(label, Location(Path(label), line), inputs, names)
    return make_action(request, TREE, epoch).digest


def test_names_and_times_are_no_part_of_the_key() -> None:
    """Neither what files and recipes are called, nor where they are declared, nor the day of a release."""
    assert key(label="g", line=7, epoch=2) == key()


def test_a_compiler_is_run_whatever_mode_it_lies_in() -> None:
    """A file of the image has no mode."""
    inputs = {**INPUTS, optimize.COMPILER: InputFile(INPUTS[optimize.COMPILER].digest, executable=True)}
    assert key(inputs) == key()


@pytest.mark.parametrize("place", PLACES)
def test_all_that_the_answer_depends_on_is_part_of_the_key(place: str) -> None:
    """Another compiler, request or bitcode is another action."""
    assert key({**INPUTS, place: InputFile(digest_bytes(b"another"))}) != key()


@pytest.mark.parametrize(
    ("said", "is_unstarted"),
    [
        ("bwrap: execvp ./bfbuild-optimize/compiler: Exec format error\n", True),
        ("proot error: execve: Exec format error\n", True),
        ("the bitcode cannot be parsed\n", False),
        ("", False),
    ],
)
def test_a_module_that_cannot_be_started_is_told_apart(said: str, *, is_unstarted: bool) -> None:
    """From one that ran and refused: its own words are shown as those of any tool."""
    request = optimize.asked("f", Location(Path("f"), 1), INPUTS, {})
    assert request.explain is not None
    assert isinstance(request.explain(said), ActionError) == is_unstarted
