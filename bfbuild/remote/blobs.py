"""The content of a server (CAS, ByteStream): what it lacks, what it is given, what is taken from it into a store.

Many small pieces of content travel in one message, a large one in a stream of them. A stream that breaks goes on where
it was, as far as the server allows it. Memory is bounded whatever the sizes: content goes from file to file, in chunks.
What arrives is hashed on its way into the store, and other bytes than the name says are never there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from google.rpc.code_pb2 import Code

from bfbuild.digest import CHUNK, Digest, digest_bytes
from bfbuild.protos import bytestream_pb2 as stream
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.remote import zstd
from bfbuild.remote.failures import TRANSIENT, Away, Failed, Gone, Wrong, failed
from bfbuild.store.disk import disk_errors

if TYPE_CHECKING:
    from bfbuild.remote.capabilities import Capabilities
    from bfbuild.remote.channel import Channel
    from bfbuild.store.cas import Batch

SERVICE = "/build.bazel.remote.execution.v2.ContentAddressableStorage"
BYTES = "/google.bytestream.ByteStream"
NAME = 160  # bytes that a digest and its message take in a batch, at most
MOST_NAMES = 10_000  # in one question
WORTH_PACKING = 16 << 10  # bytes; less is not made much smaller

Tell = Callable[[Digest, int], None]  # so many bytes of this content are done


def _nobody(digest: Digest, done: int) -> None:
    del digest, done


@dataclass(frozen=True)
class Blobs:
    """The content of one server. Safe to use from several threads. Whatever fails raises Failed, or RemoteError."""

    channel: Channel
    can: Capabilities
    tell: Tell = _nobody

    def missing(self, digests: Iterable[Digest]) -> set[Digest]:
        """Return which of these the server lacks."""
        asked, found = sorted({digest for digest in digests if digest.size}), set()
        for start in range(0, len(asked), MOST_NAMES):
            request = api.FindMissingBlobsRequest(
                instance_name=self.channel.remote.instance,
                blob_digests=[digest.to_message() for digest in asked[start : start + MOST_NAMES]],
                digest_function=api.DigestFunction.SHA256,
            )
            reply = self.channel.call(f"{SERVICE}/FindMissingBlobs", request, api.FindMissingBlobsResponse)
            found |= {Digest.of_message(each) for each in reply.missing_blob_digests}
        return found

    def give(self, blobs: Mapping[Digest, bytes | Path]) -> None:
        """Give the server content that it lacks, from memory or from files; raise StoreError for an unreadable one."""
        small = [digest for digest in blobs if digest.size + NAME <= self.can.most_in_batch]
        for part in _batches(small, self.can.most_in_batch):
            self._give_batch({digest: blobs[digest] for digest in part})
        for digest in blobs.keys() - set(small):
            self._give_stream(digest, blobs[digest])

    def take(self, digests: Iterable[Digest], batch: Batch) -> None:
        """Take content into a store's batch, which MUST be given up where this raises, Gone for what is not there."""
        wanted = sorted(set(digests))
        small = [digest for digest in wanted if digest.size > 0 and digest.size + NAME <= self.can.most_in_batch]
        for part in _batches(small, self.can.most_in_batch):
            for digest, data in self._take_batch(part).items():
                self._check(digest, batch.put_bytes(data))
                self.tell(digest, digest.size)
        for digest in sorted(set(wanted) - set(small)):
            self._check(digest, batch.put_chunks(self._told(digest, self._resumed(digest) if digest.size else ())))

    def read(self, digest: Digest) -> bytes:
        """Return content that fits into memory; raise Gone where it is not there."""
        data = b"".join(self._resumed(digest)) if digest.size else b""
        self._check(digest, digest_bytes(data))
        return data

    def tree(self, root: Digest) -> list[api.Directory]:
        """Return the folders of a tree, the root first; raise Gone where one is not there."""
        return self.channel.retried(lambda: list(self._tree(root)))

    def _tree(self, root: Digest) -> Iterator[api.Directory]:
        token = ""
        while True:
            request = api.GetTreeRequest(
                instance_name=self.channel.remote.instance,
                root_digest=root.to_message(),
                page_token=token,
                digest_function=api.DigestFunction.SHA256,
            )
            token = ""
            deadline = self.channel.patience.deadline
            for page in self.channel.stream(f"{SERVICE}/GetTree", request, api.GetTreeResponse, deadline=deadline):
                yield from page.directories
                token = page.next_page_token
            if not token:
                return

    def _check(self, wanted: Digest, found: Digest) -> None:
        if wanted != found:
            raise Wrong(self.channel.url, "DATA_LOSS", f"for {wanted} it sent {found}")

    def _give_batch(self, blobs: Mapping[Digest, bytes | Path]) -> None:
        request = api.BatchUpdateBlobsRequest(
            instance_name=self.channel.remote.instance, digest_function=api.DigestFunction.SHA256
        )
        for digest, source in blobs.items():
            request.requests.add(digest=digest.to_message(), data=b"".join(_chunks(source)))

        def check(reply: api.BatchUpdateBlobsResponse) -> None:
            for each in reply.responses:
                if each.status.code:
                    raise failed(self.channel.url, Code.Name(each.status.code), each.status.message)

        size = sum(digest.size for digest in blobs)
        self.channel.call(f"{SERVICE}/BatchUpdateBlobs", request, api.BatchUpdateBlobsResponse, size=size, check=check)
        for digest in blobs:
            self.tell(digest, digest.size)

    def _take_batch(self, digests: list[Digest]) -> dict[Digest, bytes]:
        request = api.BatchReadBlobsRequest(
            instance_name=self.channel.remote.instance,
            digests=[digest.to_message() for digest in digests],
            digest_function=api.DigestFunction.SHA256,
        )

        def check(reply: api.BatchReadBlobsResponse) -> None:
            for each in reply.responses:
                if each.status.code:
                    raise failed(self.channel.url, Code.Name(each.status.code), each.status.message)

        size = sum(digest.size for digest in digests)
        reply = self.channel.call(
            f"{SERVICE}/BatchReadBlobs", request, api.BatchReadBlobsResponse, size=size, check=check
        )
        found = {Digest.of_message(each.digest): each.data for each in reply.responses}
        for digest in set(digests) - found.keys():
            raise Gone(self.channel.url, "NOT_FOUND", f"{digest} was not in the answer")
        return {digest: found[digest] for digest in digests}

    def _told(self, digest: Digest, chunks: Iterable[bytes]) -> Iterator[bytes]:
        done = 0
        for chunk in chunks:
            yield chunk
            done += len(chunk)
            self.tell(digest, done)

    def _resumed(self, digest: Digest) -> Iterator[bytes]:
        """Yield content from a stream, and from another one from where that broke; while some arrives, without end."""
        done, waits = 0, self.channel.patience.waits()
        while done < digest.size:
            try:
                for chunk in self._read(digest, done):
                    done, waits = done + len(chunk), self.channel.patience.waits()
                    if done > digest.size:
                        raise Wrong(self.channel.url, "DATA_LOSS", f"for {digest} it sent more bytes")
                    yield chunk
                if done < digest.size:
                    raise Away(
                        self.channel.url, "UNAVAILABLE", f"the stream ended after {done:,} of {digest.size:,} bytes"
                    )
            except Failed as problem:
                wait = next(waits, None)
                if problem.code not in TRANSIENT or wait is None:
                    raise
                self.channel.patience.sleep(wait)

    def _read(self, digest: Digest, offset: int) -> Iterator[bytes]:
        packed = self._packs(digest)
        request = stream.ReadRequest(
            resource_name=self._resource("compressed-blobs/zstd" if packed else "blobs", str(digest)),
            read_offset=offset,
        )
        deadline = self.channel.patience.deadline_for(digest.size - offset)
        replies = self.channel.stream(f"{BYTES}/Read", request, stream.ReadResponse, deadline=deadline)
        chunks = (reply.data for reply in replies)
        return self._unpacked(digest, chunks) if packed else chunks

    def _unpacked(self, digest: Digest, chunks: Iterable[bytes]) -> Iterator[bytes]:
        try:
            yield from zstd.unpacked(chunks)
        except ValueError as error:
            raise Wrong(self.channel.url, "DATA_LOSS", f"{digest}: {error}") from error

    def _give_stream(self, digest: Digest, source: bytes | Path) -> None:
        name, offset, waits = self._upload(digest), 0, self.channel.patience.waits()
        while True:
            try:
                self._write(digest, source, name, offset)
                return
            except Failed as problem:
                wait = next(waits, None)
                if problem.code not in TRANSIENT or wait is None:
                    raise
            self.channel.patience.sleep(wait)
            committed = self._committed(name)
            if committed is None:
                name, offset = self._upload(digest), 0
            elif committed > offset:
                offset, waits = committed, self.channel.patience.waits()

    def _write(self, digest: Digest, source: bytes | Path, name: str, offset: int) -> None:
        """Send content from an offset on, which counts what is on the wire; raise Away where not all was taken."""
        packed = self._packs(digest)
        whole = 0

        def requests() -> Iterator[stream.WriteRequest]:
            nonlocal whole
            chunks = self._told(digest, _chunks(source))
            for chunk in zstd.packed(chunks) if packed else chunks:
                start, whole = whole, whole + len(chunk)
                if whole > offset:
                    skipped = max(0, offset - start)
                    yield stream.WriteRequest(resource_name=name, write_offset=start + skipped, data=chunk[skipped:])
            yield stream.WriteRequest(resource_name=name, write_offset=whole, finish_write=True)

        reply = self.channel.send(f"{BYTES}/Write", requests(), stream.WriteResponse, size=digest.size)
        if reply.committed_size not in (-1, digest.size, whole):  # the first two also where it has the content already
            raise Away(self.channel.url, "UNAVAILABLE", f"it took {reply.committed_size:,} of {whole:,} bytes")

    def _committed(self, name: str) -> int | None:
        """Return how much of an upload the server has, None where it does not know."""
        try:
            reply = self.channel.call(
                f"{BYTES}/QueryWriteStatus",
                stream.QueryWriteStatusRequest(resource_name=name),
                stream.QueryWriteStatusResponse,
            )
        except Failed as problem:
            if problem.code in TRANSIENT:
                raise
            return None
        return reply.committed_size

    def _packs(self, digest: Digest) -> bool:
        return self.can.zstd and digest.size >= WORTH_PACKING

    def _upload(self, digest: Digest) -> str:
        kind = "compressed-blobs/zstd" if self._packs(digest) else "blobs"
        return self._resource("uploads", str(uuid.uuid4()), kind, str(digest))

    def _resource(self, *words: str) -> str:
        instance = self.channel.remote.instance
        return "/".join((*([instance] if instance else []), *words))


def _batches(digests: Iterable[Digest], most: int) -> Iterator[list[Digest]]:
    """Share out digests so that the content of each part fits into a message."""
    part: list[Digest] = []
    size = 0
    for digest in digests:
        if part and size + digest.size + NAME > most:
            yield part
            part, size = [], 0
        part.append(digest)
        size += digest.size + NAME
    if part:
        yield part


def _chunks(source: bytes | Path) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield from (source[start : start + CHUNK] for start in range(0, len(source), CHUNK))
        return
    with disk_errors("read what a remote server is given", source), source.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            yield chunk
