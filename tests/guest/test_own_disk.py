"""`doit run --disk`: a disk of one's own, on which stays what the guest writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.commands.boot import run
from bfbuild.errors import MachineError
from tests.learning import asked, place, written

if TYPE_CHECKING:
    from bfbuild.recipe.model import Layout
    from tests.conftest import Tool


def boot(repository: Path, disk: Path) -> int:
    """Run the demo from a disk."""
    return run(repository, "demo", interactive=False, screenshot="", disk=str(disk))


def test_a_disk_is_made_once_and_kept(
    repository: Path, tmp_path: Path, tool: Tool, layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first run copies the image; later ones boot the copy, and tell of what lies on it that is of no use here."""
    disk, artifact = tmp_path / "own.img", tmp_path / "artifact"
    request = asked("c" * 64, "b" * 64)
    assert boot(repository, disk) == 0
    assert "kept" not in capsys.readouterr().err
    artifact.write_bytes(written(request, (b"object", b"bitcode")))
    at = f"{disk}@@{layout['DATA_LBA'] * 512}"
    assert tool("mmd", "-i", at, "::JIT", "::JIT/CACHE").returncode == 0
    assert tool("mcopy", "-i", at, str(artifact), f"::{place(request)}").returncode == 0
    assert boot(repository, disk) == 0
    assert " add (recursion 3)  is left out: its compiler or bitcode is not of this image" in capsys.readouterr().err


def test_a_disk_of_another_image_is_refused(repository: Path, tmp_path: Path) -> None:
    """A disk with another loader or program than the image's is not booted in its name, and not written to."""
    disk = tmp_path / "own.img"
    assert boot(repository, disk) == 0
    data = bytearray(disk.read_bytes())
    data[20 * 512] ^= 1
    disk.write_bytes(data)
    with pytest.raises(MachineError, match="made from another image"):
        boot(repository, disk)
    assert disk.read_bytes() == data


def test_a_disk_that_cannot_be_made_is_told(repository: Path, tmp_path: Path) -> None:
    """A folder that is not there is an error that names the disk."""
    with pytest.raises(MachineError, match="cannot be used"):
        boot(repository, tmp_path / "nowhere/own.img")
