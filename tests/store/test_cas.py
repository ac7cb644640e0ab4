"""The contract of every Cas; an implementation joins by a line in the fixture `cas`."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from bfbuild.digest import CHUNK, Digest, digest_bytes
from bfbuild.errors import StoreError
from bfbuild.store import Store
from bfbuild.store.cas import BlobState, Cas, Presence
from bfbuild.store.lookup import BlobMissing

if TYPE_CHECKING:
    from pathlib import Path

SIZES = [0, 1, 4096, CHUNK - 1, CHUNK, CHUNK + 1]


@pytest.fixture(params=["disk"])
def cas(request: pytest.FixtureRequest, tmp_path: Path) -> Cas:
    """Return an empty Cas of each kind."""
    return {"disk": lambda: Store(tmp_path / "cache").cas}[request.param]()


def content(size: int, seed: int = 0) -> bytes:
    """Return `size` bytes that look like nothing else."""
    return hashlib.shake_256(seed.to_bytes(8, "big")).digest(size)


@pytest.mark.parametrize("size", SIZES)
def test_bytes_come_back(cas: Cas, size: int) -> None:
    """What was put is got, byte for byte, under the SHA-256 that hashlib says; nothing at all is content too."""
    data = content(size)
    digest = cas.put_bytes(data)
    assert (digest.hash, digest.size) == (hashlib.sha256(data).hexdigest(), size)
    assert cas.get_bytes(digest) == data
    assert cas.state(digest) == BlobState(Presence.PRESENT)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_and_its_bytes_have_one_digest(cas: Cas, tmp_path: Path, size: int) -> None:
    """A file is stored under the digest of its bytes."""
    path = tmp_path / "file"
    path.write_bytes(content(size))
    digest = cas.put_file(path)
    assert digest == digest_bytes(content(size))
    assert cas.get_bytes(digest) == content(size)


def test_a_large_file_is_never_held_in_memory(cas: Cas, tmp_path: Path) -> None:
    """Storing and copying out 32 MiB takes a few chunks of memory."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(32 << 20)
    tracemalloc.start()
    try:
        cas.copy_to(cas.put_file(path), tmp_path / "copy", executable=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * CHUNK


def test_what_was_never_put_is_missing(cas: Cas, tmp_path: Path) -> None:
    """Missing content is a state, an exception with that reason, and never a file."""
    digest = digest_bytes(b"never put")
    assert cas.state(digest) == BlobState(Presence.MISSING)
    with pytest.raises(BlobMissing) as problem:
        cas.get_bytes(digest)
    assert problem.value.reason == "missing"
    with pytest.raises(BlobMissing):
        cas.copy_to(digest, tmp_path / "copy", executable=False)
    assert list(tmp_path.glob("*copy*")) == list(tmp_path.glob(".bf-*")) == []


def test_a_digest_is_hash_and_size(cas: Cas) -> None:
    """The right hash with another size does not name the content."""
    digest = cas.put_bytes(b"five!")
    assert cas.state(Digest(digest.hash, 4)).presence is Presence.DAMAGED


def test_putting_again_changes_nothing(cas: Cas) -> None:
    """Content is there once, however often it is put."""
    assert cas.put_bytes(b"twice") == cas.put_bytes(b"twice")
    assert list(cas.digests()) == [digest_bytes(b"twice")]


def test_a_source_that_cannot_be_read_is_named(cas: Cas, tmp_path: Path) -> None:
    """The error of putting a file that is not there tells which file and why."""
    with pytest.raises(StoreError) as problem:
        cas.put_file(tmp_path / "absent")
    assert problem.value.headline == "cannot read a file into the store"
    assert problem.value.facts == [("path", str(tmp_path / "absent")), ("reason", "No such file or directory")]
    assert list(cas.digests()) == []


def test_a_batch_is_visible_when_it_ends(cas: Cas, tmp_path: Path) -> None:
    """Nothing of a batch is there before its end, and all of it after, equal things once."""
    (tmp_path / "file").write_bytes(b"one")
    with cas.batch() as batch:
        digests = [batch.put_bytes(b"one"), batch.put_file(tmp_path / "file"), batch.put_bytes(b"two")]
        assert list(cas.digests()) == []
    assert list(cas.digests()) == sorted(set(digests))
    assert [cas.get_bytes(digest) for digest in digests] == [b"one", b"one", b"two"]


def test_a_batch_that_fails_leaves_nothing(cas: Cas) -> None:
    """A batch whose body raises stores nothing of what was added."""

    def fail() -> None:
        with cas.batch() as batch:
            batch.put_bytes(b"one")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(cas.digests()) == []


def test_digests_are_listed_in_order_and_by_prefix(cas: Cas) -> None:
    """Listing gives every digest in order, and with a prefix exactly those that start so."""
    everything = sorted(cas.put_bytes(content(10, seed)) for seed in range(50))
    assert list(cas.digests()) == everything
    for prefix in ("", "a", everything[0].hash[:2], everything[7].hash[:9], "0" * 64):
        assert list(cas.digests(prefix)) == [digest for digest in everything if digest.hash.startswith(prefix)]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize(("executable", "mode"), [(True, 0o755), (False, 0o644)])
def test_a_copy_has_the_bytes_and_one_of_two_modes(
    cas: Cas, tmp_path: Path, umask: int, executable: bool, mode: int
) -> None:
    """A copy is 0755 or 0644 whatever the umask, and takes the place of what was there."""
    destination = tmp_path / "copy"
    destination.write_bytes(b"something older and longer")
    before = os.umask(umask)
    try:
        cas.copy_to(cas.put_bytes(b"new"), destination, executable=executable)
    finally:
        os.umask(before)
    assert destination.read_bytes() == b"new"
    assert destination.stat().st_mode & 0o7777 == mode


@pytest.mark.parametrize("link", [True, False])
def test_replacing_an_output_leaves_the_content_alone(cas: Cas, tmp_path: Path, link: bool) -> None:
    """Copying over an earlier copy, even a linked one, changes neither of the two contents."""
    destination = tmp_path / "output"
    first, second = cas.put_bytes(b"first"), cas.put_bytes(b"second")
    for digest in (first, first, second, first):
        cas.copy_to(digest, destination, executable=False, link=link)
        assert destination.read_bytes() == cas.get_bytes(digest)
    assert [cas.state(digest).presence for digest in (first, second)] == [Presence.PRESENT] * 2
    assert list(tmp_path.glob(".bf-*")) == []


def test_a_destination_that_cannot_be_written_is_named(cas: Cas, tmp_path: Path) -> None:
    """The error of copying into a folder that is not there tells the destination."""
    with pytest.raises(StoreError) as problem:
        cas.copy_to(cas.put_bytes(b"data"), tmp_path / "absent" / "copy", executable=False)
    assert problem.value.headline == "cannot copy out of the store"
    assert ("path", str(tmp_path / "absent" / "copy")) in problem.value.facts
