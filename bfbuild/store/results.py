"""Results by action: cache/ac/ab/abcd..., an ActionResult of the Remote Execution API under its action's SHA-256.

Rules. Only success is recorded. A record is complete before it has its name, and is never read without a check: its
last bytes are a seal, the SHA-256 of the action's hash and of all bytes before. The seal is itself a piece of the
message (a detail in `execution_metadata.auxiliary_metadata`; pieces of a message may be written one after the other),
so any other reader of the API still reads the file, and ours notices each changed byte and a record under a wrong name.
What a record refers to may be missing from the CAS: whoever decides on a hit asks there, and asks for results that are
`believed`, which is a question where a project says whose word counts (a `Trust`, see signatures.py).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bfbuild.digest import Digest, canonical
from bfbuild.store.disk import hashed_files
from bfbuild.store.lookup import ResultDamaged, ResultDoubted
from bfbuild.store.signatures import message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bfbuild.digest import ActionDigest
    from bfbuild.protos.remote_execution_pb2 import ActionResult
    from bfbuild.store.disk import Scratch
    from bfbuild.store.leases import Leases
    from bfbuild.store.signatures import Signatures, Trust

SEAL_TYPE = "bfbuild/seal"


class Results:
    """The results in one folder."""

    def __init__(
        self, path: Path, scratch: Scratch, leases: Leases, signatures: Signatures, trust: Trust | None
    ) -> None:
        self.path = path
        self._scratch = scratch
        self._leases = leases
        self._signatures = signatures
        self._trust = trust

    def get(self, action: ActionDigest) -> ActionResult | None:
        """Return the recorded result, None where there is none; raise ResultDamaged, to be taken as a miss.

        What was found stays while this store is open.
        """
        self._leases.hold(action.hash)
        return self.read(action)

    def believed(self, action: ActionDigest) -> ActionResult | None:
        """Return the same where those vouch for it whose word counts; else raise ResultDoubted."""
        result = self.get(action)
        if self._trust is not None and result is not None:
            why = self._trust.doubt(message(action, canonical(result)), self._signatures.get(action))
            if why is not None:
                raise ResultDoubted(action, why)
        return result

    def read(self, action: ActionDigest) -> ActionResult | None:
        """Return the same for one who only looks: it may be gone the next moment."""
        try:
            data = self.path_of(action).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ResultDamaged(action, f"cannot be read: {error.strerror}") from error
        return parse(action, data)

    def put(self, action: ActionDigest, result: ActionResult) -> None:
        """Record a success of one's own, signed where there is a key for it; see `adopt`."""
        body = self.adopt(action, result)
        if self._trust is not None:
            self._signatures.add(action, self._trust.sign(message(action, body)))

    def adopt(self, action: ActionDigest, result: ActionResult) -> bytes:
        """Record a success, its outputs in the order of their paths; return the record without its seal.

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
        self._leases.hold(action.hash)
        self._scratch.publish([(self._scratch.write(body + seal(action, body)), self.path_of(action))])
        return body

    def hashes(self, prefix: str = "") -> Iterator[str]:
        """Iterate, in order, over the hashes of recorded actions, unchecked; only those that start with `prefix`."""
        for entry in hashed_files(self.path, prefix):
            yield entry.name

    def path_of(self, action: ActionDigest) -> Path:
        """Return where the record lies, or would lie."""
        return self.path / action.hash[:2] / action.hash


def parse(action: ActionDigest, data: bytes) -> ActionResult:
    """Return the result that a record holds; raise ResultDamaged where it is not the one that was written."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415  (protobuf is slow to import)

    from bfbuild.protos.remote_execution_pb2 import ActionResult  # noqa: PLC0415

    length = len(seal(action, b""))
    body = data[:-length]
    if data[-length:] != seal(action, body):
        raise ResultDamaged(action, "damaged: its seal does not fit")
    try:
        result = ActionResult.FromString(body)
        list(result_blobs(result))
    except DecodeError as error:
        raise ResultDamaged(action, "damaged: it is no ActionResult") from error
    except ValueError as error:  # sealed so: whoever did that knew how, and is not believed
        raise ResultDamaged(action, f"damaged: {error}") from error
    return result


def result_blobs(result: ActionResult) -> Iterator[tuple[str, Digest]]:
    """Yield (path, digest) of every blob that a result needs to be whole."""
    for output in result.output_files:
        yield output.path, Digest.of_message(output.digest)
    for folder in result.output_directories:
        yield folder.path, Digest.of_message(folder.root_directory_digest)
    if result.HasField("stdout_digest"):
        yield "stdout", Digest.of_message(result.stdout_digest)


def seal(action: ActionDigest, body: bytes) -> bytes:
    """Return the bytes that end the record of `action`; always equally many."""
    from bfbuild.protos.remote_execution_pb2 import ActionResult  # noqa: PLC0415

    piece = ActionResult()
    value = hashlib.sha256(action.hash.encode() + body).digest()
    piece.execution_metadata.auxiliary_metadata.add(type_url=SEAL_TYPE, value=value)
    return canonical(piece)
