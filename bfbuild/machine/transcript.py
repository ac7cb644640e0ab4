r"""The transcript: what a guest wrote to its serial port, as text and as records.

A record is a whole line `@bf EVENT key=value key=value ...`: single spaces, values without spaces, each key once.
Everything else is text for people. The two are read in different tempers:

- text is forgiven everything: LF ends a line, terminal escapes and all other control bytes (CR too) go, bytes that are
  no UTF-8 become U+FFFD, and a line without end is cut into pieces;
- a record is forgiven nothing: one that breaks the grammar, starts behind other text or lacks its line's end (the guest
  died while it wrote) is reported as a Problem, with its line, and is not a record. It is never an exception, because
  a broken record must not hide the boot that it belongs to.

Lines come out the same however the bytes were cut into pieces on their way here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bfbuild.errors import MachineError, nearest

MARK = "@bf"
LINE_LIMIT = 1 << 16  # bytes after which a line is cut

_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])"
)  # ECMA-48: CSI, OSC, others
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")  # all but the tab
_EVENT = re.compile(r"[a-z][a-z0-9_-]*")
_FIELD = re.compile(r"[a-z][a-z0-9_]*=[!-~]+")
_NUMBER = re.compile(r"-?[0-9]+|0x[0-9a-fA-F]+")


@dataclass(frozen=True)
class Record:
    """One machine-readable line: its event, its fields in the guest's order, and its line in the text, from 1."""

    event: str
    fields: Mapping[str, str]
    line: int

    def text(self, key: str) -> str:
        """Return a field; raise MachineError where the record has none of that name."""
        if key not in self.fields:
            guess = nearest(key, self.fields)
            raise MachineError(
                f"the guest's record '{self.event}' has no field '{key}'",
                facts=[("line", self.line), ("has", " ".join(self.fields) or "no fields")],
                hint=f"is '{guess}' meant?" if guess else None,
            )
        return self.fields[key]

    def number(self, key: str) -> int:
        """Return a field that is decimal, or hexadecimal after 0x; raise MachineError for anything else."""
        value = self.text(key)
        if _NUMBER.fullmatch(value) is None:
            raise MachineError(
                f"the guest's record '{self.event}' holds no number",
                facts=[("line", self.line), ("field", f"{key}={value}")],
            )
        return int(value, 0 if value.startswith("0x") else 10)


@dataclass(frozen=True)
class Problem:
    """A line that means to be a record and is none: its place in the text, from 1, the line, and why."""

    line: int
    text: str
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}: {self.text}"


@dataclass(frozen=True)
class Transcript:
    """All that one boot said: its lines without their ends, joined by LF, the records in them, and the broken ones."""

    text: str = ""
    records: tuple[Record, ...] = ()
    problems: tuple[Problem, ...] = ()

    def all(self, event: str) -> tuple[Record, ...]:
        """Return the records of one event, in the guest's order."""
        return tuple(record for record in self.records if record.event == event)

    def one(self, event: str) -> Record:
        """Return the only record of an event; raise MachineError where there is none, or more than one."""
        found = self.all(event)
        if len(found) == 1:
            return found[0]
        facts = [("records", " ".join(sorted({record.event for record in self.records})) or "none at all")]
        facts += [("broken", str(problem)) for problem in self.problems]
        said = f"said '{event}' {len(found)} times instead of once" if found else f"never said '{event}'"
        raise MachineError(f"the guest {said}", facts=facts)

    @property
    def panic(self) -> Record | None:
        """The first panic; `all("frame")` is its backtrace."""
        return next(iter(self.all("panic")), None)

    def tail(self, lines: int) -> str:
        """Return the last lines that hold more than spaces, for a person."""
        return "\n".join([line for line in self.text.split("\n") if line.strip()][-lines:])


@dataclass
class Reader:
    """Makes lines and records of serial bytes as they come, and a Transcript in the end."""

    records: list[Record] = field(default_factory=list)
    _problems: list[Problem] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)
    _pending: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes; return the lines that they completed, clean and without their ends."""
        self._pending += data
        lines = []
        while (end := self._pending.find(b"\n", 0, LINE_LIMIT + 1)) >= 0 or len(self._pending) > LINE_LIMIT:
            raw = bytes(self._pending[: end if end >= 0 else LINE_LIMIT])
            del self._pending[: len(raw) + (end >= 0)]
            lines.append(self._take(raw, ended=end >= 0))
        return lines

    @property
    def begun(self) -> str:
        """What there is of a line that is not complete, clean, and without a last character that may be cut."""
        return clean(bytes(self._pending[:LINE_LIMIT])).rstrip("\N{REPLACEMENT CHARACTER}")

    def flush(self) -> list[str]:
        """Take what lacks its line's end as a line, when no more bytes will come; return it, if there is any."""
        raw = bytes(self._pending)
        self._pending.clear()
        return [self._take(raw, ended=False)] if raw else []

    def transcript(self) -> Transcript:
        """Return all lines so far."""
        return Transcript("\n".join(self._lines), tuple(self.records), tuple(self._problems))

    def _take(self, raw: bytes, *, ended: bool) -> str:
        text = clean(raw)
        self._lines.append(text)
        found = _parse(text, len(self._lines), ended=ended)
        if isinstance(found, Record):
            self.records.append(found)
        elif found is not None:
            self._problems.append(found)
        return text


def parse(data: bytes) -> Transcript:
    """Return the transcript of everything that a boot wrote; never raises."""
    reader = Reader()
    reader.feed(data)
    reader.flush()
    return reader.transcript()


def clean(raw: bytes) -> str:
    """Return the text of a line that is safe to show on any terminal."""
    return _CONTROL.sub("", _ESCAPE.sub("", raw.decode("utf-8", errors="replace")))


def _parse(text: str, line: int, *, ended: bool) -> Record | Problem | None:
    """Return what a clean line is: a record, a broken one, or (None) text for people."""
    if f"{MARK} " not in text and text != MARK:
        return None
    fault = _fault(text, ended=ended)
    if fault is not None:
        return Problem(line, text, fault)
    _, event, *parts = text.split(" ")
    return Record(event, dict(part.split("=", 1) for part in parts), line)


def _fault(text: str, *, ended: bool) -> str | None:
    """Return what is wrong with a line that holds the mark of a record, or None."""
    if not text.startswith(MARK):
        return "a record starts behind other text"
    if not ended:
        return "a record is cut off"
    event, *parts = text.split(" ")[1:] or [""]
    if _EVENT.fullmatch(event) is None:
        return "a record has no event"
    wrong = next((part for part in parts if _FIELD.fullmatch(part) is None), None)
    if wrong is not None:
        return f"a record holds {wrong!r}, which is not key=value"
    keys = [part.split("=", 1)[0] for part in parts]
    return "a record has a field twice" if len(set(keys)) < len(keys) else None
