"""qcow2 and VDI: what the locked qemu-img reads in them is the raw disk, and equal disks make equal files."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bfbuild.errors import StoreError
from bfbuild.machine import qemu
from bfbuild.machine.spec import BootSpec
from bfbuild.machine.spec import command as raw_command
from bfbuild.release.formats import write_qcow2, write_vdi
from tests.conftest import Boot, Tool
from tests.small import Small

FORMS: dict[str, Callable[[Path, Path], None]] = {"qcow2": write_qcow2, "vdi": write_vdi}
MIB = 1 << 20
DISKS: dict[str, tuple[int, list[tuple[int, bytes]]]] = {  # size, and what lies where in it
    "empty": (32 * MIB, []),
    "a sector": (512, [(0, b"\x55" * 512)]),
    "its ends": (64 * MIB, [(0, b"first"), (64 * MIB - 4, b"last")]),
    "around the borders of clusters and blocks": (8 * MIB, [(65_535, b"ab"), (MIB - 1, b"cd"), (3 * MIB, b"e")]),
    "no whole cluster": (3 * MIB + 512, [(3 * MIB, b"\xff" * 512)]),
    "more than one table": (516 * MIB, [(0, b"a"), (516 * MIB - 1, b"b")]),
    "full": (5 * MIB, [(0, random.Random(5).randbytes(5 * MIB))]),
}


def written(folder: Path, disk: str) -> Path:
    """Write a raw disk, with holes."""
    size, pieces = DISKS[disk]
    path = folder / "disk.img"
    with path.open("wb") as file:
        file.truncate(size)
        for place, data in pieces:
            file.seek(place)
            file.write(data)
    return path


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("disk", DISKS)
def test_qemu_img_finds_the_disk_in_it(tmp_path: Path, tool: Tool, form: str, disk: str) -> None:
    """`qemu-img check` finds no fault and nothing leaked, `compare` no difference; zeros take no room."""
    raw = written(tmp_path, disk)
    made = tmp_path / f"disk.{form}"
    FORMS[form](raw, made)
    assert made.stat().st_size < 9 * MIB
    checked = tool("qemu-img", "check", "-f", form, str(made))
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    assert "No errors were found" in checked.stdout
    compared = tool(
        "qemu-img", "compare", "--image-opts", f"driver={form},file.filename={made}", f"driver=raw,file.filename={raw}"
    )
    assert (compared.returncode, compared.stdout) == (0, "Images are identical.\n"), compared.stderr


@pytest.mark.parametrize("form", FORMS)
def test_equal_disks_make_equal_files_and_others_do_not(tmp_path: Path, form: str) -> None:
    """No time and no chance is in a file, nor the name of what it was made from."""
    (tmp_path / "elsewhere").mkdir()
    first, second = written(tmp_path, "its ends"), written(tmp_path / "elsewhere", "its ends")
    FORMS[form](first, tmp_path / "1")
    FORMS[form](second, tmp_path / "2")
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    with second.open("r+b") as file:
        file.write(b"F")
    FORMS[form](second, tmp_path / "3")
    assert (tmp_path / "1").read_bytes() != (tmp_path / "3").read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_is_there_is_not_written_over(tmp_path: Path, form: str) -> None:
    """What cannot be written is an error of the store's kind."""
    raw = written(tmp_path, "a sector")
    (tmp_path / "there").touch()
    with pytest.raises(StoreError, match="write a disk as"):
        FORMS[form](raw, tmp_path / "there")


@pytest.mark.parametrize("form", FORMS)
def test_a_guest_boots_from_it(
    tmp_path: Path, built_small: Small, start: Boot, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """QEMU finds the loader in it, and all the guest's words are said."""
    project = built_small.build()
    project.store.cas.copy_to(project.output("small.img").digest, tmp_path / "small.img", executable=False)
    FORMS[form](tmp_path / "small.img", tmp_path / "small")

    def command(spec: BootSpec, serial: Sequence[str], *, exits: bool = True) -> list[str]:
        words = raw_command(spec, serial, exits=exits)
        assert sum("format=raw" in word for word in words) == 1
        return [word.replace("format=raw", f"format={form}") for word in words]

    monkeypatch.setattr(qemu, "command", command)
    run = start(tmp_path / "small", silence_s=60)
    run.require_ok()
    assert "hello from the small guest" in run.transcript.text
