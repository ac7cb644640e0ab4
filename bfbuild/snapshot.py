"""The answer to "did anything change?" in milliseconds: one sweep of stats over a saved list of files.

A snapshot says: when these files had these stats, a target was built, and these words were the answer. It is written
by a build that succeeded, and believed only while every file, source or output, has the very same size, mtime, inode
and mode, and every folder that was searched is untouched. It is a shortcut, never a truth: whatever does not fit, a
snapshot that cannot be read among it, means no more than that the full way must be gone.

A source as young as its own reading could change once more without its stat telling; then no snapshot is written.
The standard library alone, and little of it: this module is the start-up of a build that has nothing to do.
"""

from __future__ import annotations

import json
import os
import time

FOLDER = os.path.join("build", ".snapshot")
VERSION = 1
GRANULARITY = 20_000_000  # ns; a kernel tick is 10 ms at most


def sign(path: str) -> list[int] | None:
    """Return what identifies a file's state: size, mtime in ns, inode, mode; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if status.st_mode & 0o170000 == 0o040000:  # a folder: its size means nothing
        return [-1, status.st_mtime_ns, status.st_ino, status.st_mode]
    return [status.st_size, status.st_mtime_ns, status.st_ino, status.st_mode]


class Signatures:
    """What files were like before they were read: path -> signature; `taken` is when, in ns since 1970."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.taken = time.time_ns()
        self.files: dict[str, list[int] | None] = {}

    def add(self, path: str) -> None:
        """Sign a file (relative to the root, or absolute), once."""
        if path not in self.files:
            self.files[path] = sign(os.path.join(self.root, path))


def fresh(root: str, kind: str, names: list[str]) -> str | None:
    """Return the saved answer to `doit KIND NAMES` where nothing changed since it was given, else None."""
    try:
        with open(_path(root, kind, names), encoding="utf-8") as file:
            saved = json.load(file)
        if saved["version"] != VERSION or saved["environment"] != _environment():
            return None
        for path, signature in saved["files"].items():
            if sign(os.path.join(root, path)) != signature:
                return None
        answer = saved["answer"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return answer if isinstance(answer, str) else None


def save(kind: str, names: list[str], *, sources: Signatures, outputs: list[str], answer: str) -> None:
    """Keep the answer to `doit KIND NAMES`. `sources` were signed before they were read; `outputs` are signed now."""
    root = sources.root
    if any(
        signature is not None and signature[1] > sources.taken - GRANULARITY for signature in sources.files.values()
    ):
        return
    signatures = {path: sign(os.path.join(root, path)) for path in outputs}
    youngest = max((signature[1] for signature in signatures.values() if signature is not None), default=0)
    time.sleep(max(0, youngest + GRANULARITY - time.time_ns()) / 1e9)
    if any(sign(os.path.join(root, path)) != signature for path, signature in signatures.items()):
        return
    saved = {
        "version": VERSION,
        "environment": _environment(),
        "answer": answer,
        "files": {**sources.files, **signatures},
    }
    path = _path(root, kind, names)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(saved, file, sort_keys=True)
    os.replace(temporary, path)


def _environment() -> dict[str, str]:
    """The variables that an answer depends on."""
    return {name: os.environ.get(name, "") for name in ("BAREFLOW_CACHE", "SOURCE_DATE_EPOCH")}


def _path(root: str, kind: str, names: list[str]) -> str:
    return os.path.join(root, FOLDER, " ".join([kind, *names]).replace("/", "%") + ".json")
