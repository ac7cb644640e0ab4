"""What was done and why: one record per execution and one per build, kept beside the results.

    trace/<aa>/<hash of the label>/<started>-<action>.json     an execution; one folder is the history of one label
    trace/builds/<started>-<id>.json                           a build: its targets, and what was decided at each step

`started` counts nanoseconds since 1970 in 20 digits, so names sort by time and no database is needed.

A file is two lines of JSON: {"sha256", "version"} of the record, then the record, canonical (sorted keys, no spaces).
A file whose first line is not exactly right, because of damage or because another version wrote it, is passed over and
counted in `unreadable`: a record explains, and nothing is decided by it. For the same reason it is renamed into place
but not synced: a power cut may cost the records of the last seconds, and an execution waits for one sync less.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from bfbuild.digest import ActionDigest, Digest
from bfbuild.store.disk import disk_errors, publish

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from pydantic import ConfigDict, TypeAdapter

    from bfbuild.store.disk import Scratch

VERSION = 2


class _Strict:
    """Tells pydantic, which checks what is read, that an unknown field is an error."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause(_Strict):
    """One thing that differs from the last time: an input's content, a flag, a variable, a tool, a recipe's field.

    `kind` says which of these, `subject` its name; `old` and `new` are its values, None where there was or is none.
    """

    kind: str
    subject: str
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason(_Strict):
    """Why something was executed, as the decider found it: one line for people, and the causes behind it."""

    text: str
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace(_Strict):
    """One execution of one action."""

    label: str  # the recipe's name, the same in every checkout
    recipe: str  # the file that declares it, relative to the project
    line: int  # in that file, from 1
    kind: str  # of the action: compile, link, ...
    action: ActionDigest
    command: str  # in short, for people
    reason: Reason
    toolchain: Digest | None  # the identity of the tools; None where the action brings its own
    sandbox: Literal["bubblewrap", "proot"]
    started: int  # ns since 1970
    duration: int  # ns of wall time
    user_time: int | None = None  # ns of processor time, where known
    system_time: int | None = None  # ns of processor time, where known
    max_rss: int | None = None  # bytes, where known
    exit_code: int
    stdout: Digest
    stderr: Digest
    outputs: dict[str, Digest]  # by path; empty where it failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(_Strict):
    """What was decided for one action of a build."""

    label: str
    action: ActionDigest
    decision: Literal["hit", "miss"]
    reason: str  # why it ran; of a hit, empty
    needs: tuple[str, ...] = ()  # the labels of the steps whose outputs it takes
    cut_off: bool = False  # a hit although something that it builds on ran in this build: that came out the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Build(_Strict):
    """One build, in the order in which its steps were decided."""

    id: str  # letters and digits; together with `started` it is unique
    project: str
    started: int  # ns since 1970
    targets: tuple[str, ...]
    steps: tuple[Step, ...]


_Record = TypeVar("_Record", Trace, Build)


class Traces:
    """The records in one folder; `unreadable` holds the files that were passed over so far."""

    def __init__(self, path: Path, scratch: Scratch) -> None:
        self.path = path
        self.unreadable: set[Path] = set()
        self._scratch = scratch

    def record(self, trace: Trace) -> None:
        """File one execution; raise StoreError where it cannot be written."""
        self._write(trace, self._folder(trace.label) / _name(trace.started, trace.action.short))

    def history(self, label: str) -> Iterator[Trace]:
        """Iterate over the executions of one label, newest first."""
        traces = self._read(Trace, _newest_first(self._folder(label)))
        return (trace for trace in traces if trace.label == label)

    def latest(self, label: str) -> Trace | None:
        """Return the newest execution of one label."""
        return next(self.history(label), None)

    def of_action(self, action: ActionDigest) -> Iterator[Trace]:
        """Iterate over the executions of one action, newest first, whatever their labels were."""
        found = sorted(self.path.glob(f"??/*/*-{action.short}.json"), key=lambda path: path.name, reverse=True)
        return (trace for trace in self._read(Trace, found) if trace.action.hash == action.hash)

    def recent(self) -> Iterator[Trace]:
        """Iterate over the executions of all labels, newest first."""
        histories = (_newest_first(folder) for folder in self._folders())
        return self._read(Trace, heapq.merge(*histories, key=lambda path: path.name, reverse=True))

    def labels(self) -> list[str]:
        """Return every label that was executed, sorted."""
        newest = (next(self._read(Trace, _newest_first(folder)), None) for folder in self._folders())
        return sorted(trace.label for trace in newest if trace is not None)

    def record_build(self, build: Build) -> None:
        """File one build; raise StoreError where it cannot be written."""
        if not build.id.isalnum():
            raise ValueError(f"a build's id is made of letters and digits, not {build.id!r}")
        self._write(build, self.path / "builds" / _name(build.started, build.id))

    def builds(self) -> Iterator[Build]:
        """Iterate over the builds, newest first."""
        return self._read(Build, _newest_first(self.path / "builds"))

    def latest_build(self, target: str) -> Build | None:
        """Return the newest build that was asked for `target`."""
        return next((build for build in self.builds() if target in build.targets), None)

    def prune(self, actions: Container[str], *, since: int, builds: int) -> int:
        """Forget what is old and explains nothing any more; return how many records that were.

        Kept are executions of these actions (by hash) and those that began at `since` (ns since 1970) or later; the
        newest `builds` builds, and those that began then or later. What cannot be read is kept, and what one process
        recorded may be kept as a whole.
        """
        forgotten = []
        for folder in self._folders():
            for path in _newest_first(folder):
                trace = _load(Trace, path)
                if trace is not None and trace.started < since and trace.action.hash not in actions:
                    forgotten.append(path)
        for path in _newest_first(self.path / "builds")[builds:]:
            build = _load(Build, path)
            if build is not None and build.started < since:
                forgotten.append(path)
        for path in forgotten:
            with disk_errors("forget a record", path):
                path.unlink(missing_ok=True)
        return len(forgotten)

    def reindex(self) -> int:
        """Make the index anew from the records; return how many there are."""
        return sum(1 for _ in self.recent()) + sum(1 for _ in self.builds())

    def _folder(self, label: str) -> Path:
        name = hashlib.sha256(label.encode()).hexdigest()
        return self.path / name[:2] / name[:16]

    def _folders(self) -> Iterator[Path]:
        return self.path.glob("[0-9a-f][0-9a-f]/*/")

    def _write(self, record: Trace | Build, path: Path) -> None:
        body = _json(record)
        publish([(self._scratch.write(_head(body) + b"\n" + body + b"\n"), path)], durable=False)

    def _read(self, kind: type[_Record], paths: Iterable[Path]) -> Iterator[_Record]:
        for path in paths:
            record = _load(kind, path)
            if record is None:
                self.unreadable.add(path)
            else:
                yield record


def _name(started: int, tail: str) -> str:
    return f"{started:020}-{tail}.json"


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"), reverse=True)


def _json(value: object) -> bytes:
    return json.dumps(value, default=_fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _fields(record: Any) -> dict[str, object]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _head(body: bytes) -> bytes:
    return _json({"sha256": hashlib.sha256(body).hexdigest(), "version": VERSION})


def _load(kind: type[_Record], path: Path) -> _Record | None:
    """Read one file, believing nothing before its first line proved to fit the rest."""
    try:
        head, _, body = path.read_bytes().removesuffix(b"\n").partition(b"\n")
        if head != _head(body):
            return None
        reader: TypeAdapter[_Record] = _reader(kind)  # type: ignore[arg-type]  # mypy takes the class for an instance
        return reader.validate_json(body, strict=True)
    except (OSError, ValueError):
        return None


@cache
def _reader(kind: type[_Record]) -> TypeAdapter[_Record]:
    from pydantic import TypeAdapter  # noqa: PLC0415  (slow to import, and writing needs none of it)

    return TypeAdapter(kind)
