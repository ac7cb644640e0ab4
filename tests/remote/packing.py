"""A server of content that takes and gives it compressed by Zstandard, and breaks off where a test says.

Neither of the real servers of the tests compresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import zstandard

from bfbuild.digest import Digest, digest_bytes
from bfbuild.protos import bytestream_pb2 as stream
from bfbuild.protos import remote_execution_pb2 as api

PIECE = 10_000  # bytes of an answer


@dataclass
class Packing:
    """The server's state; `breaks` is after how many bytes on the wire each of the next streams breaks off."""

    breaks: list[int] = field(default_factory=list)
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    partial: dict[str, bytes] = field(default_factory=dict)  # what came of an upload so far
    taken: int = 0  # bytes of uploads, as on the wire
    streams: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"grpc://127.0.0.1:{self.port}"

    def capabilities(
        self, request: api.GetCapabilitiesRequest, context: grpc.ServicerContext
    ) -> api.ServerCapabilities:
        """Offer Zstandard."""
        del request, context
        answer = api.ServerCapabilities()
        answer.cache_capabilities.digest_functions.append(api.DigestFunction.SHA256)
        answer.cache_capabilities.supported_compressors.append(api.Compressor.ZSTD)
        answer.low_api_version.major = answer.high_api_version.major = 2
        return answer

    def read(self, request: stream.ReadRequest, context: grpc.ServicerContext) -> Iterator[stream.ReadResponse]:
        """Give content from an offset on, which counts bytes that are not compressed."""
        self.streams += 1
        assert request.resource_name.startswith("compressed-blobs/zstd/")
        data = self.blobs[Digest.parse(request.resource_name.removeprefix("compressed-blobs/zstd/"))]
        packed = zstandard.ZstdCompressor().compress(data[request.read_offset :])
        limit = self.breaks.pop(0) if self.breaks else len(packed)
        for start in range(0, min(limit, len(packed)), PIECE):
            yield stream.ReadResponse(data=packed[start : min(start + PIECE, limit)])
        if limit < len(packed):
            context.abort(grpc.StatusCode.UNAVAILABLE, "broken off")

    def write(self, requests: Iterator[stream.WriteRequest], context: grpc.ServicerContext) -> stream.WriteResponse:
        """Take content in pieces, each where the one before it ended."""
        self.streams += 1
        limit = self.breaks.pop(0) if self.breaks else None
        name, came = "", 0
        for request in requests:
            name = request.resource_name or name
            had = self.partial.get(name, b"")
            assert request.write_offset == len(had)
            self.partial[name] = had + request.data
            came += len(request.data)
            self.taken += len(request.data)
            if limit is not None and came >= limit:
                context.abort(grpc.StatusCode.UNAVAILABLE, "broken off")
        digest = Digest.parse(name.partition("/compressed-blobs/zstd/")[2])
        data = zstandard.ZstdDecompressor().decompressobj().decompress(self.partial[name])
        assert digest_bytes(data) == digest
        self.blobs[digest] = data
        return stream.WriteResponse(committed_size=len(self.partial[name]))

    def status(
        self, request: stream.QueryWriteStatusRequest, context: grpc.ServicerContext
    ) -> stream.QueryWriteStatusResponse:
        """Say how much of an upload is here."""
        del context
        return stream.QueryWriteStatusResponse(committed_size=len(self.partial.get(request.resource_name, b"")))


@contextmanager
def running(state: Packing) -> Iterator[Packing]:
    """Serve on a port of 127.0.0.1."""
    capabilities = grpc.unary_unary_rpc_method_handler(
        state.capabilities, api.GetCapabilitiesRequest.FromString, api.ServerCapabilities.SerializeToString
    )
    content: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Read": grpc.unary_stream_rpc_method_handler(
            state.read, stream.ReadRequest.FromString, stream.ReadResponse.SerializeToString
        ),
        "Write": grpc.stream_unary_rpc_method_handler(
            state.write, stream.WriteRequest.FromString, stream.WriteResponse.SerializeToString
        ),
        "QueryWriteStatus": grpc.unary_unary_rpc_method_handler(
            state.status, stream.QueryWriteStatusRequest.FromString, stream.QueryWriteStatusResponse.SerializeToString
        ),
    }
    server = grpc.server(ThreadPoolExecutor(4))
    api_name = "build.bazel.remote.execution.v2.Capabilities"
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(api_name, {"GetCapabilities": capabilities}),
            grpc.method_handlers_generic_handler("google.bytestream.ByteStream", content),
        )
    )
    state.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield state
    finally:
        server.stop(None)
