"""What a server can do, and whether we can talk to it at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bfbuild.errors import RemoteError
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.remote.channel import LOOPBACK
from bfbuild.remote.failures import Failed

if TYPE_CHECKING:
    from bfbuild.remote.channel import Channel

OURS = ((2, 0), (2, 12))  # the versions of the API that we speak
MOST_IN_BATCH = (4 << 20) - (64 << 10)  # bytes: gRPC takes 4 MiB where nothing else is said, and names need room too


@dataclass(frozen=True)
class Capabilities:
    """Of one server."""

    most_in_batch: int  # bytes of content in one message
    zstd: bool  # whether content travels compressed: not where that only costs time
    updates: bool  # whether it takes results
    executes: bool


def capabilities(channel: Channel) -> Capabilities:
    """Ask a server; raise RemoteError where it is none that we can talk to, or Failed."""
    request = api.GetCapabilitiesRequest(instance_name=channel.remote.instance)
    try:
        found = channel.call(
            "/build.bazel.remote.execution.v2.Capabilities/GetCapabilities", request, api.ServerCapabilities
        )
    except Failed as problem:
        if problem.code not in ("UNIMPLEMENTED", "INVALID_ARGUMENT", "NOT_FOUND"):
            raise
        raise RemoteError(
            "the remote server is none that we can use",
            facts=[("server", channel.url), ("instance", channel.remote.instance or "none"), ("why", problem.why)],
            hint="a server of the Remote Execution API v2 is needed; `instance` of [remote] must be one that it has",
        ) from problem
    _check(channel.url, found)
    cache = found.cache_capabilities
    address = channel.url.partition("://")[2]
    return Capabilities(
        most_in_batch=min(cache.max_batch_total_size_bytes or MOST_IN_BATCH, MOST_IN_BATCH),
        zstd=api.Compressor.ZSTD in cache.supported_compressors and not address.startswith(LOOPBACK),
        updates=cache.action_cache_update_capabilities.update_enabled,
        executes=found.execution_capabilities.exec_enabled,
    )


def _check(where: str, found: api.ServerCapabilities) -> None:
    low, high = found.low_api_version, found.high_api_version
    theirs = ((low.major, low.minor), (high.major, high.minor))
    if theirs[0] > OURS[1] or theirs[1] < OURS[0]:
        raise RemoteError(
            "the remote server speaks another version of the Remote Execution API",
            facts=[("server", where), ("it speaks", _range(theirs)), ("we speak", _range(OURS))],
            hint="an older or newer server is needed; BAREFLOW_REMOTE=off does without",
        )
    digests = found.cache_capabilities.digest_functions
    if digests and api.DigestFunction.SHA256 not in digests:
        raise RemoteError(
            "the remote server does not name content by SHA-256",
            facts=[("server", where), ("it has", ", ".join(map(api.DigestFunction.Value.Name, digests)))],
            hint="switch SHA256 on there",
        )


def _range(versions: tuple[tuple[int, int], tuple[int, int]]) -> str:
    return " to ".join(f"{major}.{minor}" for major, minor in versions)
