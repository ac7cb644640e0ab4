"""What a Cas in files promises beyond the contract: names that anyone can check, damage noticed and healed, links."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bfbuild.errors import StoreError
from bfbuild.store.cas import Presence
from bfbuild.store.lookup import BlobDamaged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bfbuild.store import Store

DATA = bytes(range(256)) * 40


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    rewrite(path, bytes(data))


def rewrite(path: Path, data: bytes) -> None:
    """Give a read-only file other bytes, as a failing disk would."""
    path.chmod(0o644)
    path.write_bytes(data)


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "one bit flipped": (flip, "damaged: its content has SHA-256 "),
    "cut short": (lambda path: rewrite(path, DATA[:-1]), "damaged: 10,239 bytes where 10,240 were stored"),
    "emptied": (lambda path: rewrite(path, b""), "damaged: 0 bytes where 10,240 were stored"),
    "grown": (lambda path: rewrite(path, DATA + b"!"), "damaged: 10,241 bytes where 10,240 were stored"),
}


@pytest.mark.parametrize(("damage", "reason"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_noticed_and_healed(
    store: Store, tmp_path: Path, damage: Callable[[Path], None], reason: str
) -> None:
    """A damaged blob is damaged for every reader, with a reason; a good write makes it whole again."""
    cas = store.cas
    digest = cas.put_bytes(DATA)
    damage(cas.path_of(digest))
    state = cas.state(digest)
    assert (state.presence, state.reason[: len(reason)]) == (Presence.DAMAGED, reason)
    with pytest.raises(BlobDamaged) as problem:
        cas.get_bytes(digest)
    assert problem.value.reason == state.reason
    for link in (False, True):
        with pytest.raises(BlobDamaged):
            cas.copy_to(digest, tmp_path / "copy", executable=False, link=link)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    cas.put_bytes(DATA)
    assert cas.get_bytes(digest) == DATA


def test_a_folder_in_the_place_of_content_is_damage(store: Store) -> None:
    """What cannot even be read as a file is damaged, with the system's reason; a put fails and leaves nothing."""
    digest = store.cas.put_bytes(DATA)
    path = store.cas.path_of(digest)
    path.unlink()
    path.mkdir()
    assert store.cas.state(digest).reason == "cannot be read: Is a directory"
    with pytest.raises(StoreError, match="cannot write to the store"):
        store.cas.put_bytes(DATA)
    assert list((store.path / "tmp").iterdir()) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blobs=st.lists(st.binary(max_size=2000), max_size=8))
def test_every_name_is_the_sha256_of_its_file(store: Store, blobs: list[bytes]) -> None:
    """As `sha256sum` would find: cas/ab/abcd... holds what hashes to abcd..., and cannot be written by accident."""
    with store.cas.batch() as batch:
        for blob in blobs:
            batch.put_bytes(blob)
    files = [path for path in (store.path / "cas").rglob("*") if path.is_file()]
    assert {hashlib.sha256(blob).hexdigest() for blob in blobs} <= {path.name for path in files}
    for path in files:
        assert path.name == hashlib.sha256(path.read_bytes()).hexdigest()
        assert path.parent.name == path.name[:2]
        assert path.stat().st_mode & 0o7777 == 0o444


def test_what_is_not_ours_is_passed_over(store: Store) -> None:
    """Foreign files and folders in the store are not listed."""
    digest = store.cas.put_bytes(DATA)
    fan = store.cas.path_of(digest).parent
    (fan / "README").write_text("not a digest")
    (fan / ("z" * 64)).write_text("not hex")
    (store.path / "cas" / "lost+found").mkdir()
    (store.path / "cas" / "zz").write_text("a file where a folder should be")
    assert list(store.cas.digests()) == [digest]


def test_a_link_shares_the_file_and_an_executable_never_does(store: Store, tmp_path: Path) -> None:
    """With `link` plain content is one file with the store's; an executable is a copy, as its mode is another."""
    digest = store.cas.put_bytes(DATA)
    store.cas.copy_to(digest, tmp_path / "plain", executable=False, link=True)
    store.cas.copy_to(digest, tmp_path / "program", executable=True, link=True)
    assert (tmp_path / "plain").samefile(store.cas.path_of(digest))
    assert not (tmp_path / "program").samefile(store.cas.path_of(digest))
    assert (tmp_path / "program").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("reason", [errno.EXDEV, errno.EMLINK, errno.EPERM])
def test_where_no_link_is_possible_it_is_a_copy(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    """Another file system, too many links, links not allowed: the content arrives as a copy."""

    def refuse(*_: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "link", refuse)
    store.cas.copy_to(store.cas.put_bytes(DATA), tmp_path / "copy", executable=False, link=True)
    assert (tmp_path / "copy").read_bytes() == DATA


def test_nothing_is_left_in_tmp(store: Store, tmp_path: Path) -> None:
    """After any number of writes, repeated ones too, there is no unfinished file."""
    (tmp_path / "file").write_bytes(DATA)
    for _ in range(2):
        store.cas.put_file(tmp_path / "file")
        store.cas.put_bytes(b"bytes")
    assert list((store.path / "tmp").iterdir()) == []
