"""Where each record lies: cache/index.sqlite, speed only.

The index is made of the files in trace/ alone and holds nothing else. Whoever asks first takes in what was appended
since the last time: files only grow, so a size per file says where to go on. An index that is missing, damaged, of
another version, or cannot be written is made anew, in memory where there is no other place. Nobody writes to it but
whoever asks, and no answer is believed before the record itself is read from its file and fits.
"""

from __future__ import annotations

import itertools
import sqlite3
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from bfbuild.store.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bfbuild.store.trace import Traces

VERSION = 1
PATIENCE = 10.0  # seconds to wait for another process that takes in records
SCHEMA = """
create table segments (name text primary key, size integer not null, unreadable integer not null) without rowid;
create table executions (
    label text not null, action text not null, started integer not null,
    segment text not null, offset integer not null, length integer not null
);
create index by_label on executions (label, started);
create index by_action on executions (action, started);
create table builds (started integer not null, segment text not null, offset integer not null, length integer not null);
"""
NEWEST_FIRST = "order by started desc, segment desc, offset desc"


class Place(NamedTuple):
    """Where a record's line lies."""

    segment: str
    offset: int
    length: int


class Index:
    """The index of one folder of traces. Safe to use from several threads."""

    def __init__(self, path: Path, traces: Traces) -> None:
        self._path = path
        self._traces = traces
        self._guard = threading.Lock()
        self._database = self._open()
        self._current = False

    def executions(self, column: str = "", value: str = "", *, now: bool = True) -> Iterator[Place]:
        """Iterate over the executions whose `label` or `action` has this value, or over all, newest first.

        Without `now`, those that were on record when this index was opened.
        """
        chosen = f"where {column} = ?" if column else ""
        query = f"select segment, offset, length from executions {chosen} {NEWEST_FIRST}"  # noqa: S608  (ours)
        return self._places(query, (value,) if column else (), now=now)

    def builds(self) -> Iterator[Place]:
        """Iterate over the builds, newest first."""
        return self._places(f"select segment, offset, length from builds {NEWEST_FIRST}", ())  # noqa: S608  (ours)

    def labels(self) -> list[str]:
        """Return every label that was executed, sorted."""
        return [str(label) for (label,) in self._ask("select distinct label from executions order by label", ())]

    def remake(self) -> int:
        """Forget everything and read all files again; return how many records there are."""
        with self._guard:
            self._database.close()
            self._database = self._open(anew=True)
        self.catch_up()
        [(count,)] = self._ask("select (select count(*) from executions) + (select count(*) from builds)", ())
        return int(count)

    def catch_up(self) -> None:
        """Take in what was appended, and forget files that are gone."""
        with self._guard:
            self._current = True
            try:
                self._take_in()
            except sqlite3.Error:  # damaged, read-only, or locked for too long: then for this process alone
                self._database.close()
                self._database = self._connect(":memory:")
                self._take_in()
            unreadable = self._database.execute("select name from segments where unreadable")
            self._traces.unreadable |= {self._traces.path / name for (name,) in unreadable}

    def _places(self, query: str, values: tuple[str, ...], *, now: bool = True) -> Iterator[Place]:
        return itertools.starmap(Place, self._ask(query, values, now=now))

    def _ask(self, query: str, values: tuple[str, ...], *, now: bool = True) -> Iterator[Any]:
        """Answer from what is on the disk now, or was when this was opened."""
        if now or not self._current:
            self.catch_up()
        try:
            with self._guard:
                rows = self._database.execute(query, values).fetchall()
        except sqlite3.DatabaseError:  # the damage was not where the last look was
            with self._guard:
                self._database.close()
                self._database = self._open(anew=True)
            self.catch_up()
            with self._guard:
                rows = self._database.execute(query, values).fetchall()
        return iter(rows)

    def _take_in(self) -> None:
        known = dict(self._database.execute("select name, size from segments"))
        segments = {path.name: path for path in self._traces.segments()}
        grown = {name: path.stat().st_size for name, path in segments.items()}
        if grown == known:
            return
        self._database.execute("begin immediate")
        known = dict(self._database.execute("select name, size from segments"))  # another may have been faster
        for name in known.keys() - grown.keys():
            self._forget(name)
        for name, size in sorted(grown.items()):
            if size < known.get(name, 0):
                self._forget(name)
                known[name] = 0
            if size > known.get(name, 0):
                self._take_in_segment(segments[name], known.get(name, 0))
        self._database.execute("commit")

    def _take_in_segment(self, path: Path, start: int) -> None:
        executions, builds, end = [], [], start
        for offset, length, record in self._traces.read(path, start):
            end = offset + length + 1
            if isinstance(record, Trace):
                executions.append((record.label, record.action.hash, record.started, path.name, offset, length))
            else:
                builds.append((record.started, path.name, offset, length))
        self._database.executemany("insert into executions values (?, ?, ?, ?, ?, ?)", executions)
        self._database.executemany("insert into builds values (?, ?, ?, ?)", builds)
        unreadable = path in self._traces.unreadable
        self._database.execute("insert or replace into segments values (?, ?, ?)", (path.name, end, unreadable))

    def _forget(self, segment: str) -> None:
        for table, column in (("executions", "segment"), ("builds", "segment"), ("segments", "name")):
            self._database.execute(f"delete from {table} where {column} = ?", (segment,))  # noqa: S608  (ours)

    def _open(self, *, anew: bool = False) -> sqlite3.Connection:
        if anew:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        try:
            return self._connect(str(self._path))
        except sqlite3.Error:
            return self._connect(":memory:") if anew else self._open(anew=True)

    def _connect(self, where: str) -> sqlite3.Connection:
        database = sqlite3.connect(where, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            database.execute("pragma synchronous = off")  # a torn index is noticed, and made anew
            [(version,)] = database.execute("pragma user_version")
            if version != VERSION:
                if version or database.execute("select count(*) from sqlite_master").fetchone() != (0,):
                    raise sqlite3.DatabaseError("another version")
                database.executescript(f"begin immediate; {SCHEMA} pragma user_version = {VERSION}; commit")
        except BaseException:
            database.close()
            raise
        return database
