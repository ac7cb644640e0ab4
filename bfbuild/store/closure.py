"""Everything that actions reach in a store: what must be kept, taken along or counted with them.

An action reaches its description, its command, the folders of its input tree and the files in `work/`; its result and
what that names; and the unpacking of its toolchain, which is an action too and reaches the locked packages. Files of an
unpacked toolchain are no content of the store, so trees of tools are followed by their folders only.

Rules. Names are the 32 bytes of a SHA-256, because there may be millions of them. What is missing or damaged on the way
is reached by name, and nothing behind it is.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError, Message

from bfbuild.action.action import WORK, toolchain_of
from bfbuild.protos.remote_execution_pb2 import Action, ActionResult, Directory
from bfbuild.store.disk import hashed_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bfbuild.protos.remote_execution_pb2 import Digest as DigestMessage
    from bfbuild.store import Store
    from bfbuild.store.roots import Root

_Message = TypeVar("_Message", bound=Message)
AT_ONCE = 1 << 16  # bytes; nearly every message is shorter
_DIRECTORIES = b"\x1a"  # how the field `output_directories` starts in a serialized ActionResult


class Kind(StrEnum):
    """What content is for, as far as something reaches it."""

    OUTPUT = "output"
    INPUT = "input"
    DESCRIPTION = "description"
    PACKAGE = "package"
    DOWNLOAD = "download"
    LOG = "log"


class Closure:
    """What the actions reach that were added so far: names of results, and of content with its kind.

    `tools` are the roots of the toolchains among it, and whether it is known which packages they are unpacked from.
    `unpackings` are the actions that do so, by the root that they make: see the function of that name.
    """

    def __init__(self, store: Store, unpackings: Mapping[bytes, Sequence[bytes]]) -> None:
        self.results: dict[bytes, None] = {}
        self.content: dict[bytes, Kind] = {}
        self.tools: dict[bytes, bool] = {}
        self._cas = str(store.cas.path)
        self._ac = str(store.results.path)
        self._unpackings = unpackings
        self._folders: set[tuple[bytes, bool]] = set()

    def add_action(self, name: bytes) -> None:
        """Add an action, also one that has no result."""
        if name in self.results:
            return
        self.results[name] = None
        self.content.setdefault(name, Kind.DESCRIPTION)
        action = _parsed(Action, self._content(name))
        from_packages = False
        if action is not None:
            self._add(action.command_digest, Kind.DESCRIPTION)
            from_packages = self._add_inputs(action.input_root_digest)
        result = _parsed(ActionResult, _read(_path(self._ac, name)))
        if result is not None:
            for file in result.output_files:
                self._add(file.digest, Kind.OUTPUT)
            for made in (result.stdout_digest, result.stderr_digest):
                self._add(made, Kind.OUTPUT)
            for tree in result.output_directories:
                self._add_tools(tree.root_directory_digest, from_packages=from_packages)

    def add_root(self, root: Root) -> None:
        """Add what a root lists."""
        for action in root.actions.values():
            self.add_action(bytes.fromhex(action.hash))
        for download in root.downloads:
            self.add_content(bytes.fromhex(download.hash), Kind.DOWNLOAD)

    def add_content(self, name: bytes, kind: Kind) -> None:
        """Add a piece of content."""
        self.content.setdefault(name, kind)

    def _add_inputs(self, root: DigestMessage) -> bool:
        """Add an input tree; return whether it is that of an unpacking, which is made of packages."""
        name = self._add(root, Kind.DESCRIPTION)
        folder = None if name is None else _parsed(Directory, self._content(name))
        if folder is None:
            return False
        if not any(node.name == WORK for node in folder.directories):
            for file in folder.files:
                self._add(file.digest, Kind.PACKAGE)
            return True
        for node in folder.directories:
            self._add_tree(node.digest, files=node.name == WORK)
        for unpacking in self._unpackings.get(bytes.fromhex(toolchain_of(folder).hash), ()) if self._unpackings else ():
            self.add_action(unpacking)
        return False

    def _add_tools(self, root: DigestMessage, *, from_packages: bool) -> None:
        """Add an unpacked toolchain, with all that is on record of how it is unpacked."""
        name = self._add(root, Kind.OUTPUT)
        if name is not None:
            self.tools[name] = from_packages or self.tools.get(name, False)
            self._add_tree(root, files=False)
            for unpacking in self._unpackings.get(name, ()):
                self.add_action(unpacking)

    def _add_tree(self, root: DigestMessage, *, files: bool) -> None:
        waiting = [root]
        while waiting:
            name = self._add(waiting.pop(), Kind.DESCRIPTION)
            if name is None or (name, files) in self._folders:
                continue
            self._folders.add((name, files))
            folder = _parsed(Directory, self._content(name))
            if folder is not None:
                waiting += [node.digest for node in folder.directories]
                for file in folder.files if files else ():
                    self._add(file.digest, Kind.INPUT)

    def _add(self, digest: DigestMessage, kind: Kind) -> bytes | None:
        """Add what a message names, unless it names nothing; return the name."""
        with suppress(ValueError):
            name = bytes.fromhex(digest.hash)
            if len(name) == hashlib.sha256().digest_size:
                self.content.setdefault(name, kind)
                return name
        return None

    def _content(self, name: bytes) -> bytes | None:
        data = _read(_path(self._cas, name))
        return data if data is not None and hashlib.sha256(data).digest() == name else None


def unpackings(store: Store) -> dict[bytes, list[bytes]]:
    """Return the actions that unpack toolchains, by the root that they make; reads every result."""
    found: dict[bytes, list[bytes]] = {}
    for entry in hashed_files(store.results.path):
        data = _read(entry.path)
        if data is None or _DIRECTORIES not in data:
            continue
        result = _parsed(ActionResult, data)
        for tree in result.output_directories if result is not None else ():
            with suppress(ValueError):
                root = bytes.fromhex(tree.root_directory_digest.hash)
                found.setdefault(root, []).append(bytes.fromhex(entry.name))
    return found


def _path(folder: str, name: bytes) -> str:
    text = name.hex()
    return f"{folder}/{text[:2]}/{text}"


def _read(path: str) -> bytes | None:
    """Return a small file's content by as few system calls as there can be, or None where it cannot be read."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        data = os.read(file, AT_ONCE)
        while len(data) % AT_ONCE == 0 and (more := os.read(file, AT_ONCE)):  # what is short ends the file
            data += more
        return data
    except OSError:
        return None
    finally:
        os.close(file)


def _parsed(kind: type[_Message], data: bytes | None) -> _Message | None:
    try:
        return None if data is None else kind.FromString(data)
    except DecodeError:
        return None
