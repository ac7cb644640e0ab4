"""What was done and why: one record per execution and one per build, kept beside the results.

    trace/<started>-<token>.jsonl     what one process recorded, a line each, in the order in which it happened

`started` counts nanoseconds since 1970 in 20 digits, so names sort by time. A line is the first 16 digits of the
SHA-256 of what follows them, a space, and a record as canonical JSON (sorted keys, no spaces): `{"trace": ...,
"version": 2}` or `{"build": ..., "version": 2}`. A line that does not fit its digits or this version, because of
damage, a killed writer or another version, is passed over and its file counted in `unreadable`: a record explains, and
nothing is decided by it. For the same reason records are not synced: a power cut may cost those of the last seconds.

Which records there are of a label, an action or a target is looked up in the index (index.py), which is made of these
files and can be made anew at any time.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from bfbuild.digest import ActionDigest, Digest
from bfbuild.store.disk import disk_errors, token

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from pathlib import Path

    from bfbuild.store.index import Index, Place

VERSION = 2
BOOT: Literal["boot"] = "boot"  # as the sandbox of an execution: a guest did it
REMOTE: Literal["remote"] = "remote"  # and so: a cluster did it
SERVER: Literal["server"] = "server"  # and so: not here and not now, a server had the result
SEAL = 16  # hex digits
TICK = 20_000_000  # ns: the clock of files goes in steps of 10 ms at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One thing that differs from the last time: an input's content, a flag, a variable, a tool, a recipe's field.

    `kind` says which of these, `subject` its name; `old` and `new` are its values, None where there was or is none.
    """

    kind: str
    subject: str
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why something was executed, as the decider found it: one line for people, and the causes behind it."""

    text: str
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One execution of one action."""

    label: str  # the recipe's name, the same in every checkout
    recipe: str  # the file that declares it, relative to the project
    line: int  # in that file, from 1
    kind: str  # of the action: compile, link, ...
    action: ActionDigest
    command: str  # in short, for people
    reason: Reason
    toolchain: Digest | None  # the identity of the tools; None where the action brings its own
    sandbox: Literal["bubblewrap", "proot", "boot", "remote", "server"]
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
class Step:
    """What was decided for one action of a build."""

    label: str
    action: ActionDigest
    decision: Literal["hit", "miss"]
    reason: str  # why it ran; of a hit, where it came from, empty for this very store
    needs: tuple[str, ...] = ()  # the labels of the steps whose outputs it takes
    cut_off: bool = False  # a hit although something that it builds on ran in this build: that came out the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build, in the order in which its steps were decided."""

    id: str  # letters and digits; together with `started` it is unique
    project: str
    started: int  # ns since 1970
    targets: tuple[str, ...]
    steps: tuple[Step, ...]


class Traces:
    """The records in one folder; `unreadable` holds the files of which something was passed over so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unreadable: set[Path] = set()
        self._guard = threading.Lock()

    def record(self, trace: Trace) -> None:
        """File one execution; raise StoreError where it cannot be written."""
        self._append({"trace": _plain(trace), "version": VERSION})

    def record_build(self, build: Build) -> None:
        """File one build; raise StoreError where it cannot be written."""
        if not build.id.isalnum():
            raise ValueError(f"a build's id is made of letters and digits, not {build.id!r}")
        self._append({"build": _plain(build), "version": VERSION})

    def history(self, label: str) -> Iterator[Trace]:
        """Iterate over the executions of one label, newest first."""
        return self._traces(self._index.executions("label", label))

    def latest(self, label: str) -> Trace | None:
        """Return the newest execution of one label."""
        return next(self.history(label), None)

    def earlier(self, label: str) -> Trace | None:
        """Return the newest execution of one label that was on record when this store was first asked: cheap to ask."""
        return next(self._traces(self._index.executions("label", label, now=False)), None)

    def of_action(self, action: ActionDigest, *, now: bool = True) -> Iterator[Trace]:
        """Iterate over the executions of one action, newest first, whatever their labels were.

        Without `now`, those that were on record when this store was last asked: for whoever asks about many.
        """
        return self._traces(self._index.executions("action", action.hash, now=now))

    def recent(self) -> Iterator[Trace]:
        """Iterate over the executions of all labels, newest first."""
        return self._traces(self._index.executions())

    def labels(self) -> list[str]:
        """Return every label that was executed, sorted."""
        return self._index.labels()

    def builds(self) -> Iterator[Build]:
        """Iterate over the builds, newest first."""
        return self._builds(self._index.builds())

    def latest_build(self, target: str) -> Build | None:
        """Return the newest build that was asked for `target`."""
        return next((build for build in self.builds() if target in build.targets), None)

    def prune(self, actions: Container[str], *, since: int, builds: int, before: int) -> int:
        """Forget what is old and explains nothing any more; return how many records that were.

        Kept are executions of these actions (by hash) and those that began at `since` (ns since 1970) or later; the
        newest `builds` builds, and those that began then or later. What one process recorded goes as a whole or stays;
        it stays if something was recorded at the moment `before` or later, since nobody knew then what that is for.
        """
        newest = {build.id for build in itertools.islice(self.builds(), builds)}
        forgotten = 0
        for segment in self.segments():
            with suppress(FileNotFoundError):
                if segment.stat().st_mtime_ns > before - TICK:
                    continue
            records = [record for _, _, record in self.read(segment)]
            if not any(
                record.started >= since
                or (record.action.hash in actions if isinstance(record, Trace) else record.id in newest)
                for record in records
            ):
                with disk_errors("forget records", segment):
                    segment.unlink(missing_ok=True)
                forgotten += len(records)
        return forgotten

    def reindex(self) -> int:
        """Make the index anew; return how many records it has."""
        return self._index.remake()

    def catch_up(self) -> None:
        """Take into the index what was recorded since it was last asked; whoever asks next need not."""
        self._index.catch_up()

    def segments(self) -> list[Path]:
        """Return the files, oldest first."""
        return sorted(self.path.glob("*.jsonl"))

    def read(self, segment: Path, start: int = 0) -> Iterator[tuple[int, int, Trace | Build]]:
        """Iterate over (offset, length, record) of the whole lines of a file from an offset on; pass over the rest."""
        try:
            with segment.open("rb") as file:
                file.seek(start)
                lines = file.readlines()
        except OSError:
            lines = [b""]
        for line in lines:
            record = _load(line[:-1]) if line.endswith(b"\n") else None
            if record is None:
                self.unreadable.add(segment)
            else:
                yield start, len(line) - 1, record
            start += len(line)

    @cached_property
    def _index(self) -> Index:
        from bfbuild.store.index import Index  # noqa: PLC0415  (for whoever asks: writers need none)

        return Index(self.path.parent / "index.sqlite", self)

    @cached_property
    def _segment(self) -> Path:
        return self.path / f"{time.time_ns():020}-{token(6)}.jsonl"

    def _append(self, record: dict[str, object]) -> None:
        body = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        line = hashlib.sha256(body).hexdigest()[:SEAL].encode() + b" " + body + b"\n"
        with self._guard, disk_errors("write to the store", self.path), self._segment.open("ab", buffering=0) as file:
            if file.write(line) != len(line):
                del self._segment  # it ends in half a line
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _traces(self, places: Iterable[Place]) -> Iterator[Trace]:
        return (record for record in map(self._at, places) if isinstance(record, Trace))

    def _builds(self, places: Iterable[Place]) -> Iterator[Build]:
        return (record for record in map(self._at, places) if isinstance(record, Build))

    def _at(self, place: Place) -> Trace | Build | None:
        segment = self.path / place.segment
        try:
            with segment.open("rb") as file:
                file.seek(place.offset)
                record = _load(file.read(place.length))
        except OSError:
            record = None
        if record is None:
            self.unreadable.add(segment)
        return record


def to_json(trace: Trace) -> bytes:
    """Return the canonical JSON of an execution."""
    return json.dumps(_plain(trace), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def from_json(data: bytes) -> Trace:
    """Return the execution in such JSON; raise ValueError for anything else."""
    try:
        trace: Trace = _trace(json.loads(data))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"it is no execution: {error}") from error
    return trace


def _plain(value: Any) -> Any:
    """Return a record as what JSON knows."""
    if isinstance(value, (Trace, Build, Step, Reason, Cause, Digest, ActionDigest)):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value


def _load(line: bytes) -> Trace | Build | None:
    """Read one line, believing nothing before its first digits proved to fit the rest; None where they do not."""
    seal, _, body = line.partition(b" ")
    if seal != hashlib.sha256(body).hexdigest()[:SEAL].encode():
        return None
    try:
        record = json.loads(body)
        if record["version"] == VERSION and len(record) == 2:
            found: Trace | Build = _trace(record["trace"]) if "trace" in record else _build(record["build"])
            return found
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    return None


Read = Callable[[Any], Any]  # makes a value of what JSON gave; raises TypeError or ValueError for any other shape


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is no truth")
    return value


def _one_of(*words: str) -> Read:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(f"{value!r} is none of {words}")
        return _text(value)

    return read


def _maybe(read: Read) -> Read:
    return lambda value: None if value is None else read(value)


def _many(read: Read) -> Read:
    return lambda value: tuple(map(read, value))


def _named(read: Read) -> Read:
    return lambda value: {_text(name): read(each) for name, each in value.items()}


def _record(of: type, /, **fields: Read) -> Read:
    def read(value: Any) -> Any:
        if value.keys() != fields.keys():
            raise ValueError(f"no {of.__name__} has the fields {sorted(value)}")
        return of(**{name: read(value[name]) for name, read in fields.items()})

    return read


_digest = _record(Digest, hash=_text, size=_number)
_action = _record(ActionDigest, hash=_text, size=_number)
_cause = _record(Cause, kind=_text, subject=_text, old=_maybe(_text), new=_maybe(_text))
_trace = _record(
    Trace,
    label=_text,
    recipe=_text,
    line=_number,
    kind=_text,
    action=_action,
    command=_text,
    reason=_record(Reason, text=_text, causes=_many(_cause)),
    toolchain=_maybe(_digest),
    sandbox=_one_of("bubblewrap", "proot", BOOT, REMOTE, SERVER),
    started=_number,
    duration=_number,
    user_time=_maybe(_number),
    system_time=_maybe(_number),
    max_rss=_maybe(_number),
    exit_code=_number,
    stdout=_digest,
    stderr=_digest,
    outputs=_named(_digest),
)
_step = _record(
    Step,
    label=_text,
    action=_action,
    decision=_one_of("hit", "miss"),
    reason=_text,
    needs=_many(_text),
    cut_off=_flag,
)
_build = _record(Build, id=_text, project=_text, started=_number, targets=_many(_text), steps=_many(_step))
