"""The debugger's door: a boot that waits for gdb before its first instruction.

In the sandbox QEMU has no network, so it offers gdb a socket in the boot's scratch folder, and a relay carries the
bytes between that and a port of the loopback, where gdb and editors look for it.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from bfbuild.errors import MachineError
from bfbuild.machine.qemu import SERIAL_TERMINAL, Stage, on_terminal, staged
from bfbuild.machine.spec import FOLDER, BootSpec, command

if TYPE_CHECKING:
    from bfbuild.machine.spec import Wrap

SOCKET = "gdb.sock"
HOST = "127.0.0.1"
CONNECT_S = 10.0
CHUNK = 1 << 16

# Stopped at the first instruction; and after a triple fault or reset stopped again, with all registers to be seen.
WAITING = ("-S", "-gdb", f"unix:{FOLDER}/{SOCKET},server=on,wait=off", "-no-reboot", "-no-shutdown")


def debug(spec: BootSpec, wrap: Wrap, port: int) -> int:
    """Boot and wait for gdb on 127.0.0.1:`port`, the serial port on the user's terminal; Ctrl-A X leaves.

    Returns what `interactive` returns; raises MachineError where the port is taken.
    """
    waiting = replace(spec, extra=(*spec.extra, *WAITING))
    with staged(spec) as stage, relay(stage, port):
        return on_terminal(wrap(command(waiting, SERIAL_TERMINAL), stage.binds))


@contextmanager
def relay(stage: Stage, port: int) -> Iterator[None]:
    """Carry bytes between a loopback port and QEMU's gdb socket, for one client after another."""
    try:
        server = socket.create_server((HOST, port))
    except OSError as error:
        raise MachineError(
            "gdb's port cannot be opened",
            facts=[("port", f"{HOST}:{port}"), ("why", error.strerror)],
            hint="another debug session may have it; give another port",
        ) from error
    thread = threading.Thread(target=_serve, args=(server, stage), daemon=True)
    with server:
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)  # wakes the thread; a client's connection ends with QEMU's
            thread.join(CONNECT_S)


def _serve(server: socket.socket, stage: Stage) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:  # shut down: the session is over
            return
        with client, suppress(OSError), stage.connect(SOCKET, CONNECT_S) as qemu:  # either end may leave at any time
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _carry(client, qemu)


def _carry(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one end closes."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                data = key.fileobj.recv(CHUNK)
                if not data:
                    return
                key.data.sendall(data)
