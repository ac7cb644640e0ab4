"""The debugger's door, spoken to in gdb's own protocol (gdb manual, appendix Remote Serial Protocol)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from bfbuild.errors import MachineError
from bfbuild.machine.debugger import debug
from bfbuild.machine.spec import BootSpec

if TYPE_CHECKING:
    from bfbuild.machine.spec import Wrap
    from tests.machine.conftest import Guest


def free_port() -> int:
    """Return a port that nobody has right now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """Connect as gdb would, once the door is open and QEMU behind it."""
    end = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                if ask(connection, "?"):
                    yield connection
                    return
        except OSError:
            pass
        assert time.monotonic() < end
        time.sleep(0.05)


def ask(connection: socket.socket, packet: str) -> str:
    """Send one packet; return the answer's content, empty where the connection closes."""
    connection.sendall(f"+${packet}#{sum(packet.encode()) % 256:02x}".encode())
    answer = b""
    while answer.count(b"#") == 0 or len(answer.partition(b"#")[2]) < 2:
        data = connection.recv(4096)
        if not data:
            return ""
        answer += data
    return answer.partition(b"$")[2].partition(b"#")[0].decode()


def test_gdb_finds_the_machine_stopped_at_its_first_instruction(guest: Guest, qemu_wrap: Wrap) -> None:
    """The processor waits at its reset vector, for one client after another, until one kills the machine."""
    port = free_port()
    results: list[int] = []
    spec = BootSpec(guest("", "halt"))
    session = Thread(target=lambda: results.append(debug(spec, qemu_wrap, port)), daemon=True)
    session.start()
    for _ in range(2):
        with connected(port) as connection:
            assert ask(connection, "g")[8 * 8 : 9 * 8] == "f0ff0000"  # register 8 is EIP, little-endian
            assert ask(connection, "mfffffff0,1") == "ea"  # a far jump
    with connected(port) as connection:
        connection.sendall(b"+$k#6b")
        session.join(20)
    assert results == [0]


def test_a_port_that_is_taken_is_an_error(tmp_path: Path) -> None:
    """The error comes before anything starts, and names the port."""
    image = tmp_path / "disk.img"
    image.touch()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(MachineError, match="port cannot be opened") as caught:
            debug(BootSpec(image), lambda argv, _binds: [*argv], port)
    assert ("port", f"127.0.0.1:{port}") in caught.value.facts
