"""Projects under git, ready to be released: a small one with every kind of recipe, and a tiny one with its packages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from bfbuild.commands.project import Project
from bfbuild.digest import Digest
from bfbuild.release.keys import SecretKey, write
from bfbuild.toolchain.lock import Lock, LockedToolchain, lock_text
from tests.small import DODO, Finished, Roots, Small

DATE = 1_700_000_001  # of every commit
IGNORED = "/cache/\n/build/\n/dist/\n__pycache__/\n/compile_commands.json\n"

TINY = """\
from bfbuild import AsmObject, Command, Image, In, Layout, Out, Region, Toolchain, version

tools = Toolchain(name="tools", packages=("nasm", "python3-minimal"))
layout = Layout(name="layout", toolchain=tools, size="1 MiB", regions=(Region(name="BOOT", lba=0, sectors=1),
    Region(name="ABOUT", lba=1, sectors=1)))
boot = AsmObject(name="boot.bin", source="src/boot.asm", toolchain=tools, format="bin")
about = Command(name="about.txt", tool=tools.python, toolchain=tools,
    args=("-S", In("src/about.py"), Out("about.txt"), version()))
Image(name="tiny.img", layout=layout, content={"BOOT": boot, "ABOUT": about})
"""
SOURCES = {
    ".gitignore": IGNORED,
    "bareflow.toml": '[project]\nname = "tiny"\nversion = "1.0"\n',
    "dodo.py": DODO,
    "recipes/tiny.py": TINY,
    "src/boot.asm": "times 510 db 0x90\ndw 0xAA55\n",
    "src/about.py": "import sys\nopen(sys.argv[1], 'w').write(sys.argv[2] + '\\n')\n",
}
PACKAGES = (  # what nasm and Python need to run
    *("nasm:amd64", "python3-minimal:amd64", "python3.11-minimal:amd64", "libpython3.11-minimal:amd64", "libc6:amd64"),
    *("libexpat1:amd64", "zlib1g:amd64"),
)


def git(folder: Path, *arguments: str) -> str:
    """Run git as nobody in particular."""
    who = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    dates = {"GIT_AUTHOR_DATE": f"{DATE} +0100", "GIT_COMMITTER_DATE": f"{DATE} +0100"}
    own = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    environment = {**os.environ, **who, **dates, **own}
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def commit(folder: Path) -> str:
    """Commit all that is there; return the commit."""
    if not (folder / ".git").is_dir():
        git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "as it is")
    return git(folder, "rev-parse", "HEAD").strip()


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory, repository: Path, project: Project) -> Path:
    """A store that has nothing but the locked packages of the tiny project."""
    with project.progress:
        Roots.of(project, ("llvm", "clock"))  # so their packages are there
    small = Small(tmp_path_factory.mktemp("tiny") / "project", tmp_path_factory.mktemp("tiny") / "cache")
    store = small.store
    for package in tiny_lock(repository).packages:
        store.cas.put_file(project.store.cas.path_of(Digest(package.sha256, package.size)))
    return small.cache


def tiny_lock(repository: Path) -> Lock:
    """The repository's lock, with a toolchain more, and without what the tiny project does not need."""
    lock = Lock.load(repository / "bareflow.lock")
    tools = LockedToolchain(packages=("nasm", "python3-minimal"), closure=tuple(sorted(PACKAGES)))
    toolchains = {"clock": lock.toolchains["clock"], "sandbox": lock.toolchains["sandbox"], "tools": tools}
    keys = sorted({key for each in toolchains.values() for key in each.closure})
    return lock.model_copy(update={"toolchains": toolchains, "packages": tuple(lock.by_key[key] for key in keys)})


class Tiny(Small):
    """A project whose commands find no key of whoever runs the tests."""

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a command sees."""
        return super().environment(**{"BAREFLOW_KEY": "/nowhere/release.key", **more})


@pytest.fixture
def tiny(tmp_path: Path, repository: Path, tiny_store: Path) -> Small:
    """The tiny project in a commit of its own; its store is shared, and has its packages."""
    return make_tiny(tmp_path / "tiny", repository, tiny_store)


def make_tiny(root: Path, repository: Path, cache: Path) -> Small:
    """Write the tiny project, and commit it: always the same commit."""
    tiny = Tiny(root, cache)
    for path, text in SOURCES.items():
        tiny.write(path, text)
    tiny.write("bareflow.lock", lock_text(tiny_lock(repository)))
    commit(root)
    return tiny


class Released(NamedTuple):
    """A project that was released, and what was said meanwhile."""

    project: Small
    said: Finished

    @property
    def dist(self) -> Path:
        """What was made."""
        return self.project.root / "dist"


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory, repository: Path, tiny_store: Path) -> Released:
    """The tiny project, released. Nobody may change it."""
    tiny = make_tiny(tmp_path_factory.mktemp("released") / "tiny", repository, tiny_store)
    write(key_of(tiny_store), SecretKey.of_seed(b"numbered", bytes(range(32))))
    done = tiny.doit("release", BAREFLOW_KEY=str(key_of(tiny_store)))
    assert done.code == 0, done.err
    return Released(tiny, done)


def key_of(tiny_store: Path) -> Path:
    """Where the secret key lies that signs the release."""
    return tiny_store.parent / "release.key"


@pytest.fixture(scope="session")
def small_roots(project: Project) -> Roots:
    """The toolchains that two builds of a small project need, to lend."""
    with project.progress:
        return Roots.of(project, ("llvm", "native", "clock"))
