"""The store: everything that was made, by content, and how it came to be.

    cas/      content                          cas.py
    ac/       results of actions               results.py
    signatures/  who vouches for results       signatures.py
    trace/    what was done and why            trace.py
    marks/    what is not deterministic        marks.py
    roots/    what must be kept                roots.py
    leases/   what running processes use       leases.py
    trees/    unpacked folders                 signature.py; they may be deleted while nothing uses them
    tmp/      unfinished work and lock files   disk.py

Several processes may use one store at once. Reading needs no lock, since nothing visible ever changes. Locks keep
work from being done twice: one per action while it is executed, one per tree while it is built, one per download. They
are the kernel's: those of a killed process are free. What a store says is there stays while the store is open, whoever
collects.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bfbuild.store.cas import Cas
from bfbuild.store.disk import Scratch, disk_errors, publish_folder, token
from bfbuild.store.leases import Leases
from bfbuild.store.marks import Marks
from bfbuild.store.results import Results
from bfbuild.store.roots import Roots
from bfbuild.store.signature import signature, signature_path
from bfbuild.store.signatures import Signatures
from bfbuild.store.trace import Traces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bfbuild.digest import ActionDigest, Digest
    from bfbuild.store.signatures import Trust

FOLDERS = ("cas", "ac", "trace", "roots", "trees", "tmp")


class Usage(NamedTuple):
    """How much one folder of the store holds."""

    files: int
    bytes: int


class Store:
    """One store on disk; opening it makes what is missing and removes what killed processes left unfinished.

    A complete store that is read-only can be opened and read. Raise StoreError where it can be neither made nor read.
    With `trust`, only results count that those vouch for whom it names.
    """

    def __init__(self, path: Path, trust: Trust | None = None) -> None:
        self.path = path
        for name in FOLDERS:
            with disk_errors("open the store", path / name):
                (path / name).mkdir(parents=True, exist_ok=True)
        self.scratch = Scratch(path / "tmp", path / "leases")
        self.leases = Leases(path / "leases", path / "cas")
        self.cas = Cas(path / "cas", self.scratch, self.leases)
        self.signatures = Signatures(path / "signatures", self.scratch)
        self.results = Results(path / "ac", self.scratch, self.leases, self.signatures, trust)
        self.traces = Traces(path / "trace")
        self.roots = Roots(path / "roots", self.scratch)
        self.marks = Marks(path / "marks", self.scratch)

    def sync(self) -> None:
        """Return when all that was put here is on the disk; raise StoreError where that failed."""
        self.scratch.sync()

    @contextmanager
    def action_lock(self, action: ActionDigest) -> Iterator[None]:
        """Hold the right to execute an action, waiting for whoever has it; then look for its result again first."""
        with self._lock(f"action-{action.hash}.lock"):
            yield

    @contextmanager
    def download_lock(self, digest: Digest) -> Iterator[None]:
        """Hold the right to download a file, waiting for whoever has it; then look for the file again first."""
        with self._lock(f"download-{digest.hash}.lock"):
            yield

    @contextmanager
    def tree_lock(self, name: str) -> Iterator[None]:
        """Hold the right to change a named folder outside the store, or a tree in it; wait for whoever has it."""
        if "/" in name:
            raise ValueError(f"a lock's name has no slash: {name}")
        from filelock import FileLock  # noqa: PLC0415  (slow to import: it brings asyncio)

        path = self.scratch.path / f"tree-{name}.lock"
        with disk_errors("lock the store", path):
            lock = FileLock(path)
            lock.acquire()
        try:
            yield
        finally:
            # Removed while held: who waited on this file notices that it has lost its name, and takes the next one.
            with suppress(OSError):
                path.unlink()
            lock.release()

    @contextmanager
    def collector_lock(self) -> Iterator[None]:
        """Hold the right to collect, waiting for whoever has it."""
        with self._lock("collect.lock"):
            yield

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        path = self.scratch.path / name
        with disk_errors("lock the store", path):
            lock = _flock(path)
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()  # while held, see `tree_lock`
            os.close(lock)

    def tree_path(self, digest: Digest) -> Path:
        """Return where an unpacked tree lies; it is complete and stays, or there is no folder."""
        self.leases.hold(digest.hash)
        return self.path / "trees" / digest.hash

    def add_tree(self, digest: Digest, build: Callable[[Path], None]) -> Path:
        """Return the tree's path, after `build` has filled it where it did not exist; complete and durable.

        `build` gets an empty folder and is called at most once at a time for one digest, over all processes; what it
        raises is passed on and leaves no tree. Takes `tree_lock(digest.hash)`, which the caller MUST NOT hold.
        """
        path = self.tree_path(digest)
        with self.tree_lock(digest.hash):
            if not path.is_dir():
                with self.scratch.folder() as folder:
                    build(folder)
                    publish_folder(folder, path)
                self.sign_tree(digest)
        return path

    def sign_tree(self, digest: Digest) -> None:
        """Keep what a tree looks like that was found to be right, for `signature.untouched` to compare."""
        path = self.tree_path(digest)
        with disk_errors("read a tree of the store", path):
            text = signature(path)
        self.scratch.publish([(self.scratch.write(text.encode()), signature_path(path))])

    def drop_tree(self, digest: Digest) -> None:
        """Take away a tree that is not right; the caller MUST hold its `tree_lock`.

        Tools of other builds may be running in it: it is deleted when the store is opened and nobody else has it open.
        """
        path = self.tree_path(digest)
        with disk_errors("take away a damaged tree", path):
            path.rename(self.scratch.path / f"tree-{token(8)}")

    def usage(self) -> dict[str, Usage]:
        """Return what each folder of the store holds: files, links among them, and their bytes."""
        return {name: _usage(self.path / name) for name in FOLDERS}


def _flock(path: Path) -> int:
    """Lock a file as filelock does, for an action that may be over sooner than that is imported; return it, open."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):  # noqa: PTH116  (beside fstat)
                return descriptor
        os.close(descriptor)  # its holder has removed it: it keeps nobody out any more


def _usage(folder: Path) -> Usage:
    files = total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # others may be at work
                total += Path(parent, name).lstat().st_size
                files += 1
    return Usage(files, total)
