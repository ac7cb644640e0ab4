"""Marking what a store keeps, when it is collected (collect.py says what that is). It reads, and removes nothing.

Everything is in memory: a scan of names, sizes and times, and sets of 32-byte names. A million entries take seconds.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from bfbuild.store.closure import Closure, Kind, unpackings
from bfbuild.store.disk import hashed_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bfbuild.store import Store
    from bfbuild.store.roots import Root


class Entry(NamedTuple):
    """A file of the store: its size in bytes and when it was written, in ns since 1970."""

    size: int
    written: int


class _Young(NamedTuple):
    """Something that is kept for its age: an action with what it made, or content by itself."""

    written: int
    name: bytes
    outputs: tuple[bytes, ...]
    is_action: bool


def scan(folder: Path) -> dict[bytes, Entry]:
    """Return the files of a folder laid out as ab/abcd..., by name."""
    found = {}
    for entry in hashed_files(folder):
        with suppress(FileNotFoundError):
            status = entry.stat(follow_symlinks=False)
            found[bytes.fromhex(entry.name)] = Entry(status.st_size, status.st_mtime_ns)
    return found


class Kept:
    """What is kept, growing step by step: `closure` holds the names, `size` their bytes.

    `took` is the time, in ns, of the newest execution of each action.
    """

    def __init__(self, store: Store, since: int) -> None:
        self.content = scan(store.cas.path)
        self.results = scan(store.results.path)
        self.unpackings = unpackings(store)
        self.closure = Closure(store, self.unpackings)
        self.size = 0
        self.took: dict[bytes, int] = {}
        self._store = store
        self._since = since
        self._counted = [0, 0]
        self._logs: dict[bytes, tuple[bytes, bytes]] = {}
        self._executions: list[_Young] = []
        for trace in store.traces.recent():
            action = bytes.fromhex(trace.action.hash)
            if action not in self.took:
                self.took[action] = trace.duration
                self._logs[action] = (bytes.fromhex(trace.stdout.hash), bytes.fromhex(trace.stderr.hash))
            if trace.started >= since:
                outputs = [*trace.outputs.values(), trace.stdout, trace.stderr]
                made = tuple(bytes.fromhex(each.hash) for each in outputs)
                self._executions.append(_Young(trace.started, action, made, is_action=True))

    def action(self, name: bytes) -> None:
        """Keep an action, and what its newest execution printed."""
        self.closure.add_action(name)
        for log in self._logs.get(name, ()):
            self.closure.add_content(log, Kind.LOG)

    def root(self, root: Root) -> None:
        """Keep what a root lists."""
        self.closure.add_root(root)
        for action in root.actions.values():
            self.action(bytes.fromhex(action.hash))

    def held(self, names: Iterable[bytes]) -> None:
        """Keep what running processes hold."""
        for name in names:
            if name in self.results:
                self.action(name)
            self.closure.add_content(name, Kind.OUTPUT)

    def builds(self, newest: int) -> None:
        """Keep what the newest builds decided on, and all young ones."""
        for number, build in enumerate(self._store.traces.builds()):
            if number >= newest and build.started < self._since:
                break
            for step in build.steps:
                self.action(bytes.fromhex(step.action.hash))

    def young(self, limit: int | None) -> None:
        """Keep what is young, the newest first, until there are `limit` bytes."""
        self.count()
        for each in sorted(self._young(), key=lambda each: (-each.written, each.name)):
            if limit is not None and self.size >= limit:
                break
            if each.is_action:
                self.action(each.name)
            for name in each.outputs:
                self.closure.add_content(name, Kind.OUTPUT)
            if limit is not None:
                self.count()
        self.count()

    def count(self) -> None:
        """Add the bytes of what was marked since the last time."""
        marked: tuple[tuple[dict[bytes, Kind] | dict[bytes, None], Mapping[bytes, Entry]], ...] = (
            (self.closure.content, self.content),
            (self.closure.results, self.results),
        )
        for number, (names, entries) in enumerate(marked):
            for name in itertools.islice(reversed(names), len(names) - self._counted[number]):
                if name in entries:
                    self.size += entries[name].size
            self._counted[number] = len(names)

    def packages(self, dead: Mapping[bytes, Entry]) -> set[bytes]:
        """Return the packages that unpackings among the `dead` results are made of."""
        reached = Closure(self._store, {})
        for name in itertools.chain.from_iterable(self.unpackings.values()):
            if name in dead:
                reached.add_action(name)
        return {name for name, kind in reached.content.items() if kind is Kind.PACKAGE}

    def _young(self) -> list[_Young]:
        results = (
            _Young(entry.written, name, (), is_action=True)
            for name, entry in self.results.items()
            if entry.written >= self._since
        )
        content = (
            _Young(entry.written, name, (name,), is_action=False)
            for name, entry in self.content.items()
            if entry.written >= self._since
        )
        return [*self._executions, *results, *content]
