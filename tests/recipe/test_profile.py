"""Requests have one spelling, which is the guest's, and a recorded profile is read as it was written or not at all."""

from __future__ import annotations

import ast
import hashlib
import json

import pytest
from pydantic import TypeAdapter, ValidationError

from bfbuild.errors import RecipeError
from bfbuild.recipe.profile import Entry, Lines, Profile, Source, label, processor, request_lines, request_text, version

COMPILER, BITCODE = "c" * 64, "b" * 64
GENERAL = ("function add", "features +cmov,+sse4.1", "recursion 3")
SPECIAL = (*GENERAL, "constant 0 7", "constant 2 4294967295", "branches 0a1F")
GOLDEN = f"""\
bareflow-request 2
compiler {COMPILER}
bitcode {BITCODE}
function add
features +cmov,+sse4.1
recursion 3
constant 0 7
constant 2 4294967295
branches 0a1F
"""
PROFILE = Profile(
    sources={
        "f.bc": Source(
            compiler=COMPILER,
            bitcode=BITCODE,
            entries=(
                Entry(request=GENERAL, state="optimized", per_mille=500, before=2000, after=1000, better=SPECIAL),
                Entry(request=SPECIAL),
            ),
        )
    }
)


def test_a_request_is_text_as_the_format_says() -> None:
    """Byte for byte, with the optional lines in their order, and read back to what it was made of."""
    assert request_text(COMPILER, BITCODE, SPECIAL) == GOLDEN.encode()
    assert request_lines(GOLDEN.encode()) == (COMPILER, BITCODE, SPECIAL)


@pytest.mark.parametrize(
    "lines",
    [
        (),
        GENERAL[:2],
        (*GENERAL, ""),
        (GENERAL[0], GENERAL[2], GENERAL[1]),
        ("function a b", *GENERAL[1:]),
        ("function a/b", *GENERAL[1:]),
        (f"{GENERAL[0]}\n", *GENERAL[1:]),
        (GENERAL[0], "features ", GENERAL[2]),
        (GENERAL[0], "features cmov", GENERAL[2]),
        (*GENERAL[:2], "recursion 03"),
        (*GENERAL, "branches 0a", "constant 0 7"),
        (*GENERAL, f"branches {'00' * 1000}"),
        (*GENERAL, "nonsense"),
    ],
)
def test_what_is_no_request_is_refused(lines: tuple[str, ...]) -> None:
    """Lines that are missing, doubled, out of order, malformed or too many."""
    with pytest.raises(ValidationError):
        TypeAdapter(Lines).validate_python(lines)
    with pytest.raises(ValueError, match="request"):
        request_lines(request_text(COMPILER, BITCODE, lines))


def test_a_profile_is_read_as_it_was_written() -> None:
    """Its text is canonical, is JSON, and means the same to Python, as which pack.py reads it."""
    text = PROFILE.to_text()
    assert Profile.from_text(text, "p.json") == PROFILE
    assert Profile.from_text(text, "p.json").to_text() == text
    assert ast.literal_eval(text) == json.loads(text)


@pytest.mark.parametrize(
    "text", ["", "{}x", '{"version": 2}', PROFILE.to_text().replace("function add", "function ..")]
)
def test_a_profile_that_was_damaged_is_told(text: str) -> None:
    """The file is named, and what to do: nothing is lost with it that a boot does not find out again."""
    with pytest.raises(RecipeError, match="cannot be read") as caught:
        Profile.from_text(text, "p.json")
    assert ("file", "p.json") in caught.value.facts
    assert caught.value.hint is not None


def test_a_request_has_a_name_of_its_own() -> None:
    """It says the function, and differs by all else, so that recipes and boots name the same request alike."""
    assert label("f.bc", GENERAL) == f"optimized/add-{hashlib.sha256(_said('f.bc', GENERAL)).hexdigest()[:8]}"
    assert len({label(bitcode, lines) for bitcode in ("f.bc", "g.bc") for lines in (GENERAL, SPECIAL)}) == 4


def _said(*words: str | tuple[str, ...]) -> bytes:
    flat = [line for word in words for line in ([word] if isinstance(word, str) else word)]
    return "".join(f"{line}\n" for line in flat).encode()


def test_a_processor_is_told_in_short() -> None:
    """By the last of its features."""
    assert processor(GENERAL) == "sse4.1 and 1 more"
    assert processor(("function f", "features none", "recursion 0")) == "i686"


def test_a_version_is_told_in_short() -> None:
    """By what its request says besides function and processor."""
    assert version(SPECIAL) == "recursion 3, constants 0 2, branches"
