"""Debian packages to a root file system, without root and without dpkg.

A .deb is an `ar` archive whose `data.tar.*` holds the files (deb(5)). The result is a tree of plain files, folders and
symbolic links, described by Remote Execution API Directory messages while it is written. Rules:

- Debian's merged /usr is made first (`bin` -> `usr/bin` ...), and every path is rewritten to lie there;
- of a mode only the executable bit counts (files 0755 or 0644, folders 0755); owners, times, set-user-id bits and
  extended attributes are dropped;
- all links are made last, so no file is ever written through one; a path that leaves the root is refused;
- two packages may hold one path only if it is the same there; a device file is refused;
- what a package claims is checked against bounds before it is held in memory or written;
- equal packages give an equal root, in whatever order they come, under any umask and locale.
"""

from __future__ import annotations

import io
import os
import tarfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from bfbuild.digest import digest_bytes
from bfbuild.errors import FetchError, StoreError
from bfbuild.store.tree import Entry, File, Root, describe

if TYPE_CHECKING:
    from bfbuild.toolchain.fetch import Progress

MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
MOUNT_POINTS = ("dev", "proc", "tmp", "work")
SIZE_LIMIT = 16 << 30  # bytes of one root; far beyond any real toolchain, soon reached by a bomb
FILE_LIMIT = 1 << 30  # bytes of one file; they are in memory while it is written
HEADER_LIMIT = 1 << 20  # bytes of one member's headers: a long name, say
ENTRY_COST = 4 << 10  # bytes that an entry counts besides its content: about what a file system gives it

AR_MAGIC = b"!<arch>\n"
AR_HEADER = 60
BUFFER = 1 << 18


@dataclass
class _Tree:
    """What was written so far, by path."""

    root: Path
    entries: dict[str, Entry] = field(default_factory=dict)
    hard_links: dict[str, str] = field(default_factory=dict)  # paths of files yet to be made, and of what they equal
    size: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reserve(self, size: int, package: str) -> None:
        """Count an entry of `size` bytes before it is read; raise FetchError beyond the bounds."""
        with self.lock:
            self.size += size + ENTRY_COST
            if size > FILE_LIMIT:
                raise _bad(package, f"it holds a file of more than {FILE_LIMIT} bytes")
            if self.size > SIZE_LIMIT:
                raise _bad(package, f"the packages unpack to more than {SIZE_LIMIT} bytes")

    def claim(self, path: str, entry: Entry, package: str) -> bool:
        """Enter `path`, with the folders above it; return whether it is new. Raise FetchError where it differs."""
        with self.lock:
            above = path.rpartition("/")[0]
            while above and above not in self.entries:
                self.entries[above] = None
                above = above.rpartition("/")[0]
            if above and self.entries[above] is not None:
                raise _bad(package, f"{path} lies below {above}, which is no folder")
            if path not in self.entries:
                self.entries[path] = entry
                return True
            if self.entries[path] != entry:
                raise _bad(package, f"{path} is something else in another package")
            return False

    def finish(self) -> None:
        """Make what is no file of its own: folders, hard links, and symbolic links after all else."""
        for path, entry in self.entries.items():
            if entry is None:
                (self.root / path).mkdir(parents=True, exist_ok=True)
                (self.root / path).chmod(0o755)
        for path, original in self.hard_links.items():
            (self.root / path).hardlink_to(self.root / original)
        for path, entry in self.entries.items():
            if isinstance(entry, str):
                (self.root / path).symlink_to(entry)


def unpack(debs: Sequence[Path], root: Path, progress: Progress) -> Root:
    """Unpack packages into the empty folder `root`; `progress` is told of bytes of packages.

    Raise FetchError for a package that is not as it should be, StoreError where `root` cannot be written.
    """
    tree = _Tree(root)
    for name in MERGED:
        tree.claim(f"usr/{name}", None, "merged /usr")
        tree.claim(name, f"usr/{name}", "merged /usr")
    for name in MOUNT_POINTS:
        tree.claim(name, None, "mount points")
    try:
        _unpack_all(debs, tree, progress)
        tree.finish()
    except OSError as error:
        raise StoreError(
            "a toolchain cannot be unpacked", facts=[("folder", root), ("why", error.strerror or error)]
        ) from error
    return describe(tree.entries)


def _unpack_all(debs: Sequence[Path], tree: _Tree, progress: Progress) -> None:
    """Write the files of all packages, the largest first, on all processors."""
    sizes = {deb: deb.stat().st_size for deb in debs}
    largest_first = sorted(debs, key=lambda deb: -sizes[deb])
    total, done = sum(sizes.values()), 0
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    try:
        for deb, _ in zip(largest_first, pool.map(lambda deb: _unpack_one(deb, tree), largest_first), strict=True):
            done += sizes[deb]
            progress(done, total)
    finally:
        pool.shutdown(cancel_futures=True)  # where one failed, the rest need not start


def _unpack_one(deb: Path, tree: _Tree) -> None:
    """Write one package's files and enter all that it holds; raise FetchError for the package's faults."""
    with deb.open("rb") as file:
        data = _Guarded(_data(file, deb.name), deb.name)
    try:
        with tarfile.open(fileobj=data, mode="r|", bufsize=BUFFER, encoding="utf-8", errors="strict") as members:
            for member in members:
                data.allowed = member.size + HEADER_LIMIT + 2 * BUFFER
                tree.reserve(member.size, deb.name)
                _write(member, members, tree, deb.name)
    except (tarfile.TarError, ValueError) as error:
        raise _bad(deb.name, str(error)) from error


class _Guarded(io.RawIOBase):
    """A decompressed stream that gives no more bytes than are `allowed`, and whose faults are the package's."""

    def __init__(self, stream: io.BufferedIOBase, package: str) -> None:
        super().__init__()
        self.stream = stream
        self.package = package
        self.allowed = HEADER_LIMIT + 2 * BUFFER

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes; raise FetchError for what is damaged or boundless."""
        self.allowed -= size
        if self.allowed < 0:
            raise _bad(self.package, "a member's headers have no end")
        try:
            return self.stream.read(size)
        except Exception as error:  # each decompressor has its own: LZMAError, zlib.error, EOFError, BadGzipFile
            raise _bad(self.package, f"its data is damaged: {error}") from error


def _data(deb: IO[bytes], package: str) -> io.BufferedIOBase:
    """Find the archive of files in a .deb and return its decompressed stream."""
    if deb.read(len(AR_MAGIC)) != AR_MAGIC:
        raise _bad(package, "it is no ar archive")
    while len(header := deb.read(AR_HEADER)) == AR_HEADER:
        name, size = header[:16].decode("ascii", "replace").strip().rstrip("/"), header[48:58].strip()
        if not size.isdigit():
            raise _bad(package, "its ar header has no size")
        if name.startswith("data.tar"):
            data = deb.read(int(size))
            if len(data) != int(size):
                raise _bad(package, "it breaks off")
            return _decompressed(io.BytesIO(data), name.removeprefix("data.tar"), package)
        deb.seek(int(size) + int(size) % 2, os.SEEK_CUR)
    raise _bad(package, "it has no data.tar")


def _decompressed(data: io.BytesIO, suffix: str, package: str) -> io.BufferedIOBase:
    if suffix == ".xz":
        import lzma  # noqa: PLC0415  (only who unpacks needs a decompressor)

        return lzma.open(data)
    if suffix == ".gz":
        import gzip  # noqa: PLC0415

        return gzip.open(data)
    if suffix == "":
        return data
    raise _bad(package, f"data.tar{suffix} is compressed in a way that is not known here")


def _write(member: tarfile.TarInfo, members: tarfile.TarFile, tree: _Tree, package: str) -> None:
    path = _place(member.name, package, folder=member.isdir())
    if path is None:
        return
    if member.isdir():
        tree.claim(path, None, package)
    elif member.issym():
        if not member.linkname or "\0" in member.linkname:
            raise _bad(package, f"{path} is a symbolic link to nothing")
        tree.claim(path, member.linkname, package)
    elif member.isreg() and not member.issparse():
        content = members.extractfile(member)
        assert content is not None, "a regular member has content"
        _write_file(path, content.read(), executable=bool(member.mode & 0o111), tree=tree, package=package)
    elif member.islnk():
        original = _place(member.linkname, package, folder=False)
        entry = tree.entries.get(original or "")
        if not isinstance(entry, File):
            raise _bad(package, f"{path} is a hard link to {member.linkname}, which is no file before it")
        if tree.claim(path, entry, package):
            tree.hard_links[path] = str(original)
    else:
        raise _bad(package, f"{path} is no file, folder or link")


def _write_file(path: str, data: bytes, *, executable: bool, tree: _Tree, package: str) -> None:
    if tree.claim(path, File(digest_bytes(data), executable), package):
        target = tree.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(0o555 if executable else 0o444)


def _place(name: str, package: str, *, folder: bool) -> str | None:
    """Where a member goes, below the root and in the merged /usr; None for the root itself."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise _bad(package, f"{name!r} leaves the root")
    if not path.parts:
        return None
    merged = path.parts[0] in MERGED and (folder or len(path.parts) > 1)
    return str(PurePosixPath("usr", path) if merged else path)


def _bad(package: str, why: str) -> FetchError:
    return FetchError("a package cannot be unpacked", facts=[("package", package), ("why", why)])
