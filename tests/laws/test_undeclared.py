"""Law 3: undeclared means invisible. A probe looks at its whole world from inside, at each level of the sandbox."""

from __future__ import annotations

import ast
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bfbuild.execute.sandbox import Sandbox
from tests.small import Roots, Small

PROBE = """\
import os, socket, sys

def attempt(action):
    try:
        return action()
    except OSError as error:
        return type(error).__name__

def connect():
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2).close()
    return "connected"

def write(path):
    with open(path, "w") as file:
        file.write("harm")
    return "written"

print(repr({
    "environment": dict(os.environ),
    "folder": os.getcwd(),
    "ids": [os.getuid(), os.getgid()],
    "host": os.uname().nodename,
    "root": sorted(os.listdir("/")),
    "work": sorted(os.path.join(parent, name) for parent, _, names in os.walk(".") for name in names),
    "secret": attempt(lambda: open(sys.argv[2]).read()),
    "beside": attempt(lambda: open("src/words.txt").read()),
    "passwd": attempt(lambda: open("/etc/passwd").read()),
    "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "connect": attempt(connect),
    # Only where mounts forbid it: at the other level, as root, it would do the harm to this machine's toolchain.
    "write input": sys.argv[3] == "bubblewrap" and attempt(lambda: write("src/probe.py")),
    "write tool": sys.argv[3] == "bubblewrap" and attempt(lambda: write("/usr/bin/python3")),
    "write beside": sys.argv[3] == "bubblewrap" and attempt(lambda: write("stray")),
    "temporary": sorted(os.listdir("/tmp")),
    "umask": os.umask(0),
    "stdin": sys.stdin.read(),
}))
"""

RECIPE = """\
from toolchain import llvm
from bfbuild import Command, In

Command(
    name="world", tool="python3", toolchain=llvm, args=("-S", In("src/probe.py"), "{port}", "{secret}", "{level}"),
    stdout="world.txt",
)
"""


@pytest.fixture(scope="module")
def listener() -> Iterator[int]:
    """Listen on a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(scope="module")
def probe(
    tmp_path_factory: pytest.TempPathFactory, repository: Path, roots: Roots, listener: int
) -> Callable[[str], dict[str, Any]]:
    """Return what an action sees of the world, at a level of the sandbox."""

    def probe(level: str) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SECRET_VARIABLE", "visible")
            patch.setenv("TZ", "Asia/Tokyo")
            patch.setenv("LC_ALL", "de_DE.UTF-8")
            folder = tmp_path_factory.mktemp(level)
            (folder / "secret").write_text("visible")
            small = Small.make(folder / "small", repository, roots)
            small.write("src/probe.py", PROBE)
            small.write("recipes/probe.py", RECIPE.format(port=listener, secret=folder / "secret", level=level))
            project = small.open()
            project.__dict__["sandbox"] = Sandbox(project.sandbox.tools, level)  # type: ignore[arg-type]
            mask = os.umask(0o077)
            try:
                project.build([project.graph.find("world")])
            finally:
                os.umask(mask)
            said = project.store.cas.get_bytes(project.output("world.txt").digest)
            world: dict[str, Any] = ast.literal_eval(said.decode())  # python3-minimal knows no JSON
        assert [trace.sandbox for trace in small.traces()] == [level]
        return world

    return probe


@pytest.fixture(scope="module")
def world(probe: Callable[[str], dict[str, Any]], sandbox: Sandbox) -> dict[str, Any]:
    """What an action sees in namespaces."""
    if sandbox.level != "bubblewrap":
        pytest.skip("this machine has no user namespaces")
    return probe("bubblewrap")


SAME = {
    "environment": {
        "HOME": "/tmp",
        "LC_ALL": "C.UTF-8",
        "PATH": "/usr/lib/llvm-19/bin:/usr/bin",
        "PWD": "/work",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SOURCE_DATE_EPOCH": "315532800",
        "TZ": "UTC",
    },
    "folder": "/work",
    "work": ["./src/probe.py"],
    "secret": "FileNotFoundError",
    "beside": "FileNotFoundError",
    "passwd": "FileNotFoundError",
    "temporary": [],
    "umask": 0o022,
    "stdin": "",
}


@pytest.mark.parametrize(
    ("what", "seen"),
    {
        **SAME,
        "ids": [1000, 1000],
        "host": "bareflow",
        "interfaces": ["lo"],
        "connect": "ConnectionRefusedError",
        "write input": "OSError",
        "write tool": "OSError",
        "write beside": "OSError",
    }.items(),
)
def test_an_action_sees_what_was_declared(world: dict[str, Any], what: str, seen: object) -> None:
    """Environment, folder, user, host, files, network: all fixed; inputs, tools and strays cannot be written."""
    assert world[what] == seen


def test_the_root_is_the_toolchains(world: dict[str, Any]) -> None:
    """Nothing of the host's root is there, and of its processes none."""
    assert set(world["root"]) <= {
        *("bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "opt", "proc", "sbin", "tmp", "usr", "var", "work"),
    }
    assert world["processes"] <= 3


def test_the_degraded_sandbox_hides_files_and_environment(probe: Callable[[str], dict[str, Any]]) -> None:
    """Without namespaces the network and processes are the host's; files, environment and folder are fixed still."""
    seen = probe("proot")
    assert {what: seen[what] for what in SAME} == SAME
