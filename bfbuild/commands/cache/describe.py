"""What a digest in the store stands for: an action with all that belongs to it, a command, a folder, or a file.

A message in the CAS does not say what it is, so its bytes are tried as each kind: they are of that kind if they are
exactly its canonical encoding and every digest that such a message has is one. Of a folder's bytes some are also those
of a command with odd arguments, so folders are tried first. What cannot be read is named in `problems`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from bfbuild.digest import ActionDigest, Digest, canonical
from bfbuild.store.lookup import StoreLookup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

    from bfbuild.protos.remote_execution_pb2 import (
        Action,
        ActionResult,
        Command,
        Directory,
        DirectoryNode,
        FileNode,
    )
    from bfbuild.protos.remote_execution_pb2 import Digest as DigestMessage
    from bfbuild.store import Store
    from bfbuild.store.marks import Mark
    from bfbuild.store.trace import Trace

LARGEST_MESSAGE = 16 << 20
LARGEST_TEXT = 64 << 10
MOST_ENTRIES = 1000

_HASH = re.compile(r"[0-9a-f]{64}")
_Message = TypeVar("_Message", bound="Message")


class Entry(NamedTuple):
    """One file, link, or unopened folder of an input tree; a folder's path ends with a slash."""

    path: str
    digest: Digest | None = None  # of a file or folder
    executable: bool = False
    target: str | None = None  # of a symbolic link
    problem: str | None = None


@dataclass
class Description:
    """What is known about one digest; what does not apply is None."""

    kind: str  # action, command, directory or file
    digest: Digest | ActionDigest
    problems: list[str] = field(default_factory=list)
    trace: Trace | None = None
    mark: Mark | None = None  # where it was found not to be deterministic
    action: Action | None = None
    command: Command | None = None
    tree: Digest | None = None
    entries: list[Entry] | None = None  # of the tree; of an action's, only the working folder opened; cut
    result: ActionResult | None = None
    signed: tuple[str, ...] = ()  # the numbers of the keys that signed the result; whether rightly, is not asked here
    text: str | None = None


def describe(store: Store, digest: Digest | ActionDigest) -> Description:
    """Return what the store knows about a digest that is in it."""
    if isinstance(digest, ActionDigest):
        return _describe_action(store, digest)
    from bfbuild.protos.remote_execution_pb2 import Action, Command, Directory  # noqa: PLC0415  (slow to import)

    about = Description("file", digest)
    content = _read(store, digest, about.problems)
    if not content:  # the empty file is also the empty folder, and more often meant
        about.text = "" if content == b"" else None
    elif (action := _parse(Action, content)) and _named(action.command_digest, action.input_root_digest):
        return _describe_action(store, ActionDigest(digest.hash, digest.size))
    elif (folder := _parse(Directory, content)) and _named(*(each.digest for each in _nodes(folder))):
        about.kind, about.tree = "directory", digest
        about.entries = _entries(store, digest)
    elif (command := _parse(Command, content)) and command.arguments:
        about.kind, about.command = "command", command
    else:
        about.text = _text(content)
    return about


def _describe_action(store: Store, digest: ActionDigest) -> Description:
    from bfbuild.protos.remote_execution_pb2 import Action, Command  # noqa: PLC0415

    about = Description("action", digest)
    about.trace = next(store.traces.of_action(digest), None)
    about.mark = store.marks.get(digest)
    about.action = _parse(Action, _read(store, digest.description, about.problems) or b"")
    if about.action is not None:
        command = Digest.of_message(about.action.command_digest)
        about.command = _parse(Command, _read(store, command, about.problems) or b"")
        about.tree = Digest.of_message(about.action.input_root_digest)
        about.entries = _entries(store, about.tree, about.command.working_directory if about.command else "")
    try:
        about.result = store.results.get(digest)
        about.signed = tuple(sorted(store.signatures.get(digest)))
    except StoreLookup as problem:
        about.problems.append(f"the result: {problem.reason}")
    return about


def _read(store: Store, digest: Digest, problems: list[str]) -> bytes | None:
    if digest.size > LARGEST_MESSAGE:
        return None
    try:
        return store.cas.get_bytes(digest)
    except StoreLookup as problem:
        problems.append(f"{digest.short}: {problem.reason}")
        return None


def _parse(kind: type[_Message], content: bytes) -> _Message | None:
    """Return the message, or None where these bytes are not the canonical encoding of one that is not empty."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    message = kind()
    try:
        message.ParseFromString(content)
    except DecodeError:
        return None
    message.DiscardUnknownFields()
    return message if content and canonical(message) == content else None


def _nodes(folder: Directory) -> list[FileNode | DirectoryNode]:
    return [*folder.files, *folder.directories]


def _named(*digests: DigestMessage) -> bool:
    return all(_HASH.fullmatch(digest.hash) for digest in digests)


def _text(content: bytes) -> str | None:
    """Return the content as text, or None where it is long or would disturb a terminal."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    printable = all(character.isprintable() or character in "\n\t" for character in text)
    return text if printable and len(content) <= LARGEST_TEXT else None


def _entries(store: Store, root: Digest, inside: str = "") -> list[Entry]:
    """Return a tree's first MOST_ENTRIES entries; of folders beside the path `inside`, only their names."""
    return list(islice(_walk(store, root, f"{inside}/" if inside else ""), MOST_ENTRIES))


def _walk(store: Store, root: Digest, inside: str) -> Iterator[Entry]:
    """Iterate over a tree, each folder's files before the folders in it; a stack, since trees may be deep."""
    from bfbuild.protos.remote_execution_pb2 import Directory  # noqa: PLC0415

    waiting = [("", root)]
    while waiting:
        path, digest = waiting.pop()
        if not (path.startswith(inside) or inside.startswith(path)):
            yield Entry(path, digest)
            continue
        problems: list[str] = []
        content = _read(store, digest, problems)
        folder = Directory() if content == b"" else _parse(Directory, content or b"")
        if folder is None or not _named(*(each.digest for each in _nodes(folder))):
            yield Entry(path or ".", digest, problem=problems[0] if problems else f"{digest.short}: not a folder")
            continue
        for file in folder.files:
            yield Entry(path + file.name, Digest.of_message(file.digest), executable=file.is_executable)
        for link in folder.symlinks:
            yield Entry(path + link.name, target=link.target)
        waiting += [(f"{path}{each.name}/", Digest.of_message(each.digest)) for each in reversed(folder.directories)]
