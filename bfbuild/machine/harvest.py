"""Artifacts on a disk: what guests found out about their functions, read by the host and believed in nothing.

`harvest` finds the files that a guest keeps, in every FAT16 partition of an image; src/kernel_lib/jit/FORMAT.md
describes them. A file that is damaged is no artifact: the guest takes it for missing too.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from bfbuild.disk import mbr
from bfbuild.disk.fat16 import reader
from bfbuild.disk.faults import DiskError
from bfbuild.errors import MachineError

FOLDER, SUFFIX = "JIT/CACHE", ".art"
MAGIC, VERSION = b"BFJA", 2
HEADER = struct.Struct("<4sI32s32sQ16s4I2Q32s32s")
DIGEST = 32
NAME_DIGITS = 16  # of a key, in a file's name


class NoArtifact(ValueError):  # noqa: N818  (it says what the bytes are)
    """These bytes are no artifact; the text says why."""


@dataclass(frozen=True)
class Artifact:
    """What became of a request. Costs are cycles of a call on average; without an object the new code is not used."""

    request: str
    per_mille: int
    before: int
    after: int
    object: bytes
    optimized: bytes

    @property
    def key(self) -> str:
        """The request's SHA-256: the artifact's name, in the guest as here."""
        return hashlib.sha256(self.request.encode()).hexdigest()

    @cached_property
    def fields(self) -> dict[str, str]:
        """The request's lines by their first word: compiler, bitcode, function, features, recursion."""
        return {name: value for name, _, value in (line.partition(" ") for line in self.request.splitlines())}

    @property
    def features(self) -> str:
        """What LLVM may use, as it writes it; "" for a plain i686."""
        return self.fields["features"].replace("none", "")


def parse(data: bytes) -> Artifact:
    """Read a file of the cache; raise NoArtifact for one that is damaged or something else."""
    if len(data) < HEADER.size + DIGEST:
        raise NoArtifact("it is too short")
    head = HEADER.unpack_from(data)
    magic, version, key, _, _, _, request_size, object_size, optimized_size, per_mille, before, after, _, digest = head
    if (magic, version) != (MAGIC, VERSION):
        raise NoArtifact("it has another format")
    request_end = HEADER.size + request_size
    end = request_end + object_size
    if end + DIGEST + optimized_size != len(data):
        raise NoArtifact("its sizes do not add up")
    text, code, optimized = data[HEADER.size : request_end], data[request_end:end], data[end + DIGEST :]
    wanted = (data[end : end + DIGEST], key, digest)
    if wanted != tuple(hashlib.sha256(part).digest() for part in (data[:end], text, optimized)):
        raise NoArtifact("its digests are not those of its bytes")
    try:
        request = text.decode("ascii")
    except UnicodeDecodeError as error:
        raise NoArtifact("its request is no text") from error
    return Artifact(request, per_mille, before, after, code, optimized)


def harvest(image: Path) -> list[Artifact]:
    """Return what an image has, sorted by key; raise MachineError where it cannot be read as a disk."""
    try:
        with image.open("rb") as file:
            table = mbr.parse(file.read(mbr.SECTOR))
            trees = [reader.read_tree(file, entry.lba * mbr.SECTOR) for entry in table.entries if entry.type == 0x06]
    except (OSError, DiskError) as error:
        raise MachineError("an image cannot be read", facts=[("image", image), ("why", error)]) from error
    found: dict[str, Artifact] = {}
    for tree in trees:
        for path, data in sorted(tree.items()):
            if str(PurePosixPath(path).parent) != FOLDER or not path.endswith(SUFFIX):
                continue
            try:
                artifact = parse(data)
            except NoArtifact:
                continue
            if PurePosixPath(path).stem == artifact.key[:NAME_DIGITS]:
                found[artifact.key] = artifact
    return [found[key] for key in sorted(found)]
