"""Digests and canonical bytes: the names of content, and the names of descriptions.

A digest is SHA-256 plus the size in bytes (Remote Execution API v2, message Digest). `Digest` names content: a file, a
serialized Directory or Command. `ActionDigest` names a description: a serialized Action, the key of a result. They are
different types so that the type checker refuses one where the other is meant.

Canonical bytes of a message are its protobuf encoding with fields in tag order; what the API wants sorted (directory
entries, environment, output paths, platform properties) must be sorted by whoever fills the message.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from bfbuild.protos.remote_execution_pb2 import Digest as DigestMessage

CHUNK = 1 << 20


@dataclass(frozen=True, order=True, slots=True)
class _Sha256:
    """A SHA-256 in lower-case hex and the number of bytes it was taken of."""

    hash: str
    size: int

    HEX_LENGTH: ClassVar[int] = 64

    def __post_init__(self) -> None:
        if len(self.hash) != self.HEX_LENGTH or not set(self.hash) <= set("0123456789abcdef") or self.size < 0:
            raise ValueError(f"not a SHA-256 digest: {self.hash}/{self.size}")

    def __str__(self) -> str:
        return f"{self.hash}/{self.size}"

    @property
    def short(self) -> str:
        """The first twelve digits, for people."""
        return self.hash[:12]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `HASH/SIZE`; raise ValueError for anything else."""
        hash_, _, size = text.partition("/")
        return cls(hash_, int(size))

    @classmethod
    def of_message(cls, message: DigestMessage) -> Self:
        """Read an API Digest; raise ValueError where it is no SHA-256."""
        return cls(message.hash, message.size_bytes)

    def to_message(self) -> DigestMessage:
        """Return the API's Digest."""
        from bfbuild.protos.remote_execution_pb2 import Digest as DigestMessage  # noqa: PLC0415  (protobuf is slow to import)

        return DigestMessage(hash=self.hash, size_bytes=self.size)


@dataclass(frozen=True, order=True, slots=True)
class Digest(_Sha256):
    """The name of some content."""


@dataclass(frozen=True, order=True, slots=True)
class ActionDigest(_Sha256):
    """The name of an action: the digest of its description, never of what it makes."""

    @property
    def description(self) -> Digest:
        """The same name as content: where the serialized Action lies in the CAS."""
        return Digest(self.hash, self.size)


def digest_bytes(data: bytes) -> Digest:
    """Return the digest of bytes in memory."""
    return Digest(hashlib.sha256(data).hexdigest(), len(data))


def digest_file(path: Path) -> Digest:
    """Return the digest of a file's content; raise OSError where it cannot be read."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256")
        return Digest(sha256.hexdigest(), file.tell())


def canonical(message: Message) -> bytes:
    """Return a message's canonical bytes."""
    return message.SerializeToString(deterministic=True)
