"""bfbuild as others get it: a wheel that is whole, and works where nothing of this checkout is in reach."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.examples.conftest import copied
from tests.small import Roots


def pip(*arguments: str) -> None:
    """Run the pip of the tests, which asks no one for anything."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-index", "--no-build-isolation", "--no-deps", "--wheel-dir", str(folder), str(repository))
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment in which the wheel is installed and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    python = folder / "bin" / "python"
    pip("--python", str(python), "install", "--no-index", "--no-deps", str(wheel))
    return python


def test_the_wheel_has_every_file_of_the_package(wheel: Path, repository: Path) -> None:
    """Stubs, the mark of typed code, and the disk writer's sources, which are inputs of actions, are all in it."""
    package = {
        path.relative_to(repository).as_posix()
        for path in (repository / "bfbuild").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == package
    assert {"bfbuild/py.typed", "bfbuild/disk/__main__.py", "bfbuild/protos/remote_execution_pb2.py"} <= names


def test_an_installed_package_builds_and_boots(
    python: Path, repository: Path, roots: Roots, offline: Mapping[str, str], tmp_path: Path
) -> None:
    """With the wheel and its requirements alone, doit knows our commands, and a project's guest boots."""
    hello = copied(repository, tmp_path)
    roots.lend(hello.store)
    environment = {**offline, "HOME": str(tmp_path), "BAREFLOW_CACHE": str(hello.cache)}

    def ran(*arguments: str) -> str:
        ended = subprocess.run(
            [python, *arguments], cwd=hello.root, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    assert Path(ran("-c", "import bfbuild; print(bfbuild.__file__)")).is_relative_to(python.parent.parent)
    declared = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["entry-points"]["doit.COMMAND"]
    told = ran("-m", "doit", "help")
    assert [name for name in declared if f" {name} " not in told] == []
    assert "#####" in ran("-m", "doit", "run")
