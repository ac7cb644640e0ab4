"""Reading an archive (archive.py says what that is) into a store, all of it or nothing. It believes nothing.

A member's header must be, byte for byte, the one that writing makes for its name and size: so there are no links, no
other kinds, no long names, and no second way to say anything. Names must be of the known forms, in strict order;
content must hash to its name; results must have their seal and name nothing that is not in the archive; executions must
be of these actions. No more is unpacked than the first member announces, and for that there must be room on the disk.
Everything is checked before the first file gets its name.

What cannot be proved is that a result is what its action makes: an archive is to be believed as much as who made it.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from bfbuild.digest import CHUNK, ActionDigest
from bfbuild.errors import StoreError
from bfbuild.store.archive import BLOCK, HEAD, VERSION, Contents, header
from bfbuild.store.disk import disk_errors
from bfbuild.store.lookup import StoreLookup
from bfbuild.store.results import parse, result_blobs
from bfbuild.store.signatures import parse as parse_signatures
from bfbuild.store.trace import from_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bfbuild.protos.remote_execution_pb2 import ActionResult
    from bfbuild.store import Store
    from bfbuild.store.cas import Batch
    from bfbuild.store.signatures import Signed
    from bfbuild.store.trace import Trace

LARGEST_RECORD = 16 << 20  # bytes of a head, a result or a trace, which are read into memory
MEMORY = 32 << 20  # bytes that unpacking may take, whatever the stream asks for
FILE_COST = 4 << 10  # bytes that a file takes on a disk besides its content, about

_NAME = re.compile(r"(ac|cas|signatures)/([0-9a-f]{2})/(\2[0-9a-f]{62})|trace/([0-9a-f]{64})\.json")
_ORDER = ("ac", "cas", "signatures", "trace")


class ArchiveError(StoreError):
    """An archive is not as it should be; nothing of it was imported."""

    def __init__(self, archive: Path, member: str, why: str) -> None:
        self.member = member
        self.why = why
        facts: list[tuple[str, object]] = [("archive", archive), ("member", member), ("why", why)]
        super().__init__("an archive cannot be imported", facts=facts, hint="nothing was imported: get the file anew")


def read(store: Store, path: Path) -> Contents:
    """Import an archive, all of it or nothing; raise ArchiveError for what is wrong in it.

    Raise StoreError where the file cannot be read or the store cannot be written.
    """
    with disk_errors("read an archive", path), path.open("rb") as file:
        reader = _Reader(_Stream(file))
        try:
            head = reader.head()
            _check_room(store, path, head["bytes"] + FILE_COST * head["members"])
            with store.cas.batch() as batch:
                reader.all(head["members"], batch)
        except (ValueError, RecursionError) as error:
            raise ArchiveError(path, reader.member, str(error)) from error
    for action, result in reader.results.items():
        store.results.adopt(ActionDigest(action, 0), result)
        store.signatures.add(ActionDigest(action, 0), reader.signatures.get(action, {}))
    for trace in reader.traces:
        if trace not in store.traces.of_action(trace.action):
            store.traces.record(trace)
    store.sync()
    return Contents(head["target"], len(reader.results), len(reader.content), len(reader.traces), head["bytes"])


def _check_room(store: Store, path: Path, size: int) -> None:
    status = os.statvfs(store.path)
    room = status.f_bavail * status.f_frsize
    if size > room:
        facts: list[tuple[str, object]] = [("archive", path), ("it takes", f"{size} bytes"), ("free", f"{room} bytes")]
        raise StoreError("there is no room for what an archive holds", facts=facts)


class _Stream:
    """The bytes of an archive, unpacked as they are asked for and no further."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)

    def read(self, size: int) -> bytes:
        """Return so many bytes; raise ValueError where there are fewer, or they cannot be unpacked."""
        pieces = []
        while size > 0:
            piece = self._piece(size)
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def finish(self) -> None:
        """Raise ValueError unless this is the end of the stream and of the file."""
        while not self._unpacker.eof:
            if self._piece(1):
                raise ValueError("there is more behind its end")
        if self._unpacker.unused_data or self._file.read(1):
            raise ValueError("there is more behind its end")

    def _piece(self, size: int) -> bytes:
        if self._unpacker.eof:
            raise ValueError("it is cut off")
        data = self._file.read(CHUNK) if self._unpacker.needs_input else b""
        if self._unpacker.needs_input and not data:
            raise ValueError("it is cut off")
        try:
            return self._unpacker.decompress(data, size)
        except (lzma.LZMAError, MemoryError) as error:
            raise ValueError(f"it cannot be unpacked: {error}") from error


@dataclass
class _Reader:
    """Reads one archive; `member` is the one that it is at. Raise ValueError for all that is wrong in it."""

    stream: _Stream
    member: str = HEAD
    left: int = 0  # bytes that may still come
    results: dict[str, ActionResult] = field(default_factory=dict)  # by action
    content: dict[str, int] = field(default_factory=dict)  # name -> bytes
    signatures: dict[str, Signed] = field(default_factory=dict)  # by action
    traces: list[Trace] = field(default_factory=list)

    def head(self) -> dict[str, Any]:
        """Return the first member, its numbers checked."""
        self.left = LARGEST_RECORD
        name, size = self._next()
        if name != HEAD:
            raise ValueError("the archive does not begin with its contents")
        head = json.loads(self._record(size))
        if not isinstance(head, dict) or head.get("version") != VERSION or not isinstance(head.get("target"), str):
            raise ValueError("it is no archive of this version")
        for key in ("bytes", "members"):
            if type(head.get(key)) is not int or head[key] < 0:
                raise ValueError(f"it does not say how many {key} there are")
        self.left = head["bytes"]
        return head

    def all(self, members: int, batch: Batch) -> None:
        """Read what follows the head; content goes to `batch`."""
        last = (-1, "")
        for _ in range(members):
            name, size = self._next()
            match = _NAME.fullmatch(name)
            if match is None:
                raise ValueError("its name is none that an archive has")
            kind, hash_ = match[1] or "trace", match[3] or match[4]
            if (place := (_ORDER.index(kind), hash_)) <= last:
                raise ValueError("it is out of order")
            last = place
            match kind:
                case "ac":
                    self.results[hash_] = _result(hash_, self._record(size))
                case "cas":
                    if batch.put_chunks(self._content(size)).hash != hash_:
                        raise ValueError("its content is not what its name says")
                    self.content[hash_] = size
                case "signatures":
                    self.signatures[hash_] = parse_signatures(self._record(size))
                    if hash_ not in self.results:
                        raise ValueError("it signs a result that is not in the archive")
                case _:
                    self.traces.append(self._trace(hash_, self._record(size)))
        self._end()

    def _end(self) -> None:
        self.member = "(the end)"
        if self.left or self.stream.read(2 * BLOCK) != bytes(2 * BLOCK):
            raise ValueError("it does not end where it says")
        self.stream.finish()
        for action, result in self.results.items():
            for path, digest in result_blobs(result):
                if self.content.get(digest.hash) != digest.size:
                    self.member = f"ac/{action[:2]}/{action}"
                    raise ValueError(f"its output {path} is not in the archive")

    def _next(self) -> tuple[str, int]:
        """Return the name and size of the next member."""
        block = self.stream.read(BLOCK)
        name = block[:100].rstrip(b"\0").decode("ascii", errors="backslashreplace")
        self.member = name or "(the end)"
        if block[156:157] != b"0":
            raise ValueError("it is no plain file" if name else "the archive ends before it should")
        size = int(block[124:135], 8)
        if size < 0 or block != header(name, size):
            raise ValueError("its header is not as an archive has it")
        self.left -= size
        if self.left < 0:
            raise ValueError("it is larger than the archive says")
        return name, size

    def _content(self, size: int) -> Iterator[bytes]:
        for start in range(0, size, CHUNK):
            yield self.stream.read(min(CHUNK, size - start))
        if any(self.stream.read(-size % BLOCK)):
            raise ValueError("there is something behind its content")

    def _record(self, size: int) -> bytes:
        if size > LARGEST_RECORD:
            raise ValueError(f"it has more than {LARGEST_RECORD} bytes")
        return b"".join(self._content(size))

    def _trace(self, hash_: str, data: bytes) -> Trace:
        if hashlib.sha256(data).hexdigest() != hash_:
            raise ValueError("its content is not what its name says")
        trace = from_json(data)
        if trace.action.hash not in self.results:
            raise ValueError("it is of an action that the archive does not have")
        numbers = (trace.started, trace.duration, trace.user_time, trace.system_time, trace.max_rss, trace.line)
        if not all(0 <= (number or 0) < 1 << 63 for number in (*numbers, abs(trace.exit_code))):
            raise ValueError("its times are none")
        return trace


def _result(hash_: str, data: bytes) -> ActionResult:
    try:
        result = parse(ActionDigest(hash_, 0), data)
    except StoreLookup as problem:
        raise ValueError(problem.reason) from problem
    if result.exit_code != 0:
        raise ValueError("it is of an action that failed")
    files, links, folders = result.output_files, result.output_symlinks, result.output_directories
    places = [*(file.path for file in files), *(link.path for link in links), *(folder.path for folder in folders)]
    for path in map(PurePosixPath, places):
        if path.is_absolute() or ".." in path.parts or "\0" in str(path) or not path.parts:
            raise ValueError(f"it names an output outside its tree: {path}")
    return result
