"""What tests share: the locked tools, run in the sandbox as the build runs them. Nothing of the host is asked for."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bfbuild.commands.project import Project
from bfbuild.errors import BareflowError, MachineError, render
from bfbuild.execute.sandbox import Bind, Sandbox
from bfbuild.machine import twin
from bfbuild.machine.qemu import boot
from bfbuild.machine.spec import BootSpec
from bfbuild.recipe.model import Toolchain
from tests.remote import servers
from tests.small import ACTIONS, Roots, Small, ran

if TYPE_CHECKING:
    from bfbuild.machine.spec import Wrap
    from bfbuild.machine.verdict import Run
    from tests.remote.servers import Server

REPOSITORY = Path(__file__).parent.parent
PATH = "/usr/lib/llvm-19/bin:/usr/libexec:/usr/bin:/usr/sbin"
TOOLCHAINS = ("check", "llvm", "images", "sign")  # where `tool` looks for a program, in turn

# Each worker has a processor; threads of a library that wait for each other would only take it from the others.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Whoever starts the tests in the background may have them ignore Ctrl-C, and what they start with them.
signal.signal(signal.SIGINT, signal.default_int_handler)

Tool = Callable[..., "subprocess.CompletedProcess[str]"]
Built = Callable[..., dict[str, Path]]
Boot = Callable[..., "Run"]
Twin = Callable[..., "Run"]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout that is tested."""
    return REPOSITORY


@pytest.fixture(scope="session")
def project(repository: Path) -> Project:
    """BareFlow's own project, with its store: toolchains are fetched once for all tests."""
    return Project(repository)


@pytest.fixture(scope="session")
def sandbox(project: Project) -> Sandbox:
    """The sandbox that this machine can use."""
    with project.progress:
        return project.sandbox


@pytest.fixture(scope="session")
def toolchain(project: Project) -> Callable[[str], Path]:
    """Return the unpacked root of a toolchain by name."""

    def root(name: str) -> Path:
        recipe = project.graph.find(name)
        assert isinstance(recipe, Toolchain)
        with project.progress:
            return project.toolchains.ensure(recipe)

    return root


@pytest.fixture(scope="session")
def built(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build recipes of the project: `built("bareflow.img")["bareflow.img"]` is a file to read, never to write to."""
    folder = tmp_path_factory.mktemp("built")

    def build(*names: str) -> dict[str, Path]:
        try:
            project.build([project.graph.find(name) for name in names])
        except BareflowError as error:
            pytest.fail(render(error, base=project.root), pytrace=False)
        paths = {name: folder / name for name in names}
        for name, path in paths.items():
            if not path.exists():
                made = project.output(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                project.store.cas.copy_to(made.digest, path, executable=made.executable, link=True)
        return paths

    return build


@pytest.fixture(scope="session")
def tool(sandbox: Sandbox, toolchain: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """Run a locked tool: `tool("fsck.fat", "-n", str(path))`; it sees the tests' folders at their own paths."""
    base = tmp_path_factory.getbasetemp()

    def run(name: str, *arguments: str, cwd: Path | None = None, said: str = "") -> subprocess.CompletedProcess[str]:
        root = next((toolchain(each) for each in TOOLCHAINS if _has(toolchain(each), name)), None)
        assert root is not None, f"no locked toolchain has {name}"
        argv = sandbox.wrap([name, *arguments], [Bind(base, str(base), writable=True)], root, str(cwd or base))
        environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/tmp", "TZ": "UTC"}
        return subprocess.run(
            argv, env=environment, input=said, capture_output=True, text=True, check=False, timeout=300
        )

    return run


@pytest.fixture(scope="session")
def roots(project: Project) -> Roots:
    """The repository's unpacked toolchains, to lend to small projects."""
    with project.progress:
        return Roots.of(project, ("llvm", "qemu"))


@pytest.fixture
def small(tmp_path: Path, repository: Path, roots: Roots) -> Small:
    """A small project that was never built, with a store that only knows the toolchains."""
    return Small.make(tmp_path / "small", repository, roots)


@pytest.fixture(scope="session")
def built_small(tmp_path_factory: pytest.TempPathFactory, repository: Path, roots: Roots) -> Small:
    """A small project that was built from nothing. Nobody may change it, or what its store has."""
    small = Small.make(tmp_path_factory.mktemp("small") / "built", repository, roots)
    assert ran(small.build()) == set(ACTIONS)
    return small


@pytest.fixture
def copy(built_small: Small, tmp_path: Path, repository: Path, roots: Roots) -> Small:
    """The project that was built, in a folder of the test's own, with a copy of its store."""
    return built_small.copy(tmp_path / "copy", repository, roots)


@pytest.fixture
def casd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A buildbox-casd of the test's own, empty: a cache."""
    with servers.running(servers.casd(tmp_path_factory.mktemp("casd"))) as server:
        yield server


@pytest.fixture
def executor(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[Server]:
    """A buildbox-casd of the test's own, empty, that also executes, two actions at once."""
    if sandbox.level != "bubblewrap":
        pytest.skip("the server's runner needs user namespaces")
    with servers.running(servers.executor(tmp_path_factory.mktemp("executor"), sandbox.tools)) as server:
        yield server


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[Server]:
    """A server that executes, for all tests that do not stop it: toolchains are sent to it once."""
    if sandbox.level != "bubblewrap":
        pytest.skip("the server's runner needs user namespaces")
    with servers.running(servers.executor(tmp_path_factory.mktemp("cluster"), sandbox.tools)) as server:
        yield server


@pytest.fixture(scope="session")
def buildgrid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A BuildGrid for all tests that want one: it takes seconds to start. They share what is in it."""
    with servers.running(servers.buildgrid(tmp_path_factory.mktemp("buildgrid"))) as server:
        yield server


@pytest.fixture(scope="session")
def qemu_wrap(sandbox: Sandbox, toolchain: Callable[[str], Path]) -> Wrap:
    """Turn a command line of QEMU's toolchain into one of the host, as `doit run` does."""
    root = toolchain("qemu")

    def wrap(argv: Sequence[str], binds: Sequence[Bind]) -> list[str]:
        return sandbox.wrap(argv, binds, root)

    return wrap


@pytest.fixture(scope="session")
def start(qemu_wrap: Wrap) -> Boot:
    """Boot an image and judge it: `start(image, memory_mib=16)`; `hear` is told each line as it comes."""

    def run(image: Path, hear: Callable[[str], None] | None = None, **wanted: Any) -> Run:
        return boot(BootSpec(image, **wanted), qemu_wrap, hear)

    return run


@pytest.fixture(scope="session")
def start_twin(built: Built) -> Twin:
    """Run the twin of an app on an image, where this machine can: `start_twin("optimizer", image, args="aot")`."""

    def run(name: str, image: Path, **wanted: Any) -> Run:
        program = built(f"{name}.twin")[f"{name}.twin"]
        try:
            twin.check(program)
        except MachineError as error:
            pytest.skip(error.headline)
        return twin.run(BootSpec(image, **wanted), program)

    return run


def _has(root: Path, name: str) -> bool:
    return any((root / folder.lstrip("/") / name).exists() for folder in PATH.split(":"))
