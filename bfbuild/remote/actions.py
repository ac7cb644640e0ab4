"""The action cache of a server: results by action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.remote.failures import Gone

if TYPE_CHECKING:
    from bfbuild.digest import ActionDigest
    from bfbuild.remote.channel import Channel

SERVICE = "/build.bazel.remote.execution.v2.ActionCache"


def get(channel: Channel, action: ActionDigest) -> api.ActionResult | None:
    """Return the result as the server has it, None where it has none; raise Failed, or RemoteError."""
    request = api.GetActionResultRequest(
        instance_name=channel.remote.instance,
        action_digest=action.to_message(),
        inline_stdout=True,
        digest_function=api.DigestFunction.SHA256,
    )
    try:
        return channel.call(f"{SERVICE}/GetActionResult", request, api.ActionResult)
    except Gone:
        return None


def update(channel: Channel, action: ActionDigest, result: api.ActionResult) -> None:
    """Give the server a result, whose blobs, description and command it MUST have; raise Failed, or RemoteError."""
    request = api.UpdateActionResultRequest(
        instance_name=channel.remote.instance,
        action_digest=action.to_message(),
        action_result=result,
        digest_function=api.DigestFunction.SHA256,
    )
    channel.call(f"{SERVICE}/UpdateActionResult", request, api.ActionResult)
