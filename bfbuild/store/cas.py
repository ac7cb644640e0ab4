"""Content by digest: cache/cas/ab/abcd..., where a file's name is the SHA-256 of its content.

Rules. Content read from here is always checked against its name, so a reader gets the right bytes or `BlobMissing` or
`BlobDamaged`, never others. Content written here is complete before it has its name, and durable after `Store.sync`;
writers of the same content do not disturb one another; a good write replaces a damaged file. Files are mode 0444 and
never change.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO

from bfbuild.digest import CHUNK, Digest, digest_bytes, digest_file
from bfbuild.store.disk import disk_errors, hashed_files, token, write_sparse
from bfbuild.store.lookup import BlobDamaged, BlobMissing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from bfbuild.store.disk import Scratch
    from bfbuild.store.leases import Leases

FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file (btrfs, xfs, bcachefs)


class Presence(StrEnum):
    """Whether content is there."""

    PRESENT = "present"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class BlobState:
    """What the store holds under a digest; `reason` is empty unless it is damaged."""

    presence: Presence
    reason: str = ""


class Cas:
    """The content in one folder."""

    def __init__(self, path: Path, scratch: Scratch, leases: Leases) -> None:
        self.path = path
        self._scratch = scratch
        self._leases = leases

    def put_bytes(self, data: bytes) -> Digest:
        """Store bytes. Raise StoreError where they cannot be written."""
        with self.batch() as batch:
            return batch.put_bytes(data)

    def put_file(self, path: Path) -> Digest:
        """Store what a file holds now, hashed as it is copied.

        Raise StoreError where the file cannot be read or the store cannot be written.
        """
        with self.batch() as batch:
            return batch.put_file(path)

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """Store many things: they become visible when the body ends; none where it fails.

        A batch belongs to one thread.
        """
        batch = Batch(self, self._scratch)
        try:
            yield batch
        except BaseException:
            batch.discard()
            raise
        batch.publish()

    def get_bytes(self, digest: Digest) -> bytes:
        """Return the content; raise BlobMissing or BlobDamaged, both to be taken as a miss with that reason."""
        with self._open(digest) as blob:
            return b"".join(_checked(blob, digest))

    def state(self, digest: Digest) -> BlobState:
        """Say whether the content is here, reading and hashing all of it; it stays while this store is open."""
        self._leases.hold(digest.hash)
        return self.look(digest)

    def look(self, digest: Digest) -> BlobState:
        """Say the same for one who only looks: it may be gone the next moment."""
        try:
            self._check(digest)
        except BlobMissing:
            return BlobState(Presence.MISSING)
        except BlobDamaged as problem:
            return BlobState(Presence.DAMAGED, problem.reason)
        return BlobState(Presence.PRESENT)

    def copy_to(self, digest: Digest, destination: Path, *, executable: bool, link: bool = False) -> None:
        """Put the content at `destination`, replacing a file there; it appears complete or not at all.

        The copy is a file of its own, mode 0755 or 0644, sharing blocks where the file system can. With `link` it may
        be a hard link instead, mode 0444: only for readers that cannot write to it, since a write would damage the
        store. An executable is never linked, as the mode belongs to all links. The folder MUST exist. Raise
        BlobMissing, BlobDamaged, or StoreError where the destination cannot be written.
        """
        with disk_errors("copy out of the store", destination):
            if link and not executable and self._link(digest, destination):
                return
            temporary = destination.with_name(f".bf-{token(8)}")
            try:
                self._copy(digest, temporary, 0o755 if executable else 0o644)
                temporary.replace(destination)
            finally:
                temporary.unlink(missing_ok=True)

    def digests(self, prefix: str = "") -> Iterator[Digest]:
        """Iterate, in order, over what is here by name and size, unchecked; only hashes that start with `prefix`."""
        for entry in hashed_files(self.path, prefix):
            with suppress(FileNotFoundError):
                yield Digest(entry.name, entry.stat().st_size)

    def path_of(self, digest: Digest) -> Path:
        """Return where the content lies, or would lie."""
        return self.path / digest.hash[:2] / digest.hash

    def _link(self, digest: Digest, destination: Path) -> bool:
        self._check(digest)
        try:
            os.link(self.path_of(digest), destination)
        except OSError as error:
            if error.errno in {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.EEXIST}:
                return False  # no link here: copy
            raise
        return True

    def _copy(self, digest: Digest, destination: Path, mode: int) -> None:
        with self._open(digest) as blob, destination.open("xb") as copy:
            try:
                fcntl.ioctl(copy, FICLONE, blob.fileno())
                cloned = True
            except OSError:
                cloned = False
            for chunk in _checked(blob, digest):
                if not cloned:
                    write_sparse(copy, chunk)
            if not cloned:
                copy.truncate()
            os.fchmod(copy.fileno(), mode)

    def _check(self, digest: Digest) -> None:
        with self._open(digest) as blob:
            for _ in _checked(blob, digest):
                pass

    def _open(self, digest: Digest) -> BinaryIO:
        try:
            return self.path_of(digest).open("rb", buffering=0)
        except FileNotFoundError:
            raise BlobMissing(digest) from None
        except OSError as error:
            raise BlobDamaged(digest, f"cannot be read: {error.strerror}") from error


def _checked(blob: BinaryIO, digest: Digest) -> Iterator[bytes]:
    """Iterate over the content; raise BlobDamaged after the last chunk, or before the first, where it is another."""
    sha256 = hashlib.sha256()
    try:
        size = os.fstat(blob.fileno()).st_size
        if size != digest.size:
            raise BlobDamaged(digest, f"damaged: {size:,} bytes where {digest.size:,} were stored")
        while chunk := blob.read(CHUNK):
            sha256.update(chunk)
            yield chunk
    except OSError as error:
        raise BlobDamaged(digest, f"cannot be read: {error.strerror}") from error
    if sha256.hexdigest() != digest.hash:
        raise BlobDamaged(digest, f"damaged: its content has SHA-256 {sha256.hexdigest()[:12]}...")


class Batch:
    """Content on its way into a Cas; see `Cas.batch`."""

    def __init__(self, cas: Cas, scratch: Scratch) -> None:
        self._cas = cas
        self._scratch = scratch
        self._waiting: dict[Digest, Path] = {}

    def put_bytes(self, data: bytes) -> Digest:
        """Add bytes."""
        digest = digest_bytes(data)
        if not self._has(digest):
            self._waiting[digest] = self._scratch.write(data)
        return digest

    def put_file(self, path: Path) -> Digest:
        """Add what a file holds now; raise StoreError where it cannot be read."""
        return self.put_chunks(_chunks(path))

    def put_chunks(self, chunks: Iterable[bytes]) -> Digest:
        """Add what these pieces are together; what the iteration raises is passed on, and nothing is added."""
        sha256, size = hashlib.sha256(), 0
        with self._scratch.file() as (copy, temporary):
            for chunk in chunks:
                sha256.update(chunk)
                size += len(chunk)
                write_sparse(copy, chunk)
            copy.truncate()
        digest = Digest(sha256.hexdigest(), size)
        if self._has(digest):
            temporary.unlink()
        else:
            self._waiting[digest] = temporary
        return digest

    def take_file(self, path: Path) -> Digest:
        """Add a file itself, which is gone from `path` then: no copy is made.

        It MUST lie on the store's file system, and nobody may have it open for writing, or a link to it.
        """
        with disk_errors("take a file into the store", path):
            digest = digest_file(path)
            if self._has(digest):
                path.unlink()
            else:
                path.chmod(0o444)
                temporary = self._scratch.new_path()
                path.rename(temporary)
                self._waiting[digest] = temporary
        return digest

    def publish(self) -> None:
        """Make everything added visible."""
        self._scratch.publish([(temporary, self._cas.path_of(digest)) for digest, temporary in self._waiting.items()])

    def discard(self) -> None:
        """Forget everything added."""
        for temporary in self._waiting.values():
            temporary.unlink(missing_ok=True)

    def _has(self, digest: Digest) -> bool:
        return digest in self._waiting or self._cas.state(digest).presence is Presence.PRESENT


def _chunks(path: Path) -> Iterator[bytes]:
    with disk_errors("read a file into the store", path), path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            yield chunk
