"""A person's sessions with a guest: `doit run --interactive` and `doit debug`, as they are typed."""

from __future__ import annotations

import pytest

from tests.machine.test_debugger import ask, connected, free_port
from tests.small import Small


@pytest.fixture
def shared(built_small: Small) -> Small:
    """The project that was built, which nobody here changes."""
    return built_small


def test_an_interactive_run_shows_the_serial_port_and_ends_with_the_guest(shared: Small) -> None:
    """What the guest writes comes through as it is, records among it; its success is exit 0."""
    done = shared.doit("run", "--interactive")
    assert done.code == 0, done.err
    assert "hello from the small guest" in done.out
    assert "@bf ready" in done.out


def test_debug_waits_for_gdb_and_says_how_to_start_it(shared: Small) -> None:
    """The line for another terminal names the program with its symbols and the port; nothing runs until gdb says so."""
    port = free_port()
    process = shared.start("debug", "--port", str(port))
    with connected(port) as gdb:
        assert ask(gdb, "g")[8 * 8 : 9 * 8] == "f0ff0000"  # register 8 is EIP, little-endian
        gdb.sendall(b"+$c#63")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert f"in another terminal:  gdb build/kernel.elf -ex 'target remote 127.0.0.1:{port}'\n" in err
    assert (shared.root / "build/kernel.elf").is_file()
    assert "hello from the small guest" in out
