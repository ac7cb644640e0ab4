"""The places where an action can run, each behind the same fixtures: the sandbox at both levels, and a cluster."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from bfbuild.remote.channel import Channel, Patience
from bfbuild.store import Store
from tests.remote.servers import Server
from tests.small import Roots, Small

SECONDS = 20  # that an action may take
HASTY = Patience(deadline=5, attempts=4, first=0.01, longest=0.05, total=5)  # with a server


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

    def hurry(self, **patience: float) -> None:
        """Change how long a server is waited for."""
        assert isinstance(self.executor, RemoteExecutor)
        self.executor.channel.patience = replace(HASTY, **patience)  # type: ignore[arg-type]


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


def joined(url: str, server: Server, project: Project, root: Path, folder: Path, **remote: object) -> Place:
    """Make a place of a server, perhaps through a door before it, with a store of its own."""
    section = RemoteSection.model_validate({"exec": url, **remote})
    store = Store(folder / "cache")
    executor = RemoteExecutor(store, Channel(section, url, patience=HASTY), timeout=SECONDS, transfer=lambda *_: None)
    return Place("remote", executor, store, server.folder, planned(project), root)


Join = Callable[..., Place]
Member = Callable[..., Small]


@pytest.fixture
def join(project: Project, toolchain: Callable[[str], Path], tmp_path: Path) -> Join:
    """Make a place of a server: `join(server)`; `url` is that of a door before it, the rest is of [remote]."""
    numbers = itertools.count()

    def place(server: Server, url: str = "", **remote: object) -> Place:
        root, folder = toolchain("llvm"), tmp_path / f"place{next(numbers)}"
        folder.mkdir()
        return joined(url or server.url, server, project, root, folder, **remote)

    return place


@pytest.fixture(scope="session")
def stocked(
    cluster: Server, project: Project, toolchain: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """The cluster, with the toolchain in it: that is slow to send through a door."""
    joined(cluster.url, cluster, project, toolchain("llvm"), tmp_path_factory.mktemp("stocked")).run("pass")
    return cluster


@pytest.fixture
def member(tmp_path: Path, repository: Path, roots: Roots, casd: Server) -> Member:
    """Make a checkout that builds at a cluster: `member(server.url)`; with `tools=False` no toolchain is here.

    Its results are kept elsewhere, so that all that is not in its own store is executed.
    """

    def make(url: str, *, tools: bool = True) -> Small:
        small = Small.make(tmp_path / f"member{len(list(tmp_path.iterdir()))}", repository, roots)
        toml = (small.root / "bareflow.toml").read_text()
        remote = f'exec = "{url}"\ncache = "{casd.url}"\nupload = "never"\njobs = 4\n'
        small.write("bareflow.toml", f"{toml}\n[remote]\n{remote}")
        if not tools:
            for tree in (small.cache / "trees").iterdir():
                tree.unlink()
        return small

    return make


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
