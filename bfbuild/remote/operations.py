"""Executions at a cluster: Execute, and WaitExecution where the stream of one breaks.

Rules. A stream that breaks is taken up again by the operation's name; an operation that the server has forgotten is
started anew, which harms nothing: an action may run any number of times. A stream is listened to for a while, after
which the server is asked whether it is there, so that a connection of which only our half is left does not hold a build
for ever. What runs longer than its limit, and all that runs when a build is stopped, is ended at the server as well,
where that can: closing a stream ends nothing there.

The limit counts from the moment at which the server says that it executes, and until then from that of asking: what
nobody begins in that time, or says to have begun (buildbox-casd tells nothing), is given up as well.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from google.longrunning import operations_proto_pb2 as longrunning
from google.protobuf import empty_pb2
from google.rpc import code_pb2

from bfbuild.errors import ActionError
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.remote.failures import TRANSIENT, Away, Failed, Gone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import grpc
    from google.protobuf.message import Message

    from bfbuild.digest import ActionDigest
    from bfbuild.remote.channel import Channel

EXECUTE = "/build.bazel.remote.execution.v2.Execution/Execute"
WAIT = "/build.bazel.remote.execution.v2.Execution/WaitExecution"
CAPABILITIES = "/build.bazel.remote.execution.v2.Capabilities/GetCapabilities"
CANCEL = "/google.longrunning.Operations/CancelOperation"
FAREWELL = 2.0  # seconds for which the end of an execution may take


class OverdueError(Exception):
    """An execution took longer than it may; `executing`: the server said that it was at it all that time."""

    def __init__(self, *, executing: bool) -> None:
        super().__init__("an execution took too long")
        self.executing = executing


@dataclass
class _Execution:
    """One execution under way."""

    request: api.ExecuteRequest
    limit: float
    asked: float
    name: str = ""  # of the operation, once the server told it
    began: float | None = None  # when it said that it had
    call: grpc.Call | None = None  # what is listened to

    def left(self, now: float) -> float:
        """How many seconds it may still take."""
        return (self.began if self.began is not None else self.asked) + self.limit - now

    def note(self, operation: longrunning.Operation, now: float) -> None:
        """Learn from what the server tells on the way."""
        self.name = operation.name
        metadata = api.ExecuteOperationMetadata()
        begun = operation.metadata.Unpack(metadata) and metadata.stage == api.ExecutionStage.EXECUTING
        if begun and self.began is None:
            self.began = now


@dataclass
class Operations:
    """The executions of one build. Safe to call from several threads."""

    channel: Channel
    clock: Callable[[], float] = time.monotonic
    _running: list[_Execution] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _cancelled: bool = False

    def run(self, action: ActionDigest, *, again: bool, limit: float) -> api.ExecuteResponse:
        """Execute an action, `again` also where the server has a result of it, and return what the server answers.

        Raise OverdueError after `limit` seconds, ActionError where the build is stopped, and what the channel raises.
        """
        request = api.ExecuteRequest(
            instance_name=self.channel.remote.instance,
            action_digest=api.Digest(hash=action.hash, size_bytes=action.size),
            skip_cache_lookup=again,
            digest_function=api.DigestFunction.SHA256,
            inline_stdout=True,
            inline_stderr=True,
        )
        execution = _Execution(request, limit, self.clock())
        with self._guard:
            self._running.append(execution)
        try:
            return self._followed(execution)
        except (OverdueError, ActionError):
            self._end(execution)
            raise
        finally:
            with self._guard:
                self._running.remove(execution)

    def cancel(self) -> None:
        """End all executions, and refuse to start more."""
        with self._guard:
            self._cancelled = True
            for execution in self._running:
                if execution.call is not None:
                    execution.call.cancel()

    def _followed(self, execution: _Execution) -> api.ExecuteResponse:
        """Listen to an execution until it is done, over as many streams as that takes."""
        waits = self.channel.patience.waits()
        while True:
            if execution.left(self.clock()) <= 0:
                raise OverdueError(executing=execution.began is not None)
            broke = Failed(self.channel.url, "UNAVAILABLE", "the answer to an execution ends before it is done")
            try:
                for operation in self._open(execution):
                    execution.note(operation, self.clock())
                    waits = self.channel.patience.waits()
                    if operation.done:
                        return _response(operation)
            except Gone:
                if not execution.name:
                    raise
                execution.name = ""
            except Failed as problem:
                self._require_going_on()
                if problem.code == "DEADLINE_EXCEEDED":
                    self._require_there()
                    continue
                if problem.code not in TRANSIENT:
                    raise
                broke = problem
            wait = next(waits, None)
            if wait is None:
                raise Away(broke.where, broke.code, broke.details)
            self.channel.patience.sleep(wait)

    def _open(self, execution: _Execution) -> Iterator[longrunning.Operation]:
        """Ask to execute, or how what was asked for goes on."""
        request: Message = execution.request
        if execution.name:
            request = api.WaitExecutionRequest(name=execution.name)
        return self.channel.stream(
            WAIT if execution.name else EXECUTE,
            request,
            longrunning.Operation,
            deadline=min(self.channel.patience.deadline, execution.left(self.clock())),
            began=lambda call: self._began(execution, call),
        )

    def _began(self, execution: _Execution, call: grpc.Call) -> None:
        with self._guard:
            self._require_going_on()
            execution.call = call

    def _require_there(self) -> None:
        """Raise Away where the server does not even say what it can."""
        request = api.GetCapabilitiesRequest(instance_name=self.channel.remote.instance)
        self.channel.call(CAPABILITIES, request, api.ServerCapabilities)

    def _require_going_on(self) -> None:
        if self._cancelled:
            raise ActionError("the build was stopped")

    def _end(self, execution: _Execution) -> None:
        """Ask the server to end an operation; one that cannot goes on in vain."""
        if execution.name:
            request = longrunning.CancelOperationRequest(name=execution.name)
            with suppress(Failed):
                list(self.channel.stream(CANCEL, request, empty_pb2.Empty, deadline=FAREWELL))


def _response(operation: longrunning.Operation) -> api.ExecuteResponse:
    """Return what an execution came to; also what goes wrong with the operation itself is told by its status."""
    if operation.WhichOneof("result") == "error":
        return api.ExecuteResponse(status=operation.error)
    response = api.ExecuteResponse()
    if not operation.response.Unpack(response):
        response.status.code = code_pb2.INTERNAL
        response.status.message = f"it answers with {operation.response.type_url or 'nothing'}"
    return response
