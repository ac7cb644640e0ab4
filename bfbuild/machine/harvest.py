"""Artifacts on a disk: what guests found out about their functions, read by the host and believed in nothing.

`harvest` finds the files that a guest keeps, in every FAT16 partition of an image; src/kernel_lib/jit/FORMAT.md
describes them. A file that is damaged is no artifact: the guest takes it for missing too.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from bfbuild.disk import mbr
from bfbuild.disk.fat16.reader import Volume
from bfbuild.disk.faults import DiskError
from bfbuild.errors import MachineError
from bfbuild.recipe.profile import (
    LONGEST,
    Entry,
    Profile,
    Source,
    function,
    request_lines,
    request_text,
    still,
)

SUFFIX = ".art"
MAGIC, VERSION = b"BFJA", 2
HEADER = struct.Struct("<4sI32s32sQ16s4I2Q32s32s")
DIGEST = 32
NAME_DIGITS = 16  # of a key, in a file's name
GENERAL = 3  # lines of a request that says nothing of how a function is used
CLOSE = 100  # a hundredth
LARGEST = 4 << 20  # bytes of a file


class NoArtifact(ValueError):  # noqa: N818  (it says what the bytes are)
    """These bytes are no artifact; the text says why."""


@dataclass(frozen=True)
class Artifact:
    """What became of a request. Costs are cycles of a call on average; without an object the new code is not used.

    `better` is the key of another request for the same function that turned out to be worth more; "" for none.
    """

    compiler: str
    bitcode: str
    lines: tuple[str, ...]  # of the request, behind these digests
    per_mille: int
    before: int
    after: int
    better: str
    object: bytes
    optimized: bytes  # bitcode

    @property
    def request(self) -> bytes:
        """The whole request."""
        return request_text(self.compiler, self.bitcode, self.lines)

    @property
    def key(self) -> str:
        """The request's SHA-256: the artifact's name, in the guest as here."""
        return hashlib.sha256(self.request).hexdigest()

    @property
    def function(self) -> str:
        """The function's name."""
        return function(self.lines)


def parse(data: bytes) -> Artifact:
    """Read a file of the cache; raise NoArtifact for one that is damaged or something else."""
    if len(data) < HEADER.size + DIGEST:
        raise NoArtifact("it is too short")
    magic, version, key, _, _, _, *sizes, before, after, better, bitcode_digest = HEADER.unpack_from(data)
    request_size, object_size, bitcode_size, per_mille = sizes
    if (magic, version) != (MAGIC, VERSION):
        raise NoArtifact("it has another format")
    end = HEADER.size + request_size + object_size
    if end + DIGEST + bitcode_size != len(data) or request_size >= LONGEST:
        raise NoArtifact("its sizes do not add up")
    request, code = data[HEADER.size : HEADER.size + request_size], data[HEADER.size + request_size : end]
    optimized = data[end + DIGEST :]
    if hashlib.sha256(data[:end]).digest() != data[end : end + DIGEST] or hashlib.sha256(request).digest() != key:
        raise NoArtifact("its digest is not that of its bytes")
    if bool(code) != bool(optimized) or (code and hashlib.sha256(optimized).digest() != bitcode_digest):
        raise NoArtifact("its bitcode is not what its object was made of")
    try:
        compiler, bitcode, lines = request_lines(request)
    except ValueError as error:
        raise NoArtifact(f"its request is none: {error}") from error
    named = better.hex() if any(better) else ""
    return Artifact(compiler, bitcode, lines, per_mille, before, after, named, code, optimized)


def harvest(image: Path) -> list[Artifact]:
    """Return what an image has, sorted by key; raise MachineError where it cannot be read as a disk."""
    found: dict[str, Artifact] = {}
    try:
        for path, data in _files(image):
            try:
                artifact = parse(data)
            except NoArtifact:
                continue
            if PurePosixPath(path).stem == artifact.key[:NAME_DIGITS]:
                found[artifact.key] = artifact
    except (OSError, DiskError) as error:
        raise MachineError("an image cannot be read", facts=[("image", image), ("why", error)]) from error
    return [found[key] for key in sorted(found)]


def recorded(profile: Profile, found: Mapping[str, Sequence[Artifact]], *, exact: bool) -> Profile:
    """Return a profile with what a boot found out, by the name of the bitcode; of each, artifacts of equal digests.

    What an earlier boot has measured stays, since figures are others each time; those that are `exact` take its place
    where they tell something else. What is better now takes the place of what was: it may be about addresses of another
    program. Where compiler or bitcode are others than before, nothing is left but the requests for processors that are
    not here.
    """
    sources = dict(profile.sources)
    for name, artifacts in found.items():
        if not artifacts:
            continue
        first = artifacts[0]
        entries: dict[tuple[str, ...], Entry] = {}
        for entry in _still(sources.get(name), artifacts):
            entries.setdefault(entry.request, entry)
        for entry in _entries(artifacts):
            known = entries.get(entry.request)
            if known is None or (exact and not _same(known, entry)):
                entries[entry.request] = entry
            elif entry.better:
                entries[entry.request] = known.model_copy(update={"better": entry.better})
        ordered = tuple(entries[lines] for lines in sorted(_of_use(entries.values())))
        sources[name] = Source(compiler=first.compiler, bitcode=first.bitcode, entries=ordered)
    return Profile(sources=sources)


def _still(old: Source | None, artifacts: Sequence[Artifact]) -> Iterator[Entry]:
    """Yield what an old profile still says: with its figures where they are of this very code."""
    functions, processors = ({artifact.lines[number] for artifact in artifacts} for number in (0, 1))
    for entry in old.entries if old is not None else ():
        if old is not None and (old.compiler, old.bitcode) == (artifacts[0].compiler, artifacts[0].bitcode):
            yield entry
        elif entry.request[0] in functions and entry.request[1] not in processors:
            yield Entry(request=still(entry.request), better=still(entry.better))


def _of_use(entries: Iterable[Entry]) -> Iterator[tuple[str, ...]]:
    """Yield the requests that a guest may ask for: general ones, and those that one of them calls better."""
    better = {entry.better for entry in entries}
    led = {lines[:2] for lines in better if lines}  # functions and processors of which one request leads to another
    for entry in entries:
        general = bool(entry.better) if entry.request[:2] in led else len(entry.request) == GENERAL
        if general or entry.request in better:
            yield entry.request


def _entries(artifacts: Sequence[Artifact]) -> Iterator[Entry]:
    """Yield the entries of one source; another request is only better where it is here, and for the same function."""
    by_key = {artifact.key: artifact for artifact in artifacts}
    for artifact in artifacts:
        better = by_key.get(artifact.better if artifact.better != artifact.key else "")  # its own: there is none
        yield Entry(
            request=artifact.lines,
            state=_state(artifact),
            per_mille=artifact.per_mille,
            before=artifact.before,
            after=artifact.after,
            better=better.lines if better is not None and better.lines[:2] == artifact.lines[:2] else (),
        )


def _same(known: Entry, entry: Entry) -> bool:
    """Whether two entries say the same: even a boot with counted instructions waits for its disk in real time."""
    pairs = ((known.before, entry.before), (known.after, entry.after))
    close = all(abs(one - other) * CLOSE <= one for one, other in pairs)
    return close and (known.state, known.better) == (entry.state, entry.better)


def _state(artifact: Artifact) -> Literal["optimized", "rejected", "untried"]:
    if not artifact.object:
        return "rejected"
    return "optimized" if artifact.per_mille else "untried"


def _files(image: Path) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every file that may be an artifact."""
    with image.open("rb") as file:
        table = mbr.parse(file.read(mbr.SECTOR))
        for place in (entry.lba * mbr.SECTOR for entry in table.entries if entry.type == 0x06):
            volume = Volume(file, place)
            for entry in sorted(volume.walk()):
                if not entry.directory and entry.path.endswith(SUFFIX) and entry.size <= LARGEST:
                    yield entry.path, b"".join(volume.chunks(entry))
