"""The answer to "did anything change?" in milliseconds: one sweep of stats over a saved list of files.

A snapshot says: when these files had these stats, a target was built, and these words were the answer. It is written
by a build that succeeded, and believed only while every file, source or output, has the very same size, mtime, inode
and mode, and every folder that was searched is untouched. It is a shortcut, never a truth: whatever does not fit, a
snapshot that cannot be read among it, means no more than that another way must be gone: that of what is remembered
(remembered.py) where only sources changed, else the full one.

A file as young as its own reading could change once more without its stat telling. So a young one is waited for, a few
ticks, and read again; where it is not what it was, no snapshot is written.

A file build/.snapshot/QUESTION is a CRC-32 and a marshalled tuple: all paths joined by zero bytes, and four 64-bit
numbers for each. The standard library alone, and little of it: this module is the start-up of a build that has nothing
to do.
"""

from __future__ import annotations

import marshal
import os
import time
import zlib
from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FOLDER = os.path.join("build", ".snapshot")
VERSION = 3
GRANULARITY = 20_000_000  # ns; a kernel tick is 10 ms at most
VARIABLES = (
    "BAREFLOW_CACHE",
    "BAREFLOW_REMOTE",
    "BAREFLOW_SANDBOX",
    "BAREFLOW_VERSION",
    "SOURCE_DATE_EPOCH",
)  # what answers go by
FOLDER_TYPE = 0o040000
BOOT = "/proc/sys/kernel/random/boot_id"

Signature = tuple[int, int, int, int]  # size, mtime in ns, inode, mode
ABSENT: Signature = (-2, 0, 0, 0)


def sign(path: str) -> Signature:
    """Return what identifies a file's state; the size of a folder means nothing, and is -1."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ABSENT
    size = -1 if status.st_mode & 0o170000 == FOLDER_TYPE else status.st_size
    return (size, status.st_mtime_ns, status.st_ino, status.st_mode)


class Signatures:
    """What files were like before they were read: path -> signature; `taken` is when, in ns since 1970."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.taken = time.time_ns()
        self.files: dict[str, Signature] = {}

    def add(self, path: str) -> None:
        """Sign a file (relative to the root, or absolute), once."""
        if path not in self.files:
            self.files[path] = sign(os.path.join(self.root, path))


class Snapshot:
    """One saved answer, and what its files were like; `changed` are those that are not so any more."""

    def __init__(self, root: str, answer: str, files: Mapping[str, Signature], outputs: int) -> None:
        self.root = root
        self.answer = answer
        self.files = files
        self.outputs = outputs  # how many of the files, at the end, are outputs
        self.changed: list[str] = []


def load(root: str, kind: str, names: list[str]) -> Snapshot | None:
    """Return what was saved for `doit KIND NAMES`, after a sweep over its files; None where there is nothing to use."""
    try:
        with open(question(root, kind, names), "rb") as file:
            data = file.read()
        if zlib.crc32(data[4:]) != int.from_bytes(data[:4], "little"):
            return None
        version, environment, answer, joined, numbers, outputs = marshal.loads(data[4:])  # noqa: S302  (sealed above)
    except (OSError, ValueError, EOFError, TypeError):
        return None
    if version != VERSION or environment != _environment():
        return None
    four = iter(memoryview(numbers).cast("q"))
    snapshot = Snapshot(root, answer, dict(zip(joined.split("\0"), zip(four, four, four, four))), outputs)
    prefix = "" if os.path.samefile(root, ".") else f"{root}/"
    stat, changed = os.stat, snapshot.changed.append
    for path, signature in snapshot.files.items():
        try:
            now = stat(path if path[0] == "/" else prefix + path)
        except OSError:
            if signature != ABSENT:
                changed(path)
            continue
        size = -1 if now.st_mode & 0o170000 == FOLDER_TYPE else now.st_size
        if signature != (size, now.st_mtime_ns, now.st_ino, now.st_mode):
            changed(path)
    return snapshot


def fresh(root: str, kind: str, names: list[str]) -> str | None:
    """Return the saved answer to `doit KIND NAMES` where nothing changed since it was given, else None."""
    saved = load(root, kind, names)
    return saved.answer if saved is not None and not saved.changed else None


def save(
    kind: str,
    names: list[str],
    *,
    sources: Signatures,
    outputs: Iterable[str],
    answer: str,
    unchanged: Callable[[str], bool],
) -> bool:
    """Keep the answer to `doit KIND NAMES`; return whether it could be.

    `sources` were signed before they were read; `outputs` are signed now. `unchanged` reads a young source again and
    says whether it still is what was built.
    """
    root = sources.root
    made = {path: sign(os.path.join(root, path)) for path in outputs}
    files = {path: signature for path, signature in sources.files.items() if path not in made} | made
    young = [path for path, signature in files.items() if signature[1] > sources.taken - GRANULARITY]
    youngest = max((files[path][1] for path in young), default=0)
    if youngest > time.time_ns():
        return False  # from the future: it can tell nothing
    time.sleep(max(0, youngest + GRANULARITY - time.time_ns()) / 1e9)
    for path in young:
        if sign(os.path.join(root, path)) != files[path] or not (path in made or unchanged(path)):
            return False
    numbers = array("q", [number for signature in files.values() for number in signature])
    saved = (VERSION, _environment(), answer, "\0".join(files), numbers.tobytes(), len(made))
    data = marshal.dumps(saved)
    path = question(root, kind, names)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(zlib.crc32(data).to_bytes(4, "little") + data)
    os.replace(temporary, path)
    return True


def question(root: str, kind: str, names: list[str]) -> str:
    """The file that has the answer to `doit KIND NAMES`."""
    return os.path.join(root, FOLDER, " ".join([kind, *names]).replace("/", "%"))


def _environment() -> tuple[str, ...]:
    """What an answer depends on besides files, and this boot: a power cut may cost a file its content, not its stat."""
    try:
        with open(BOOT, encoding="ascii") as file:
            boot = file.read()
    except OSError:  # not Linux
        boot = ""
    return (boot, *(os.environ.get(name, "") for name in VARIABLES))
