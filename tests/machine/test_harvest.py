"""Artifacts are read from a disk as they were written, and damage is never taken for one."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bfbuild.disk import image
from bfbuild.disk.layout import Layout, Partition
from bfbuild.disk.spec import Spec
from bfbuild.errors import MachineError
from bfbuild.machine.harvest import Artifact, NoArtifact, harvest, parse

EPOCH = 1_700_000_000
DATA_LBA, SECTORS = 2048, 8000
REQUEST = "bareflow-request 2\ncompiler c\nbitcode b\nfunction f\nfeatures none\nrecursion 3\n"
OBJECT, OPTIMIZED = b"\x7fELF and so on", b"BC and so on"


def written(request: str = REQUEST, code: bytes = OBJECT, *, version: int = 2) -> bytes:
    """The bytes of an artifact, by FORMAT.md."""
    text = request.encode()
    key, abi, optimized = (hashlib.sha256(data).digest() for data in (text, b"abi", OPTIMIZED))
    sizes = (len(text), len(code), len(OPTIMIZED))
    head = struct.pack("<4sI32s32sQ16s4I2Q", b"BFJA", version, key, abi, 1, b"19.1.7", *sizes, 500, 2000, 1000)
    body = head + bytes(32) + optimized + text + code
    return body + hashlib.sha256(body).digest() + OPTIMIZED


def name(request: str = REQUEST) -> str:
    """Where the guest keeps it."""
    return f"JIT/CACHE/{hashlib.sha256(request.encode()).hexdigest()[:16]}.art"


def disk(folder: Path, files: dict[str, bytes]) -> Path:
    """A disk whose partition has these files."""
    paths = {}
    for index, (place, data) in enumerate(files.items()):
        source = folder / str(index)
        source.write_bytes(data)
        paths[place] = str(source)
    layout = Layout((DATA_LBA + SECTORS) * 512, (), (Partition("DATA", DATA_LBA, SECTORS),))
    path = folder / "disk.img"
    image.build(Spec(layout, files={"DATA": paths}), path, timestamp=EPOCH)
    return path


def test_an_artifact_is_what_was_written() -> None:
    """Its fields are those of the request, its key is the request's digest, and "none" means no features."""
    artifact = parse(written())
    assert artifact == Artifact(REQUEST, 500, 2000, 1000, OBJECT, OPTIMIZED)
    assert artifact.fields["function"] == "f"
    assert artifact.features == ""
    assert artifact.key == hashlib.sha256(REQUEST.encode()).hexdigest()


@given(st.integers(0, len(written()) * 8 - 1))
def test_a_flipped_bit_is_no_artifact(bit: int) -> None:
    """Whichever bit it is."""
    data = bytearray(written())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NoArtifact):
        parse(bytes(data))


@given(st.integers(0, len(written()) - 1))
def test_a_piece_is_no_artifact(size: int) -> None:
    """Wherever it was cut."""
    with pytest.raises(NoArtifact):
        parse(written()[:size])


def test_another_version_is_no_artifact() -> None:
    """A format of the future is not guessed at."""
    with pytest.raises(NoArtifact, match="another format"):
        parse(written(version=3))


def test_a_harvest_has_what_is_whole_and_in_its_place(tmp_path: Path) -> None:
    """Artifacts come sorted by key; a damaged one, one under another's name and other files are passed over."""
    requests = [REQUEST, REQUEST.replace("function f", "function g")]
    files = {
        **{name(each): written(each) for each in requests},
        name("damaged"): written("damaged")[:-1],
        name("other"): written("yet another"),
        "JIT/CACHE/README.TXT": b"nothing",
        "JIT/FUNCTIONS.BC": b"bitcode",
    }
    found = harvest(disk(tmp_path, files))
    assert [each.request for each in found] == sorted(requests, key=lambda each: parse(written(each)).key)


def test_what_is_no_disk_is_told(tmp_path: Path) -> None:
    """A file without a partition table, and one that is not there, are errors that name it."""
    path = tmp_path / "no.img"
    with pytest.raises(MachineError, match="cannot be read"):
        harvest(path)
    path.write_bytes(bytes(4096))
    with pytest.raises(MachineError, match="cannot be read"):
        harvest(path)
