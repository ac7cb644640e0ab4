"""Results by action: cache/ac/ab/abcd..., an ActionResult of the Remote Execution API under its action's SHA-256.

Rules. Only success is recorded. A record is complete before it has its name, and is never read without a check: its
last bytes are a seal, the SHA-256 of the action's hash and of all bytes before. The seal is itself a piece of the
message (a detail in `execution_metadata.auxiliary_metadata`; pieces of a message may be written one after the other),
so any other reader of the API still reads the file, and ours notices each changed byte and a record under a wrong name.
What a record refers to may be missing from the CAS: whoever decides on a hit asks there.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bfbuild.digest import canonical
from bfbuild.store.disk import hashed_files
from bfbuild.store.lookup import ResultDamaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bfbuild.digest import ActionDigest
    from bfbuild.protos.remote_execution_pb2 import ActionResult
    from bfbuild.store.disk import Scratch

SEAL_TYPE = "bfbuild/seal"


class Results:
    """The results in one folder."""

    def __init__(self, path: Path, scratch: Scratch) -> None:
        self.path = path
        self._scratch = scratch

    def get(self, action: ActionDigest) -> ActionResult | None:
        """Return the recorded result, None where there is none; raise ResultDamaged, to be taken as a miss."""
        from google.protobuf.message import DecodeError  # noqa: PLC0415  (protobuf is slow to import)

        from bfbuild.protos.remote_execution_pb2 import ActionResult  # noqa: PLC0415

        try:
            data = self.path_of(action).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ResultDamaged(action, f"cannot be read: {error.strerror}") from error
        length = len(_seal(action, b""))
        body, seal = data[:-length], data[-length:]
        if seal != _seal(action, body):
            raise ResultDamaged(action, "damaged: its seal does not fit")
        try:
            return ActionResult.FromString(body)
        except DecodeError as error:
            raise ResultDamaged(action, "damaged: it is no ActionResult") from error

    def put(self, action: ActionDigest, result: ActionResult) -> None:
        """Record a success, its outputs in the order of their paths.

        The result MUST have exit code 0, and what it refers to MUST be in the CAS already. Raise StoreError where it
        cannot be written.
        """
        if result.exit_code != 0:
            raise ValueError(f"only success is recorded, and this action ended with {result.exit_code}")
        record = type(result)()
        record.CopyFrom(result)
        for outputs in (record.output_files, record.output_symlinks, record.output_directories):
            outputs.sort(key=lambda output: output.path)
        body = canonical(record)
        self._scratch.publish([(self._scratch.write(body + _seal(action, body)), self.path_of(action))])

    def hashes(self, prefix: str = "") -> Iterator[str]:
        """Iterate, in order, over the hashes of recorded actions, unchecked; only those that start with `prefix`."""
        for entry in hashed_files(self.path, prefix):
            yield entry.name

    def path_of(self, action: ActionDigest) -> Path:
        """Return where the record lies, or would lie."""
        return self.path / action.hash[:2] / action.hash


def _seal(action: ActionDigest, body: bytes) -> bytes:
    """Return the bytes that end the record of `action`; always equally many."""
    from bfbuild.protos.remote_execution_pb2 import ActionResult  # noqa: PLC0415

    piece = ActionResult()
    value = hashlib.sha256(action.hash.encode() + body).digest()
    piece.execution_metadata.auxiliary_metadata.add(type_url=SEAL_TYPE, value=value)
    return canonical(piece)
