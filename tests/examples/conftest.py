"""What a user of bfbuild has: a project outside of this repository, and a Python environment that knows no checkout."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

import pytest

from tests.small import Small

DOIT = """\
#!/bin/sh
exec python -m doit "$@"
"""


def copied(repository: Path, folder: Path) -> Small:
    """Return a copy of examples/hello-kernel that was never built; its bareflow.toml finds the lock two folders up."""
    shutil.copy(repository / "bareflow.lock", folder)
    root = folder / "examples" / "hello-kernel"
    generated = shutil.ignore_patterns("build", "cache", "compile_commands.json", "__pycache__")
    shutil.copytree(repository / "examples" / "hello-kernel", root, ignore=generated)
    return Small(root, folder / "cache")


@pytest.fixture(scope="session")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH: all that is installed here but bfbuild. Nothing has to be downloaded."""
    folder = tmp_path_factory.mktemp("dependencies")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith("bfbuild"):
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="session")
def offline(dependencies: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which pip finds all requirements installed, asks no one for more, and `doit` is a program."""
    programs = tmp_path_factory.mktemp("programs")
    (programs / "doit").write_text(DOIT)
    (programs / "doit").chmod(0o755)
    return {
        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(dependencies),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the flag given, not as its opposite
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "LC_ALL": "C.UTF-8",
    }
