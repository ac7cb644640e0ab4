"""One connection to a server: TLS, token, deadlines, and calls that are tried again where that can help.

Every call has a deadline. One that fails for a reason that may pass is tried again, each time a little later and never
at a fixed moment, so that many clients do not come back at once. What is left then is a `Failed` (failures.py).
gRPC is imported here alone, when a server is first asked: it costs a tenth of a second.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bfbuild.errors import ConfigError, RemoteError
from bfbuild.remote.failures import TRANSIENT, Away, Failed, failure

if TYPE_CHECKING:
    import grpc
    from google.protobuf.message import Message

    from bfbuild.config import RemoteSection

T = TypeVar("T")
Reply = TypeVar("Reply", bound="Message")
LOOPBACK = ("localhost:", "127.", "[::1]:")
LARGEST_MESSAGE = 16 << 20  # bytes that we take; servers send less
OPTIONS = (
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.enable_retries", 0),  # ours know which calls may be repeated
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 20_000),  # what tells a dead connection from a slow server
    ("grpc.keepalive_timeout_ms", 10_000),
)


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for; seconds."""

    deadline: float = 20  # for a call; for a stream, that long and as long as its bytes take
    slowest: float = 128 << 10  # bytes in a second
    attempts: int = 6
    first: float = 0.1  # before the second attempt; then twice as long each time
    longest: float = 2
    total: float = 40  # after that long, no other attempt
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random

    def waits(self) -> Iterator[float]:
        """Yield how long to wait before each further attempt, until there shall be none."""
        end = time.monotonic() + self.total
        for attempt in range(self.attempts - 1):
            if time.monotonic() > end:
                return
            yield min(self.longest, self.first * 2**attempt) * (0.5 + self.random() / 2)

    def deadline_for(self, size: int) -> float:
        """Return the seconds that so many bytes may take."""
        return self.deadline + size / self.slowest


@dataclass
class Channel:
    """A server. Safe to use from several threads; `sent` and `received` are bytes of messages, as on the wire."""

    remote: RemoteSection
    url: str
    token: str = field(default="", repr=False)
    patience: Patience = Patience()
    sent: int = 0
    received: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    def call(
        self,
        method: str,
        request: Message,
        reply: type[Reply],
        *,
        size: int = 0,
        check: Callable[[Reply], None] | None = None,
    ) -> Reply:
        """Ask, and return the answer; raise Failed, or RemoteError. `size` bytes are expected to move.

        `check` raises Failed for an answer that is none.
        """
        stub = self._channel.unary_unary(
            method, request_serializer=self._serialized, response_deserializer=self._reader(reply)
        )
        deadline = self.patience.deadline_for(size)

        def attempt() -> Reply:
            answer = self._once(lambda: stub(request, timeout=deadline, metadata=self._metadata))
            if check is not None:
                check(answer)
            return answer

        return self.retried(attempt)

    def stream(
        self,
        method: str,
        request: Message,
        reply: type[Reply],
        *,
        deadline: float,
        began: Callable[[grpc.Call], None] | None = None,
    ) -> Iterator[Reply]:
        """Yield the answers to a question, once: whoever asks knows how to go on. Raise Failed, or RemoteError.

        `began` is handed the call, for another thread to cancel; what it raises is passed on.
        """
        stub = self._channel.unary_stream(
            method, request_serializer=self._serialized, response_deserializer=self._reader(reply)
        )
        answers = stub(request, timeout=deadline, metadata=self._metadata)
        try:
            if began is not None:
                began(answers)
            while True:
                answer = self._once(lambda: next(answers, None))
                if answer is None:
                    return
                yield answer
        finally:
            answers.cancel()

    def send(self, method: str, requests: Iterable[Message], reply: type[Reply], *, size: int) -> Reply:
        """Send many messages and return the one answer, once; raise Failed, RemoteError, or what `requests` raises."""
        stub = self._channel.stream_unary(
            method, request_serializer=self._serialized, response_deserializer=self._reader(reply)
        )
        deadline = self.patience.deadline_for(size)
        raised: list[Exception] = []

        def told() -> Iterator[Message]:
            try:
                yield from requests
            except Exception as error:  # gRPC would only say that something was raised
                raised.append(error)

        try:
            return self._once(lambda: stub(told(), timeout=deadline, metadata=self._metadata))
        finally:
            if raised:
                raise raised[0]

    def retried(self, attempt: Callable[[], T]) -> T:
        """Return what `attempt` does, made again for a while where it failed for a reason that may pass."""
        for wait in self.patience.waits():
            try:
                return attempt()
            except Failed as problem:
                if problem.code not in TRANSIENT or self._closed:
                    raise
            self.patience.sleep(wait)
        return attempt()

    def close(self) -> None:
        """Hang up; what is on its way ends as if the server were away."""
        self._closed = True
        if "_channel" in self.__dict__:
            self._channel.close()

    def _once(self, ask: Callable[[], T]) -> T:
        import grpc  # noqa: PLC0415  (see above)

        try:
            return ask()
        except grpc.RpcError as error:
            raise failure(self.url, error, known=bool(self.token)) from error
        except ValueError as error:
            if self._closed:
                raise Away(self.url, "CANCELLED", "we hung up") from error
            raise

    def _serialized(self, message: Message) -> bytes:
        data = message.SerializeToString()
        with self._guard:
            self.sent += len(data)
        return data

    def _reader(self, reply: type[Reply]) -> Callable[[bytes], Reply]:
        def read(data: bytes) -> Reply:
            with self._guard:
                self.received += len(data)
            return reply.FromString(data)

        return read

    @cached_property
    def _metadata(self) -> tuple[tuple[str, str], ...]:
        if not self.token:
            return tuple(self.remote.headers.items())
        scheme, _, address = self.url.partition("://")
        if scheme == "grpc" and not address.startswith(LOOPBACK):
            raise RemoteError(
                "the token of [remote] would travel for everybody to read",
                facts=[("server", self.url)],
                hint="grpcs:// is for servers with TLS; without TLS a token protects nothing",
            )
        name = self.remote.token_header
        bearer = name == "authorization" and " " not in self.token
        return (*self.remote.headers.items(), (name, f"Bearer {self.token}" if bearer else self.token))

    @cached_property
    def _channel(self) -> grpc.Channel:
        # gRPC's own words on standard error tell of attempts that we make again; and no child of ours ever uses it.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
        try:
            import grpc  # noqa: PLC0415  (see above)
        except ImportError as error:
            raise RemoteError(
                "[remote] needs packages that are not installed",
                facts=[("server", self.url), ("missing", error.name)],
                hint="`pip install 'bfbuild[remote]'`; or BAREFLOW_REMOTE=off does without the server",
            ) from error
        scheme, _, address = self.url.partition("://")
        if scheme == "grpc":
            return grpc.insecure_channel(address, options=OPTIONS)
        credentials = grpc.ssl_channel_credentials(
            root_certificates=_content(self.remote.tls_ca),
            private_key=_content(self.remote.tls_key),
            certificate_chain=_content(self.remote.tls_cert),
        )
        return grpc.secure_channel(address, credentials, options=OPTIONS)


def _content(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes() if path else None
    except OSError as error:
        facts = [("file", path), ("why", error.strerror)]
        raise ConfigError("a certificate or key of [remote] cannot be read", facts=facts) from error
