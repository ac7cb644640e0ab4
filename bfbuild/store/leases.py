"""Leases: what running processes use of a store, so that nobody collects it under them.

    leases/<id>     the names that one process asked for, 32 bytes each: of content, results and trees

Rules. Before a store says whether something is there, the name is written to the process's lease, and then the gate, a
lock on the folder cas/, is passed once, shared. So what a store found stays for as long as the process lives, however
much is collected meanwhile: see collect.py, the only place that closes the gate. The lease of a process that ended
stays as a file for a while, since what it built may be on record only since then; the next collection, or the next
opening of a store that nobody else has open, removes it. Locks are the kernel's: a killed process holds nothing.

Where a lease cannot be written (a full disk, a read-only one) the process keeps the gate open until it ends instead,
and a collection waits for it.
"""

from __future__ import annotations

import fcntl
import os
import threading
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from bfbuild.store.disk import disk_errors, token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME_SIZE = 32  # bytes of a SHA-256


class Leases:
    """The lease of one process, made with the first name. Safe to use from several threads."""

    def __init__(self, path: Path, gate: Path) -> None:
        self.path = path
        self._gate_path = gate
        self._held: set[str] = set()
        self._guard = threading.Lock()
        self._gate = -1
        self._file = -1

    def hold(self, name: str) -> None:
        """Ask that what has this name (SHA-256 in hex) stays, if it is there when this returns."""
        if name in self._held:
            return
        with self._guard:
            if self._gate < 0:
                self._open()
            if self._file >= 0 and not _append(self._file, bytes.fromhex(name)):
                self._file = -1
                _lock(self._gate, fcntl.LOCK_SH)  # for good
            if self._file >= 0:
                _lock(self._gate, fcntl.LOCK_SH)
                _lock(self._gate, fcntl.LOCK_UN)
            self._held.add(name)

    def _open(self) -> None:
        """Make the lease while the gate is open, so nobody sees one that is not locked yet and takes it for dead."""
        with disk_errors("open the store", self._gate_path):
            self._gate = os.open(self._gate_path, os.O_RDONLY | os.O_DIRECTORY)
        weakref.finalize(self, os.close, self._gate)
        _lock(self._gate, fcntl.LOCK_SH)
        try:
            self.path.mkdir(exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
            self._file = os.open(self.path / token(8), flags, 0o644)
        except OSError:
            return  # and the gate stays open
        weakref.finalize(self, os.close, self._file)
        _lock(self._file, fcntl.LOCK_EX)
        _lock(self._gate, fcntl.LOCK_UN)


class Watch:
    """What all processes hold, as the one that collects sees it; made before it looks at what is in the store.

    It forgets the leases of processes that had ended by then; it reads those of processes that end later to the end.
    """

    def __init__(self, path: Path, gate: Path) -> None:
        self._path = path
        self._gate_path = gate
        self._read: dict[str, int] = {}  # bytes read of each lease
        self._names: set[bytes] = set()
        with self._gate():
            for entry in _leases(path):
                if _is_dead(entry.path):
                    with suppress(OSError):
                        os.unlink(entry.path)  # noqa: PTH108  (beside scandir)

    @contextmanager
    def closed(self) -> Iterator[tuple[set[bytes], set[bytes]]]:
        """Close the gate for a moment; give all names that are held, and those among them that are new.

        What is not held may be removed until the gate opens.
        """
        with self._gate():
            new: set[bytes] = set()
            for entry in _leases(self._path):
                start = self._read.get(entry.name, 0)
                names = _names(entry.path, start)
                self._read[entry.name] = start + NAME_SIZE * len(names)
                new.update(names)
            new -= self._names
            self._names |= new
            yield self._names, new

    @contextmanager
    def _gate(self) -> Iterator[None]:
        with disk_errors("close the store for a moment", self._gate_path):
            gate = os.open(self._gate_path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(gate, fcntl.LOCK_EX)
                yield
            finally:
                os.close(gate)


def held_names(path: Path) -> set[bytes]:
    """Return the names that running processes hold by now."""
    return {name for entry in _leases(path) if not _is_dead(entry.path) for name in _names(entry.path, 0)}


def _leases(path: Path) -> list[os.DirEntry[str]]:
    with suppress(FileNotFoundError), os.scandir(path) as entries:
        return list(entries)
    return []


def _names(path: str, start: int) -> list[bytes]:
    """Return the names that stand in a lease from the byte `start` on."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  (beside scandir)
            file.seek(start)
            data = file.read()
    except FileNotFoundError:
        return []
    return [data[at : at + NAME_SIZE] for at in range(0, len(data) - NAME_SIZE + 1, NAME_SIZE)]


def _is_dead(path: str) -> bool:
    """Whether the process that made a lease has ended."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(file)


def _append(file: int, data: bytes) -> bool:
    try:
        return os.write(file, data) == len(data)
    except OSError:
        return False


def _lock(file: int, kind: int) -> None:
    with suppress(OSError):  # no locks on this file system: then nobody can collect there either
        fcntl.flock(file, kind)
