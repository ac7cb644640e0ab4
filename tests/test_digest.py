"""Digests: equal to what other programs say, and kept apart where they mean different things."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bfbuild.digest import CHUNK, ActionDigest, Digest, canonical, digest_bytes, digest_file
from bfbuild.protos import remote_execution_pb2 as api
from tests.conftest import Tool

# FIPS 180-4's examples, as its authors publish them.
KNOWN = {
    b"": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    b"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
}


@pytest.mark.parametrize("data", KNOWN, ids=repr)
def test_a_digest_is_sha256_and_size(data: bytes, tmp_path: Path) -> None:
    """Bytes and files have the SHA-256 that the standard says, and their number of bytes."""
    (tmp_path / "file").write_bytes(data)
    assert digest_bytes(data) == digest_file(tmp_path / "file") == Digest(KNOWN[data], len(data))


def test_a_large_file_has_the_digest_that_python_in_a_toolchain_says(tmp_path: Path, tool: Tool) -> None:
    """A file of several chunks is hashed as another program hashes it."""
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * (CHUNK // 100))
    script = "import hashlib,sys; print(hashlib.sha256(open(sys.argv[1],'rb').read()).hexdigest())"
    said = tool("python3", "-S", "-c", script, str(path))
    assert said.stdout.strip() == digest_file(path).hash, said.stderr


@given(st.binary(max_size=64))
def test_a_digest_survives_text_and_message(data: bytes) -> None:
    """What is written as text or as the API's message is read back as it was, in its own type."""
    digest = digest_bytes(data)
    assert Digest.parse(str(digest)) == Digest.of_message(digest.to_message()) == digest
    assert type(ActionDigest.parse(str(digest))) is ActionDigest
    assert digest.hash.startswith(digest.short)


def test_a_description_and_content_are_never_equal() -> None:
    """The name of an action is not the name of content, though its description lies in the store by the same hash."""
    content = digest_bytes(b"abc")
    action = ActionDigest(content.hash, content.size)
    assert action != content  # type: ignore[comparison-overlap]  # the type checker knows it too
    assert action.description == content


@pytest.mark.parametrize("text", ["", "abc/3", "A" * 64 + "/1", "0" * 64, "0" * 64 + "/-1", "0" * 64 + "/x"])
def test_what_is_no_digest_is_refused(text: str) -> None:
    """Short, upper-case, without size, or with a wrong one: a ValueError, never a digest."""
    with pytest.raises(ValueError, match=r"digest|invalid literal"):
        Digest.parse(text)


def test_canonical_bytes_do_not_depend_on_the_order_of_filling() -> None:
    """Equal messages have equal bytes, whichever field was set first."""
    one, other = api.Digest(), api.Digest()
    one.hash, one.size_bytes = "ab", 3
    other.size_bytes, other.hash = 3, "ab"
    assert canonical(one) == canonical(other) == b"\x0a\x02ab\x10\x03"
