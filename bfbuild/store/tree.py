"""A folder as the Remote Execution API describes it: Directory messages from the leaves up, and the root's digest.

Only what an action could tell apart counts: names, content, the executable bit, targets of links; no owners and times.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.digest import Digest, canonical, digest_bytes, digest_file
from bfbuild.protos import remote_execution_pb2 as api

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor


@dataclass(frozen=True)
class Root:
    """A described folder: its Directory's digest, and the serialized Directory messages by digest."""

    digest: Digest
    directories: dict[Digest, bytes]


@dataclass(frozen=True)
class Listing:
    """What a described folder is made of: its Directory messages, and where in it each content lies, once."""

    directories: dict[Digest, bytes]
    files: dict[Digest, str]


@dataclass(frozen=True)
class File:
    """A file in a folder."""

    digest: Digest
    executable: bool


Entry = File | str | None  # a file; a symbolic link, by its target; a folder


def describe(entries: dict[str, Entry]) -> Root:
    """Build the Directory messages of a tree from the leaves up."""
    folders: dict[str, api.Directory] = {"": api.Directory()}
    for path, entry in sorted(entries.items()):
        if entry is None:
            folders[path] = api.Directory()
    directories: dict[Digest, bytes] = {}
    for path, entry in sorted(entries.items()):
        parent, name = folders[path.rpartition("/")[0]], path.rpartition("/")[2]
        if isinstance(entry, File):
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


def list_tree(top: Digest, read: Callable[[Digest], bytes]) -> Listing:
    """List a described folder by reading its Directory messages; what `read` raises for one that is gone is passed on.

    Raise DecodeError, or ValueError, for bytes that are no Directory.
    """
    listing = Listing({}, {})
    pending = [("", top)]
    while pending:
        prefix, digest = pending.pop()
        data = read(digest) if digest.size else b""  # an empty folder is no bytes, which nobody need have
        listing.directories[digest] = data
        folder = api.Directory.FromString(data)
        for file in folder.files:
            listing.files[Digest.of_message(file.digest)] = prefix + file.name
        pending += [(f"{prefix}{node.name}/", Digest.of_message(node.digest)) for node in folder.directories]
    return listing


def read_folder(path: Path, pool: Executor) -> Root:
    """Describe a folder as it is on the disk, hashing its files in parallel; raise OSError where it cannot be read.

    What is neither file, link nor folder is taken for an empty file, so that no root equals one that has it.
    """
    entries: dict[str, Entry] = {}
    files: dict[str, Path] = {}
    for parent, folders, names in os.walk(path, onerror=_raise):
        for name in (*folders, *names):
            each = Path(parent, name)
            inside = each.relative_to(path).as_posix()
            if each.is_symlink():
                entries[inside] = str(each.readlink())
            elif each.is_dir():
                entries[inside] = None
            else:
                files[inside] = each
    return describe(entries | dict(zip(files, pool.map(_file, files.values()), strict=True)))


def _file(path: Path) -> File:
    status = path.lstat()
    return File(digest_file(path) if path.is_file() else digest_bytes(b""), bool(status.st_mode & 0o100))


def _raise(error: OSError) -> None:
    raise error
