"""How a result of ours is told to a server, and what one that a server has comes to here.

On the wire it is what any client of the API would say: files by path and digest, what was printed by digest. Who
vouches for it travels in the same message, in `execution_metadata.auxiliary_metadata`, where the API has room for what
servers need not understand. A toolchain's root travels as one file, its Directory: a server that looks whether all of a
result is there would otherwise want every file of the toolchain.

What comes back is brought to the form that the record of an execution here has, whoever made it and whatever else a
server tells, so that equal results are equal bytes and a signature fits wherever it was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bfbuild.digest import Digest, digest_bytes
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.store.signatures import Signed, parse, text

SIGNATURES = "bfbuild/signatures"


@dataclass(frozen=True)
class Wanted:
    """What a result must have to be that of an action: its files, or a folder; and whether what was printed counts."""

    files: tuple[str, ...] = ()
    folder: str = ""
    stdout: bool = False


@dataclass(frozen=True)
class Told:
    """A result from a server as our record of it, who vouches for it, and content that came with it."""

    record: api.ActionResult
    signatures: Signed
    content: Mapping[Digest, bytes]


def outgoing(result: api.ActionResult, signatures: Signed) -> api.ActionResult:
    """Return a record of ours as it travels."""
    told = api.ActionResult()
    told.CopyFrom(result)
    for folder in told.output_directories:
        told.output_files.add(path=folder.path, digest=folder.root_directory_digest)
    del told.output_directories[:]
    if signatures:
        told.execution_metadata.auxiliary_metadata.add(type_url=SIGNATURES, value=text(signatures))
    return told


def incoming(told: api.ActionResult, wanted: Wanted) -> Told | None:
    """Return what a server told of an action; None where that is no success, or not what the action makes."""
    places = (wanted.folder,) if wanted.folder else wanted.files
    found = {file.path: file for file in told.output_files}
    if told.exit_code or found.keys() != set(places) or told.output_directories or told.output_symlinks:
        return None
    content = {digest_bytes(file.contents): file.contents for file in told.output_files if file.contents}
    content[digest_bytes(told.stdout_raw)] = told.stdout_raw
    record = api.ActionResult()
    try:
        for place in sorted(places):
            digest = Digest.of_message(found[place].digest)
            if wanted.folder:
                record.output_directories.add(path=place, root_directory_digest=digest.to_message())
            else:
                executable = found[place].is_executable
                record.output_files.add(path=place, digest=digest.to_message(), is_executable=executable)
        if wanted.stdout:
            named = Digest.of_message(told.stdout_digest) if told.HasField("stdout_digest") else None
            record.stdout_digest.CopyFrom((named or digest_bytes(told.stdout_raw)).to_message())
    except ValueError:  # a digest that is none
        return None
    return Told(record, dict(_signatures(told)), content)


def _signatures(told: api.ActionResult) -> Iterator[tuple[str, bytes]]:
    for detail in told.execution_metadata.auxiliary_metadata:
        if detail.type_url == SIGNATURES:
            try:
                yield from parse(detail.value).items()
            except ValueError:
                continue
