"""The programs of this folder, built with sanitizers and run in the sandbox."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.disk import image
from bfbuild.disk.layout import Layout, Partition
from bfbuild.disk.spec import Spec
from bfbuild.execute.sandbox import Bind
from bfbuild.recipe.model import Link

if TYPE_CHECKING:
    from bfbuild.commands.project import Project
    from bfbuild.execute.sandbox import Sandbox
    from tests.conftest import Built

Native = Callable[..., "subprocess.CompletedProcess[bytes]"]

DATA_LBA = 2048
SECTORS = 4200  # about the smallest FAT16 volume, so that it is full soon
EPOCH = 1_700_000_000


@pytest.fixture(scope="session")
def native(
    project: Project,
    built: Built,
    sandbox: Sandbox,
    toolchain: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Native:
    """Run a program: `native("fat16_tool", str(path), "ls")`; it sees the tests' folders at their own paths."""
    links = [link.name for link in project.graph.of_type(Link) if link.name.startswith("native/")]
    programs, root, base = built(*links), toolchain("native"), tmp_path_factory.getbasetemp()
    # Leaks are found by ptrace, which proot uses itself.
    options = {"ASAN_OPTIONS": f"detect_leaks={int(sandbox.level == 'bubblewrap')}"}

    def run(name: str, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        argv = [str(programs[f"native/{name}"]), *arguments]
        wrapped = sandbox.wrap(argv, [Bind(base, str(base), writable=True)], root, str(base))
        return subprocess.run(wrapped, env=options, input=data, capture_output=True, check=False, timeout=300)

    return run


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A disk with one empty FAT16 partition."""
    path = tmp_path / "volume.img"
    partition = Partition("DATA", DATA_LBA, SECTORS)
    image.build(Spec(Layout((DATA_LBA + SECTORS) * 512, (), (partition,))), path, timestamp=EPOCH)
    return path
