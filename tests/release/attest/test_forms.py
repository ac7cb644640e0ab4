"""The other forms of an image: the verifier reads them by itself, and finds what is not that disk."""

from __future__ import annotations

import random
import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bfbuild.release.formats import write_qcow2, write_vdi
from bfbuild.release.verify import Refused, qcow2_blocks, vdi_blocks
from tests.release.attest.conftest import IMAGE
from tests.release.attest.made import Made, refused

Form = tuple[Callable[[Path, Path], None], Callable[[bytes], Iterator[bytes]]]
FORMS: dict[str, Form] = {"qcow2": (write_qcow2, qcow2_blocks), "vdi": (write_vdi, vdi_blocks)}
MIB = 1 << 20
DISKS = {
    "empty": bytes(3 * MIB),
    "a sector": b"U" * 512,
    "its ends": b"first" + bytes(5 * MIB - 9) + b"last",
    "no whole cluster": bytes(2 * MIB) + b"\xff" * 512,
    "full": random.Random(5).randbytes(2 * MIB),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("disk", DISKS)
def test_a_form_is_read_as_the_disk_that_it_was_written_from(tmp_path: Path, disk: str, form: str) -> None:
    """Its blocks are the disk's, and zeros behind its end."""
    write, read = FORMS[form]
    (tmp_path / "raw").write_bytes(DISKS[disk])
    write(tmp_path / "raw", tmp_path / "made")
    blocks = b"".join(read((tmp_path / "made").read_bytes()))
    assert blocks.rstrip(b"\0") == DISKS[disk].rstrip(b"\0")
    assert len(blocks) >= len(DISKS[disk])


@pytest.mark.parametrize("form", FORMS)
def test_a_form_holds_nothing_besides(tmp_path: Path, form: str) -> None:
    """Neither behind its end nor in its header's room; and it leads to no other file."""
    write, read = FORMS[form]
    (tmp_path / "raw").write_bytes(DISKS["its ends"])
    write(tmp_path / "raw", tmp_path / "made")
    good = (tmp_path / "made").read_bytes()
    room = 4_096 if form == "qcow2" else 600_000
    backing = 15 if form == "qcow2" else 76
    longer = good + bytes(1 << 16)
    for bad in (longer, good[:room] + b"x" + good[room + 1 :], good[:backing] + b"\7" + good[backing + 1 :]):
        with pytest.raises(Refused):
            list(read(bad))


@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_another_disk_is_refused(made: Made, tmp_path: Path, form: str) -> None:
    """Also where it was signed with the rest: a release has one disk, in several forms."""
    image = made.content[IMAGE]
    for name, data in (("same", image), ("other", image[:9] + b"x" + image[10:]), ("short", image[: 2 * MIB])):
        (tmp_path / name).write_bytes(data)
        FORMS[form][0](tmp_path / name, tmp_path / f"{name}.made")
        content = {**made.content, f"small.{form}": (tmp_path / f"{name}.made").read_bytes()}
        found = refused(replace(made, content=content).to(tmp_path / f"dist-{name}"))
        assert found.get("forms", "")[:34] == ("" if name == "same" else "a form of an image is another disk")


@pytest.mark.parametrize(("form", "at"), [("vdi", 384), ("vdi", 380), ("qcow2", 36), ("qcow2", 56), ("qcow2", 24)])
def test_a_header_cannot_ask_for_memory(made: Made, tmp_path: Path, form: str, at: int) -> None:
    """Numbers of blocks, tables and sizes are compared with the file before anything is made of them."""
    (tmp_path / "raw").write_bytes(made.content[IMAGE])
    FORMS[form][0](tmp_path / "raw", tmp_path / "made")
    good = (tmp_path / "made").read_bytes()
    content = {**made.content, f"small.{form}": good[:at] + b"\x7f\xff\xff\xff" + good[at + 4 :]}
    limit = resource.getrlimit(resource.RLIMIT_AS)
    folder = replace(made, content=content).to(tmp_path / "dist")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), limit[1]))
    try:
        assert "MemoryError" not in refused(folder)["forms"]
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limit)
