"""What tests of builds with a team's cache share: a server that has everything, and a build that checks its store."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bfbuild.commands.project import Project
from bfbuild.digest import Digest
from bfbuild.remote.channel import Patience
from bfbuild.store.verify import Damage, verify
from tests.remote import servers
from tests.remote.servers import Server
from tests.small import ACTIONS, Roots, Small, ran

HASTY = Patience(deadline=1, attempts=3, first=0.01, longest=0.05, total=2)


@dataclass
class Built:
    """What a build did, and what it told people."""

    project: Project
    said: str

    @property
    def ran(self) -> set[str]:
        """The names of what it executed."""
        return ran(self.project)

    @property
    def warnings(self) -> list[str]:
        """The lines that warn."""
        return [line for line in self.said.splitlines() if line.startswith("warning:")]


Build = Callable[..., Built]


def damage(small: Small, roots: Roots) -> tuple[Damage, ...]:
    """What `doit cache verify` finds, but for the tools that are lent: hashing these takes longer than all the rest."""
    for link in (small.cache / "trees").iterdir():
        if link.is_symlink():
            link.unlink()
    found = verify(small.store, lambda *_: None).damage
    roots.lend(small.store)
    return found


@pytest.fixture
def build(small: Small, roots: Roots, capsys: pytest.CaptureFixture[str]) -> Build:
    """Build the small project with a cache: `build(door.url)`; whatever came of it, its store is sound."""

    def run(url: str, *, patience: Patience = HASTY, token: str = "", **settings: object) -> Built:
        lines = [f"{name} = {value!r}" for name, value in {"cache": url, **settings}.items()]
        small.write("bareflow.toml", "\n".join(['[project]\nname = "small"\n[remote]', *lines, ""]))
        project = small.open()
        project.patience = patience
        assert project.cache is not None
        project.cache.channel.token = token
        capsys.readouterr()
        try:
            project.build([project.graph.find("small.img")])
        finally:
            assert damage(small, roots) == ()
        return Built(project, capsys.readouterr().err)

    return run


@pytest.fixture(scope="session")
def image(built_small: Small) -> Digest:
    """The image of the small project, as a build without any server makes it."""
    return built_small.build().output("small.img").digest


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, repository: Path, roots: Roots) -> Path:
    """The folder of a casd that was given all results of the small project."""
    folder = tmp_path_factory.mktemp("filled")
    small = Small.make(tmp_path_factory.mktemp("giver") / "small", repository, roots)
    with servers.running(servers.casd(folder)) as server:
        small.write("bareflow.toml", f'[project]\nname = "small"\n[remote]\ncache = "{server.url}"\n')
        assert ran(small.build()) == set(ACTIONS)
    return folder / "casd"


@pytest.fixture
def full(filled: Path, tmp_path: Path) -> Iterator[Server]:
    """A casd of the test's own that has all results of the small project."""
    shutil.copytree(filled, tmp_path / "server/casd")
    with servers.running(servers.casd(tmp_path / "server")) as server:
        yield server
