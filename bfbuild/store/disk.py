"""The store's one door to the disk: temporary files, durable renames, and errors that a person understands.

A file enters the store complete or not at all: it is written under tmp/ (the same file system) and renamed to its
final name. A process killed at any moment leaves at most files in tmp/.

What was renamed is brought to the disk in the background, many files at a time, the folders that hold the names after
them; `Scratch.sync` waits for it, and a build that says it is done has waited. A power cut before that may lose the
newest files, or leave a name whose content is torn. Both are misses, since nothing is believed that does not hash to
its name or carry its seal. An unpacked tree has no such check, so all of it is on the disk before it has its name.

Whoever has the store open holds a shared lock on the folder tmp/. Who opens it and can have that lock alone knows that
no writer is alive, and removes what dead ones left. The lock is the kernel's (flock), so a killed process holds
nothing, and neither process ids nor ages have to be guessed.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import re
import shutil
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bfbuild.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

# Journalling file systems commit many waiting syncs at once, so waiting in parallel costs a few commits, not one each.
SYNCS_AT_ONCE = 16
SYNC_BATCH = 256  # files

_HASH = re.compile("[0-9a-f]{64}")

_NO_SPACE = "free some space on that disk, then build again: what was finished is kept"
_NO_RIGHT = "make this path writable for this user, or choose another cache folder (BAREFLOW_CACHE)"
_HINTS = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EROFS: _NO_RIGHT,
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.EFBIG: "a limit on the size of files is in force (see `ulimit -f`)",
    errno.EIO: "the disk reports errors: look at the kernel's log before trusting it further",
}


@contextmanager
def disk_errors(doing: str, path: Path) -> Iterator[None]:
    """Turn an OSError raised inside into a StoreError: "cannot" + `doing`, with `path` and the reason."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        facts: list[tuple[str, object]] = [("path", path), ("reason", reason)]
        raise StoreError(f"cannot {doing}", facts=facts, hint=_HINTS.get(error.errno or 0)) from error


def token(length: int) -> str:
    """Return `length` random bytes in hex, a name that nobody else makes, for less than importing `secrets` costs."""
    return os.urandom(length).hex()


def sync(paths: Collection[Path]) -> None:
    """Return when the content of these files and folders is on the disk; raise OSError where that failed."""
    with ThreadPoolExecutor(SYNCS_AT_ONCE) as pool:
        for _ in pool.map(_sync_one, paths):
            pass


def _sync_one(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # somebody removed it: there is nothing to keep
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish_folder(temporary: Path, final: Path) -> None:
    """Give a temporary folder its final name, durably, with everything in it; `final` MUST NOT exist."""
    with disk_errors("write to the store", final):
        inside = [Path(parent, name) for parent, _, names in os.walk(temporary) for name in (".", *names)]
        sync([path for path in inside if not path.is_symlink()])
        temporary.rename(final)
        sync([final.parent])


def write_sparse(file: BinaryIO, chunk: bytes) -> None:
    """Write a chunk, or leave a hole where it is all zero: disk images are large and mostly empty.

    The caller MUST `truncate()` at the end, as a hole there has no length of its own.
    """
    if chunk.count(0) == len(chunk):
        file.seek(len(chunk), os.SEEK_CUR)
    else:
        file.write(chunk)


def hashed_files(root: Path, prefix: str = "") -> Iterator[os.DirEntry[str]]:
    """Iterate, in order, over the files of a folder laid out as ab/abcd... whose names start with `prefix`.

    What is named otherwise is not ours and is passed over; what vanishes meanwhile is simply not there.
    """
    for fan in _sorted(root):
        if len(fan.name) == 2 and fan.name.startswith(prefix[:2]):
            for entry in _sorted(Path(fan.path)):
                if entry.name.startswith(prefix) and is_hash(entry.name):
                    yield entry


def is_hash(name: str) -> bool:
    """Whether a name is a SHA-256 in lower-case hex."""
    return _HASH.fullmatch(name) is not None


def _sorted(folder: Path) -> list[os.DirEntry[str]]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)
    return []


class Scratch:
    """The folder tmp/, shared by all processes that have the store open, and the way out of it.

    Everything in it, and in `others`, is somebody's unfinished work, lock files included, and worth nothing once nobody
    has it open. Safe to use from several threads.
    """

    def __init__(self, path: Path, *others: Path) -> None:
        self.path = path
        self._token = token(8)  # no two openings make the same names, not even on two machines
        self._numbers = itertools.count()
        self._waiting: list[Path] = []  # files that have their names, and are not on the disk for certain
        self._syncs: list[Future[None]] = []
        self._pool: ThreadPoolExecutor | None = None
        self._guard = threading.Lock()
        with disk_errors("open the store", path):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            weakref.finalize(self, os.close, lock)
            with suppress(OSError):  # held by somebody else, or not possible on this file system: then nothing is swept
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for folder in (path, *others):
                    _sweep(folder)
            fcntl.flock(lock, fcntl.LOCK_SH)

    def new_path(self) -> Path:
        """Return a path in tmp/ that nobody else uses."""
        return self.path / f"{self._token}.{next(self._numbers)}"

    @contextmanager
    def file(self) -> Iterator[tuple[BinaryIO, Path]]:
        """Give a new file, open for writing; it is mode 0444 afterwards, and gone where the body fails."""
        path = self.new_path()
        with disk_errors("write to the store", self.path):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    yield file, path
                    os.fchmod(file.fileno(), 0o444)
            except BaseException:
                path.unlink(missing_ok=True)
                raise

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Give a new empty folder; what is left of it afterwards is removed."""
        path = self.new_path()
        with disk_errors("make a folder in the store", self.path):
            path.mkdir(0o755)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def write(self, data: bytes) -> Path:
        """Write bytes to a new temporary file and return its path."""
        with self.file() as (file, path):
            file.write(data)
        return path

    def publish(self, files: Sequence[tuple[Path, Path]]) -> None:
        """Give each temporary file its final name, making folders as needed; where that fails, the temporary files go.

        All of it is visible on return, and on the disk after the next `sync`.
        """
        try:
            for temporary, final in files:
                with disk_errors("write to the store", final.parent):
                    try:
                        temporary.replace(final)
                    except FileNotFoundError:  # the first of its folder
                        final.parent.mkdir(parents=True, exist_ok=True)
                        temporary.replace(final)
        except BaseException:
            for temporary, _ in files:
                temporary.unlink(missing_ok=True)
            raise
        with self._guard:
            self._waiting += [final for _, final in files]
            if len(self._waiting) >= SYNC_BATCH:
                self._start_syncs()

    def sync(self) -> None:
        """Return when everything that was published by now is on the disk; raise StoreError where that failed."""
        with self._guard:
            self._start_syncs()
            syncs, self._syncs = self._syncs, []
        with disk_errors("write to the store", self.path):
            for future in syncs:
                future.result()

    def _start_syncs(self) -> None:
        """Begin to sync what waits, files before the folders that name them."""
        if not self._waiting:
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(SYNCS_AT_ONCE)
        files, self._waiting = self._waiting, []
        folders = {folder for file in files for folder in (file.parent, file.parent.parent)}
        contents = [self._pool.submit(_sync_one, file) for file in files]
        self._syncs += [self._pool.submit(_sync_after, contents, folder) for folder in folders]


def _sync_after(contents: Sequence[Future[None]], folder: Path) -> None:
    for content in contents:
        content.result()
    _sync_one(folder)


def _sweep(folder: Path) -> None:
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            with suppress(OSError):  # a read-only store can still be read
                entry.unlink()
