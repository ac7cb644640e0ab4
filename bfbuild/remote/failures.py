"""How a call can end that brought no answer; which of these a person must mend, and which are to be lived with.

RemoteError   (errors.py) address, token, certificate or version: nothing will be better before a person does something
Failed        the server said no, or nothing; `code` is the name of gRPC's status
  Gone        there is no such thing there
  Full        there is no room left
  Wrong       what it sent is not what was asked for
  Away        it cannot be reached, or does not answer in time: it was tried again for a while
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bfbuild.errors import RemoteError

if TYPE_CHECKING:
    import grpc

# What may be otherwise the next moment. A server that is killed in a call leaves one of the last three behind.
TRANSIENT = frozenset(
    {"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "RESOURCE_EXHAUSTED", "CANCELLED", "INTERNAL", "UNKNOWN"}
)
_CONNECTING = re.compile(r"^failed to connect to all addresses; last error: \w+: \S+: ")  # gRPC's, before the reason
NO_ROOM = "OutOfSpace"  # buildbox says it with INTERNAL
TLS = ("SSL", "Ssl", "TLS", "certificate", "handshake", "Hostname Verification")


class Failed(Exception):  # noqa: N818  (an outcome of asking, not always an error)
    """A call brought no answer; `where` is the server's address."""

    def __init__(self, where: str, code: str, details: str) -> None:
        super().__init__(f"{where}: {code}: {details}")
        self.where = where
        self.code = code
        self.details = details

    @property
    def why(self) -> str:
        """What the server said, in a line."""
        said = _CONNECTING.sub("", " ".join(self.details.split()))[:300]
        return f"{said} ({self.code})" if said else self.code


class Gone(Failed):
    """The server has no such thing."""


class Full(Failed):
    """The server has no room."""


class Wrong(Failed):
    """The server sent other bytes than their name says."""


class Away(Failed):
    """The server cannot be reached, or does not answer in time."""


def failure(where: str, error: grpc.RpcError, *, known: bool) -> Failed:
    """Return what an error of gRPC's means; raise RemoteError for what a person must mend.

    `known` is whether the server was told a token.
    """
    code, details = error.code().name, error.details() or ""
    facts: list[tuple[str, object]] = [("server", where), ("why", " ".join(details.split())[:300] or code)]
    if code == "UNAUTHENTICATED":
        raise RemoteError(
            "the remote server refuses the token" if known else "the remote server wants a token",
            facts=facts,
            hint="put one that is valid into BAREFLOW_REMOTE_TOKEN, or into the file that token_file of [remote] names",
        ) from error
    if code == "UNAVAILABLE" and any(word in details for word in TLS):
        raise RemoteError(
            "the remote server and we do not agree on who it is",
            facts=facts,
            hint="tls_ca of [remote] names the certificates that vouch for it; grpc:// is for servers without TLS",
        ) from error
    return failed(where, code, details)


def failed(where: str, code: str, details: str) -> Failed:
    """Return what a status means that is no matter of who we are."""
    match code:
        case "NOT_FOUND":
            return Gone(where, code, details)
        case _ if code == "RESOURCE_EXHAUSTED" or NO_ROOM in details:
            return Full(where, code, details)
        case _ if code in TRANSIENT:
            return Away(where, code, details)
        case _:
            return Failed(where, code, details)
