"""The demo under the real gdb, which comes from the lock: what `doit debug` tells people to type, typed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from bfbuild.execute.sandbox import Bind, Sandbox
from bfbuild.machine.debugger import debug
from bfbuild.machine.spec import BootSpec
from tests.machine.test_debugger import connected, free_port

if TYPE_CHECKING:
    from bfbuild.machine.spec import Wrap
    from tests.conftest import Built

ENVIRONMENT = {"PATH": "/usr/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp"}

Gdb = Callable[..., str]


@pytest.fixture
def gdb(repository: Path, sandbox: Sandbox, toolchain: Callable[[str], Path]) -> Gdb:
    """Give gdb a program and orders, in the project's folder; return what it says."""
    connected_to_the_host = Sandbox(sandbox.tools, "proot")  # in namespaces its loopback would be out of reach

    def run(program: Path, *orders: str) -> str:
        words = [word for order in orders for word in ("-ex", order)]
        argv = connected_to_the_host.wrap(
            ["gdb", "-nx", "-batch", f"/tmp/{program.name}", *words],
            [Bind(program.parent, "/tmp"), Bind(repository, "/work")],
            toolchain("debug"),
            "/work",
        )
        done = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120)
        return done.stdout + done.stderr

    return run


def test_gdb_stops_the_app_at_its_source(repository: Path, built: Built, gdb: Gdb, demo: Path, qemu_wrap: Wrap) -> None:
    """It connects, takes names and lines from the program, runs to the app, and shows its callers and its source."""
    elf, port = built("bareflow.elf")["bareflow.elf"], free_port()
    session = Thread(target=lambda: debug(BootSpec(demo), qemu_wrap, port), daemon=True)
    session.start()
    with connected(port):
        pass  # QEMU is ready
    orders = ("break app_main", "continue", "backtrace", "kill")
    said = gdb(elf, f"target remote 127.0.0.1:{port}", *orders)
    session.join(20)
    assert not session.is_alive()
    stop = re.search(r"^Breakpoint 1, app_main \(\) at src/app/demo/demo.c:(\d+)\n\1\t(.*)\n", said, re.MULTILINE)
    assert stop, said
    assert stop[2] == (repository / "src/app/demo/demo.c").read_text().splitlines()[int(stop[1]) - 1]
    assert re.search(r"^#1 .* kernel_main \(.*\) at src/kernel_lib/main.c:\d+$", said, re.MULTILINE), said
