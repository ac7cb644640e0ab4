"""Debian packages to a root file system, without root and without dpkg.

A .deb is an `ar` archive whose `data.tar.*` holds the files (deb(5)). The result is a tree of plain files, folders and
symbolic links, described by Remote Execution API Directory messages while it is written. Rules:

- Debian's merged /usr is made first (`bin` -> `usr/bin` ...), and every path is rewritten to lie there;
- of a mode only the executable bit counts; owners, times, set-user-id bits and extended attributes are dropped;
- all links are made last, so no file is ever written through one; a path that leaves the root is refused;
- two packages may hold one path only if it is the same there; a device file is refused;
- equal packages give an equal root, in whatever order they come.
"""

from __future__ import annotations

import os
import tarfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from bfbuild.digest import Digest, canonical, digest_bytes
from bfbuild.errors import FetchError
from bfbuild.protos import remote_execution_pb2 as api

if TYPE_CHECKING:
    from bfbuild.toolchain.fetch import Progress

MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
MOUNT_POINTS = ("dev", "proc", "tmp", "work")
SIZE_LIMIT = 16 << 30  # bytes of one root; far beyond any real toolchain, soon reached by a bomb

AR_MAGIC = b"!<arch>\n"
AR_HEADER = 60


@dataclass(frozen=True)
class Root:
    """An unpacked root: its Directory's digest, and the serialized Directory messages by digest."""

    digest: Digest
    directories: dict[Digest, bytes]


@dataclass(frozen=True)
class _File:
    digest: Digest
    executable: bool


@dataclass
class _Tree:
    """What was written so far: path -> file, link target (str) or folder (None)."""

    root: Path
    entries: dict[str, _File | str | None] = field(default_factory=dict)
    size: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, path: str, entry: _File | str | None, package: str) -> bool:
        """Enter `path`, with the folders above it; return whether it is new. Raise FetchError where it differs."""
        with self.lock:
            for above in [str(parent) for parent in PurePosixPath(path).parents if parent.name]:
                if self.entries.setdefault(above, None) is not None:
                    raise _bad(package, f"{path} lies below {above}, which is no folder")
            if path not in self.entries:
                self.entries[path] = entry
                self.size += entry.digest.size if isinstance(entry, _File) else 0
                if self.size > SIZE_LIMIT:
                    raise _bad(package, f"the packages unpack to more than {SIZE_LIMIT} bytes")
                return True
            if self.entries[path] != entry:
                raise _bad(package, f"{path} is something else in another package")
            return False


def unpack(debs: Sequence[Path], root: Path, progress: Progress) -> Root:
    """Unpack packages into the empty folder `root`. Raise FetchError for a package that is not as it should be."""
    tree = _Tree(root)
    for name in MERGED:
        tree.claim(f"usr/{name}", None, "merged /usr")
        tree.claim(name, f"usr/{name}", "merged /usr")
    for name in MOUNT_POINTS:
        tree.claim(name, None, "mount points")
    total, done = sum(deb.stat().st_size for deb in debs), 0
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        largest_first = sorted(debs, key=lambda deb: -deb.stat().st_size)
        for deb, _ in zip(largest_first, pool.map(lambda deb: _unpack_one(deb, tree), largest_first), strict=True):
            done += deb.stat().st_size
            progress(done, total)
    for path, entry in tree.entries.items():
        if isinstance(entry, str):
            (root / path).symlink_to(entry)
        elif entry is None:
            (root / path).mkdir(parents=True, exist_ok=True)
    return describe(tree.entries)


def _unpack_one(deb: Path, tree: _Tree) -> None:
    try:
        with deb.open("rb") as file, tarfile.open(fileobj=_data(file, deb.name), mode="r|") as members:
            for member in members:
                _write(member, members, tree, deb.name)
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _bad(deb.name, str(error)) from error


def _data(deb: IO[bytes], package: str) -> IO[bytes]:
    """Find the archive of files in a .deb and return its decompressed stream."""
    if deb.read(len(AR_MAGIC)) != AR_MAGIC:
        raise _bad(package, "it is no ar archive")
    while len(header := deb.read(AR_HEADER)) == AR_HEADER:
        name, size = header[:16].decode("ascii", "replace").strip().rstrip("/"), header[48:58].strip()
        if not size.isdigit():
            raise _bad(package, "its ar header has no size")
        if name.startswith("data.tar"):
            return _decompressed(deb, name.removeprefix("data.tar"), package)
        deb.seek(int(size) + int(size) % 2, os.SEEK_CUR)
    raise _bad(package, "it has no data.tar")


def _decompressed(deb: IO[bytes], suffix: str, package: str) -> IO[bytes]:
    if suffix == ".xz":
        import lzma  # noqa: PLC0415  (only who unpacks needs a decompressor)

        return lzma.open(deb)
    if suffix == ".gz":
        import gzip  # noqa: PLC0415

        return cast("IO[bytes]", gzip.open(deb))
    if suffix == "":
        return deb
    raise _bad(package, f"data.tar{suffix} is compressed in a way that is not known here")


def _write(member: tarfile.TarInfo, members: tarfile.TarFile, tree: _Tree, package: str) -> None:
    path = _place(member.name, package)
    if path is None:
        return
    if member.isdir():
        tree.claim(path, None, package)
    elif member.issym():
        tree.claim(path, member.linkname, package)
    elif member.isreg():
        content = members.extractfile(member)
        assert content is not None, "a regular member has content"
        _write_file(path, content.read(), executable=bool(member.mode & 0o111), tree=tree, package=package)
    elif member.islnk():
        original = _place(member.linkname, package)
        entry = tree.entries.get(original or "")
        if not isinstance(entry, _File):
            raise _bad(package, f"{path} is a hard link to {member.linkname}, which is no file before it")
        data = (tree.root / str(original)).read_bytes()
        _write_file(path, data, executable=entry.executable, tree=tree, package=package)
    else:
        raise _bad(package, f"{path} is a device or a pipe")


def _write_file(path: str, data: bytes, *, executable: bool, tree: _Tree, package: str) -> None:
    if tree.claim(path, _File(digest_bytes(data), executable), package):
        target = tree.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(0o755 if executable else 0o644)


def _place(name: str, package: str) -> str | None:
    """Where a member goes, below the root and in the merged /usr; None for the root itself."""
    path = PurePosixPath(name.lstrip("/"))
    if ".." in path.parts:
        raise _bad(package, f"{name} leaves the root")
    if not path.parts:
        return None
    return str(PurePosixPath("usr", path) if path.parts[0] in MERGED else path) if str(path) not in MERGED else None


def describe(entries: dict[str, _File | str | None]) -> Root:
    """Build the Directory messages of a tree from the leaves up."""
    folders: dict[str, api.Directory] = {"": api.Directory()}
    for path, entry in sorted(entries.items()):
        if entry is None:
            folders[path] = api.Directory()
    directories: dict[Digest, bytes] = {}
    for path, entry in sorted(entries.items()):
        parent, name = folders[path.rpartition("/")[0]], path.rpartition("/")[2]
        if isinstance(entry, _File):
            parent.files.add(name=name, digest=entry.digest.to_message(), is_executable=entry.executable)
        elif isinstance(entry, str):
            parent.symlinks.add(name=name, target=entry)
    digest = Digest("0" * 64, 0)
    for path in sorted(folders, key=lambda each: (-each.count("/") - bool(each), each)):
        folder = folders[path]
        for nodes in (folder.files, folder.symlinks, folder.directories):
            nodes.sort(key=lambda node: node.name)
        data = canonical(folder)
        digest = digest_bytes(data)
        directories[digest] = data
        if path:
            folders[path.rpartition("/")[0]].directories.add(name=path.rpartition("/")[2], digest=digest.to_message())
    return Root(digest, directories)


def _bad(package: str, why: str) -> FetchError:
    return FetchError("a package cannot be unpacked", facts=[("package", package), ("why", why)])
