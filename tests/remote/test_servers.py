"""The servers that other tests talk to: they start where they say, and leave nothing behind."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from bfbuild.execute.sandbox import Sandbox
from tests.remote import servers
from tests.remote.servers import Server, running


@pytest.fixture(params=["casd", "executor", "buildgrid"])
def make(request: pytest.FixtureRequest, tmp_path: Path, sandbox: Sandbox) -> Callable[[], Server]:
    """Make one of the servers."""
    made: dict[str, Callable[[], Server]] = {
        "casd": lambda: servers.casd(tmp_path),
        "executor": lambda: servers.executor(tmp_path, sandbox.tools),
        "buildgrid": lambda: servers.buildgrid(tmp_path),
    }
    return made[request.param]


def test_a_server_listens_until_it_is_closed(make: Callable[[], Server]) -> None:
    """Inside `running` the port answers; after it, nobody does."""
    with running(make()) as server:
        socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)


def test_a_server_comes_back_at_its_port(tmp_path: Path) -> None:
    """A server that was stopped listens at the same port when it is started again."""
    with running(servers.casd(tmp_path)) as server:
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=5)
        server.start()
        socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
