"""What a process did to a folder, as tests/native/disk_witness.c saw it, and what a power cut would have left of it.

The disk is modelled as a file system that promises no more than POSIX does: what was synced is there, a synced folder
has the names it had, a rename happens or does not. All else is chance, in two ways:

    ordered    names change in the order in which they were changed (a journal: ext4, xfs, btrfs), up to some moment;
               any sync writes the whole journal; content that was not synced may be there, torn, or absent
    unordered  besides that, each change of a name that no sync of its folder covers happened or did not

What was there before the process began is taken to be on the disk.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

HEAD = struct.Struct("<4I2Q")  # struct record
Content = bytes | str | None  # of a file; the target of a symbolic link; a folder
PAGE = 4096


class Change(NamedTuple):
    """One record of the log; `kind` is the letter that disk_witness.c explains."""

    kind: str
    inode: int
    place: int
    first: str
    second: str
    data: bytes


def changes(log: Path) -> list[Change]:
    """Read a log."""
    data, found, at = log.read_bytes(), [], 0
    while at < len(data):
        kind, first, second, length, inode, place = HEAD.unpack_from(data, at)
        paths, at = at + HEAD.size, at + HEAD.size + first + second + length
        told = os.fsdecode(data[paths : paths + first]), os.fsdecode(data[paths + first : paths + first + second])
        found.append(Change(chr(kind), inode, place, *told, data[at - length : at]))
    assert at == len(data), "the log breaks off"
    return found


def changes_that_need_room(log: Path) -> int:
    """Return how many of these a log tells: those that WITNESS_FAIL counts."""
    return sum(change.kind in "cwtsdrly" for change in changes(log))


@dataclass(frozen=True)
class Witness:
    """The library, to be loaded into a process that changes what lies below `root`."""

    library: Path
    root: Path
    log: Path

    def environment(self, *, fail: int = 0, errno: int = 0) -> Mapping[str, str]:
        """Return the variables that load it; from change `fail` on all fail with `errno`, or the process is killed."""
        failing = {"WITNESS_FAIL": str(fail), "WITNESS_ERRNO": str(errno)} if fail else {}
        return {
            "LD_PRELOAD": str(self.library),
            "WITNESS_ROOT": str(self.root.resolve()),
            "WITNESS_LOG": str(self.log),
            **failing,
        }


@dataclass
class Node:
    """A file, a folder or a symbolic link, and what happened to its content; numbers are places in the log."""

    content: Content = b""  # from the start
    changes: list[tuple[int, Change]] = field(default_factory=list)
    syncs: list[int] = field(default_factory=list)

    def after(self, cut: int, chance: random.Random | None) -> Content:
        """Return all of the content, or by chance what a power cut at `cut` leaves of it."""
        if not isinstance(self.content, bytes):
            return self.content
        data, lost = bytearray(self.content), False
        synced = max((sync for sync in self.syncs if sync < cut), default=-1)
        for number, change in self.changes:
            if number >= cut:
                break
            if chance is not None and number > synced:
                fate = chance.choice(["kept", "kept", "torn", "lost", "zero"])
                lost = lost or (fate == "lost" and synced < 0)  # then nothing of the file ever reached the disk
                if fate != "lost" and not lost:
                    _apply(data, change, {"kept": len(change.data), "zero": 0}.get(fate, chance.randrange(PAGE)))
            else:
                _apply(data, change, len(change.data))
        return bytes(data)


def _apply(data: bytearray, change: Change, intact: int) -> None:
    """Change content; of what is written only the first bytes are `intact`, the others are zero."""
    end = change.place + len(change.data)
    if change.kind == "t":
        del data[change.place :]
    if end > len(data):
        data.extend(bytes(end - len(data)))
    data[change.place : end] = change.data[:intact].ljust(len(change.data), b"\0")


class Tree(NamedTuple):
    """A folder and all that is in it, by path."""

    root: Path
    nodes: dict[str, Node]
    inodes: dict[int, str]  # of nodes: their paths


def tree_of(root: Path) -> Tree:
    """Read a folder, links to folders not followed."""
    tree = Tree(root, {}, {})
    for path in [root, *root.rglob("*")]:
        content: Content = None
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        tree.nodes[str(path)] = Node(content)
        tree.inodes[path.lstat().st_ino] = str(path)
    return tree


class Names(NamedTuple):
    """One change of names: which goes (or ""), which comes (or "") and what has it now."""

    number: int
    gone: str
    new: str
    node: Node


class Disk:
    """A folder as it was, and all that a log says of it since. A `deaf` disk does not sync, whatever it is told."""

    def __init__(self, start: Tree, log: Path, *, deaf: bool = False) -> None:
        self.root = start.root
        self.length = 0
        self._start = {path: Node(node.content) for path, node in start.nodes.items()}
        self._inodes = {inode: self._start[path] for inode, path in start.inodes.items()}
        self._folders = {path: node for path, node in self._start.items() if node.content is None}
        self._names: list[Names] = []
        self._syncs: list[int] = []  # of anything
        now = dict(self._start)
        for change in changes(log):
            if not (deaf and change.kind == "s"):
                self._take(change, now)
                self.length += 1

    def _take(self, change: Change, now: dict[str, Node]) -> None:
        match change.kind:
            case "c" | "d" | "y":
                node = Node({"c": b"", "d": None, "y": change.second}[change.kind])
                self._inodes[change.inode] = node
                if change.kind == "d":
                    self._folders[change.first] = node
                self._name("", change.first, node, now)
            case "w" | "t":
                self._inodes[change.inode].changes.append((self.length, change))
            case "s":
                self._syncs.append(self.length)
                self._inodes[change.inode].syncs.append(self.length)
            case "r" | "l":
                # An inode that nobody knows was written by another process, not long ago.
                node = self._inodes.setdefault(change.inode, Node(changes=[(self.length, change)]))
                self._name(change.first if change.kind == "r" else "", change.second, node, now)
            case "u" if change.first in now:  # else it was made by an action, which is not watched
                self._name(change.first, "", now[change.first], now)

    def _name(self, gone: str, new: str, node: Node, now: dict[str, Node]) -> None:
        replaced = [now[path] for path in (gone, new) if path in now]
        self._names.append(Names(self.length, gone, new, node))
        _rename(self._names[-1], now)
        for each in replaced:
            if not any(each is other for other in now.values()):  # the last name is gone: its inode may come again
                self._inodes = {inode: other for inode, other in self._inodes.items() if other is not each}

    def after(self, cut: int, chance: random.Random | None = None, *, ordered: bool = True) -> dict[str, Content]:
        """Return what is on the disk after a power cut before change `cut`, by path.

        Without `chance` nothing is lost: that is the folder as the process left it.
        """
        now = dict(self._start)
        journal = cut
        if chance is not None and ordered:
            journal = chance.randint(max((each for each in self._syncs if each < cut), default=0), cut)
        for change in self._names:
            if change.number >= cut:
                break
            if change.number < journal if ordered else chance is None or self._happened(change, cut, chance):
                _rename(change, now)
        found: dict[str, Content] = {}
        for path in sorted(now):
            if path == str(self.root) or found.get(_above(path), b"") is None:  # its folder came to be
                found[path] = now[path].after(cut, chance)
        return found

    def _happened(self, change: Names, cut: int, chance: random.Random) -> bool:
        folders = [self._folders[_above(path)] for path in (change.gone, change.new) if path]
        return any(change.number < sync < cut for each in folders for sync in each.syncs) or chance.random() < 0.5


def _above(path: str) -> str:
    return path.rpartition("/")[0]


def _rename(change: Names, now: dict[str, Node]) -> None:
    now.pop(change.gone, None)
    if change.new:
        now[change.new] = change.node


def write_out(found: Mapping[str, Content], root: Path, target: Path) -> None:
    """Make at `target` what `Disk.after` told of `root`."""
    shutil.rmtree(target, ignore_errors=True)
    for path, content in found.items():
        place = target / os.path.relpath(path, root)
        if content is None:
            place.mkdir()
        elif isinstance(content, str):
            place.symlink_to(content)
        else:
            place.write_bytes(content)


def loads(library: Path) -> bool:
    """Whether this machine's programs take the library, which was linked for the locked C library."""
    environment = {"LD_PRELOAD": str(library)}
    done = subprocess.run(["/bin/true"], env=environment, capture_output=True, text=True, check=False)
    return (done.returncode, done.stderr) == (0, "")
