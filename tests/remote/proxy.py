"""A server in front of a real one: it hands on bytes both ways, and disturbs the calls that a test names.

A fault is a generator: it is given the call, what the client sends, and `forward`, which asks the real server; it
yields what the client shall see, or ends the call. It needs no message of the API to be known here, so what is behind
is a server of other people's in all but the one thing that is wrong. TLS and headers, a token's among them, can be
asked for at this door, since the servers themselves ask for none.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar

import grpc
from google.protobuf.message import Message

Forward = Callable[[Iterable[bytes]], Iterator[bytes]]
Fault = Callable[["Call", Iterator[bytes], Forward], Iterator[bytes]]

UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
M = TypeVar("M", bound=Message)
EVERY = "*"  # as a method: each that has no fault of its own


@dataclass(frozen=True)
class Call:
    """One call: its method without the service, how many of that method there were before, and gRPC's own view."""

    method: str
    number: int
    context: grpc.ServicerContext

    def end(self, code: grpc.StatusCode, why: str = "") -> None:
        """End the call with an error; it does not return."""
        self.context.abort(code, why)

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than the client does."""
        end = time.monotonic() + seconds
        while self.context.is_active() and time.monotonic() < end:
            time.sleep(0.01)


class Proxy(grpc.GenericRpcHandler):
    """Stands before the server at `backend` (host:port); used as a context, it listens at `url`."""

    def __init__(
        self,
        backend: str,
        *,
        credentials: grpc.ServerCredentials | None = None,
        asks: Mapping[str, str] | None = None,
    ) -> None:
        self.calls: Counter[str] = Counter()  # by method
        self.refused: Counter[str] = Counter()  # likewise: for lack of what is asked for
        self.sent: Counter[str] = Counter()  # bytes that the client sent, by method
        self._faults: dict[str, Fault] = {}
        self._asks, self._guard = asks or {}, threading.Lock()
        self._channel = grpc.insecure_channel(backend, options=UNLIMITED)
        self._server = grpc.server(ThreadPoolExecutor(64), handlers=[self], options=UNLIMITED)
        if credentials is None:
            self.port: int = self._server.add_insecure_port("127.0.0.1:0")
        else:
            self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self.url = f"{'grpc' if credentials is None else 'grpcs'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._channel.close()

    def stop(self) -> None:
        """Fall over: all calls end, and nobody listens any more."""
        self._server.stop(None)

    def ask(self, headers: Mapping[str, str]) -> None:
        """From now on let in only who shows these headers."""
        self._asks = headers

    def disturb(self, method: str, fault: Fault) -> None:
        """From now on calls of a method go through a fault."""
        self._faults[method] = fault

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """What gRPC asks for each call; on the wire a single message is a stream of one."""
        path: str = details.method

        def serve(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            method = path.rpartition("/")[2]
            with self._guard:
                call = Call(method, self.calls[method], context)
                self.calls[method] += 1
            if self._asks.items() - {(name, value) for name, value in context.invocation_metadata()}:
                self.refused[method] += 1
                call.end(grpc.StatusCode.UNAUTHENTICATED, "the token is expired")
            fault = self._faults.get(method) or self._faults.get(EVERY) or untouched
            yield from fault(call, self._counted(method, requests), self._forward(path, call))

        return grpc.stream_stream_rpc_method_handler(serve)

    def _counted(self, method: str, requests: Iterator[bytes]) -> Iterator[bytes]:
        for request in requests:
            with self._guard:
                self.sent[method] += len(request)
            yield request

    def _forward(self, path: str, call: Call) -> Forward:
        def forward(requests: Iterable[bytes]) -> Iterator[bytes]:
            ask: grpc.StreamStreamMultiCallable[bytes, bytes] = self._channel.stream_stream(path, None, None)
            responses = ask(iter(requests), timeout=call.context.time_remaining())
            call.context.add_callback(partial(_cancel, responses))
            try:
                yield from responses
            except grpc.RpcError as error:
                call.end(responses.code(), responses.details() or str(error))

        return forward


def _cancel(call: grpc.Call) -> None:
    call.cancel()


def untouched(_: Call, requests: Iterator[bytes], forward: Forward) -> Iterator[bytes]:
    """No fault."""
    yield from forward(requests)


def refuse(code: grpc.StatusCode, why: str = "said the test") -> Fault:
    """Every call ends with this error before the server hears of it."""

    def fault(call: Call, requests: Iterator[bytes], forward: Forward) -> Iterator[bytes]:  # noqa: ARG001
        call.end(code, why)
        yield b""

    return fault


def silent(call: Call, requests: Iterator[bytes], forward: Forward) -> Iterator[bytes]:  # noqa: ARG001
    """The connection stands, and nothing is ever said on it."""
    call.wait(3600)
    yield from ()


def slow(seconds: float) -> Fault:
    """Every message of the server's comes so late."""

    def fault(call: Call, requests: Iterator[bytes], forward: Forward) -> Iterator[bytes]:
        for response in forward(requests):
            call.wait(seconds)
            yield response

    return fault


def torn(after: int) -> Fault:
    """The connection breaks after so many messages of the server's."""

    def fault(call: Call, requests: Iterator[bytes], forward: Forward) -> Iterator[bytes]:
        for number, response in enumerate(forward(requests)):
            if number == after:
                call.end(grpc.StatusCode.UNAVAILABLE, "the connection broke")
            yield response

    return fault


def deaf(after: int) -> Fault:
    """The connection breaks after so many messages of the client's."""

    def fault(call: Call, requests: Iterator[bytes], forward: Forward) -> Iterator[bytes]:
        def heard() -> Iterator[bytes]:
            yield from islice(requests, after)
            call.context.cancel()

        yield from forward(heard())

    return fault


def first(calls: int, fault: Fault) -> Fault:
    """Only so many calls go through a fault; what comes after is undisturbed."""
    left, guard = [calls], threading.Lock()

    def some(call: Call, requests: Iterator[bytes], forward: Forward) -> Iterator[bytes]:
        with guard:
            left[0] -= 1
            chosen = fault if left[0] >= 0 else untouched
        yield from chosen(call, requests, forward)

    return some


def changed(kind: type[M], change: Callable[[M], None]) -> Fault:
    """Every answer is another than the server gave."""

    def fault(_: Call, requests: Iterator[bytes], forward: Forward) -> Iterator[bytes]:
        for response in forward(requests):
            message = kind.FromString(response)
            change(message)
            yield message.SerializeToString()

    return fault


def before(happens: Callable[[], None], *, number: int = 0) -> Fault:
    """Something happens just before one call, counted from 0, goes on to the server."""

    def fault(call: Call, requests: Iterator[bytes], forward: Forward) -> Iterator[bytes]:
        if call.number == number:
            happens()
        yield from forward(requests)

    return fault


def sometimes(share: float, seed: int) -> Fault:
    """A share of calls fails: some before the server hears of them, some after it did what was asked."""
    codes = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.RESOURCE_EXHAUSTED)
    dice, guard = random.Random(seed), threading.Lock()

    def fault(call: Call, requests: Iterator[bytes], forward: Forward) -> Iterator[bytes]:
        with guard:
            fails, heard, code = dice.random() < share, dice.random() < 0.5, dice.choice(codes)
        if fails and not heard:
            call.end(code, "said the dice")
        for response in forward(requests):
            if fails:
                call.end(code, "said the dice, too late")
            yield response

    return fault
