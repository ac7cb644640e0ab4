"""The places where an action can run, each behind the same fixtures: the sandbox at both levels, and a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bfbuild.action.action import Action, InputFile, Request, Tree, make_action
from bfbuild.commands.project import Project
from bfbuild.config import RemoteSection
from bfbuild.digest import Digest
from bfbuild.errors import Location
from bfbuild.execute.outcome import Executor, Outcome
from bfbuild.execute.remote import RemoteExecutor
from bfbuild.execute.sandbox import Sandbox, SandboxExecutor
from bfbuild.recipe.model import Toolchain
from bfbuild.remote.channel import Channel
from bfbuild.store import Store
from tests.remote import servers
from tests.remote.servers import Server

SECONDS = 20  # that an action may take


@dataclass
class Place:
    """Where actions run: an executor with a store of its own, and a folder whose name all processes of it have."""

    level: str
    executor: Executor
    store: Store
    folder: Path
    tree: Tree
    root: Path
    unpacked: int = 0  # how often the toolchain was asked for

    def tools(self) -> Path:
        """The toolchain."""
        self.unpacked += 1
        return self.root

    def action(self, script: str, *outputs: str, **inputs: bytes) -> Action:
        """Return an action that runs a Python script in the compiler's toolchain, with inputs by content."""
        files = {name: self.store.cas.put_bytes(data) for name, data in inputs.items()}
        return make(self.tree, script, outputs, files)

    def run(self, script: str, *outputs: str, **inputs: bytes) -> Outcome:
        """Run it."""
        return self.executor.execute(self.action(script, *outputs, **inputs), self.tools)

    def text(self, digest: Digest) -> str:
        """Return what was printed."""
        return self.store.cas.get_bytes(digest).decode()

    def limit(self, seconds: int) -> None:
        """Change how long an action may take."""
        assert isinstance(self.executor, SandboxExecutor | RemoteExecutor)
        self.executor.timeout = seconds


def make(tree: Tree, script: str, outputs: tuple[str, ...], inputs: dict[str, Digest]) -> Action:
    """Return an action that runs a script."""
    request = Request(
        label="test",
        kind="command",
        location=Location(Path("recipes/a.py"), 1),
        argv=("python3", "-S", "-c", script),
        inputs={name: InputFile(digest) for name, digest in inputs.items()},
        outputs=outputs,
        path=("/usr/bin",),
    )
    return make_action(request, tree, 0)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[Server]:
    """A server that executes, for all tests that do not stop it: toolchains are sent to it once."""
    if sandbox.level != "bubblewrap":
        pytest.skip("the server's runner needs user namespaces")
    with servers.running(servers.executor(tmp_path_factory.mktemp("cluster"), sandbox.tools)) as server:
        yield server


Join = Callable[..., Place]


@pytest.fixture
def join(project: Project, toolchain: Callable[[str], Path], tmp_path: Path) -> Join:
    """Make a place of a server, with a store of its own: `join(server, instance="a")`."""

    def place(server: Server, **remote: object) -> Place:
        section = RemoteSection.model_validate({"exec": server.url, **remote})
        store = Store(tmp_path / f"cache{len(list(tmp_path.iterdir()))}")
        executor = RemoteExecutor(store, Channel(section, server.url), timeout=SECONDS, transfer=lambda *_: None)
        return Place("remote", executor, store, server.folder, planned(project), toolchain("llvm"))

    return place


@pytest.fixture(params=["bubblewrap", "proot", "remote"])
def place(  # noqa: PLR0917  (fixtures are asked for by name)
    request: pytest.FixtureRequest,
    sandbox: Sandbox,
    project: Project,
    toolchain: Callable[[str], Path],
    tmp_path: Path,
    join: Join,
) -> Place:
    """Each place in turn; this machine may lack the better sandbox, and with it the cluster."""
    if request.param == "bubblewrap" and sandbox.level != "bubblewrap":
        pytest.skip("this machine has no user namespaces")
    if request.param == "remote":
        return join(request.getfixturevalue("cluster"))
    store = Store(tmp_path / "cache")
    own = Sandbox(sandbox.tools, request.param)
    executor = SandboxExecutor(store, own, timeout=SECONDS, memory=4 << 30)
    return Place(request.param, executor, store, store.path, planned(project), toolchain("llvm"))


def planned(project: Project) -> Tree:
    """The toolchain that actions run in."""
    recipe = project.graph.find("llvm")
    assert isinstance(recipe, Toolchain)
    return project.toolchains.plan(recipe)
