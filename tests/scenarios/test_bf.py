"""`./bf` installs what its words need, and nothing a second time. It installs with a stand-in here that takes notes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

LOCKS = ("requirements", *(f"requirements-{name}" for name in ("release", "remote", "sigstore", "test")))
PYTHON = '#!/bin/sh\necho "$*" >> "$(dirname "$0")/said"\n'


@pytest.fixture
def checkout(tmp_path: Path, repository: Path) -> Path:
    """A checkout whose .venv has no more than a Python that writes down what it is asked."""
    shutil.copy(repository / "bf", tmp_path)
    for name in (*(f"{lock}.lock" for lock in LOCKS), "pyproject.toml", "bareflow.toml"):
        (tmp_path / name).write_text(f"# {name}\n")
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    (tmp_path / ".venv/bareflow-place").write_text(f"{tmp_path}\n")
    return tmp_path


def installed(checkout: Path, words: str) -> list[str]:
    """Run it with these words; return the locks that it installed from."""
    said = checkout / ".venv/bin/said"
    said.unlink(missing_ok=True)
    subprocess.run([str(checkout / "bf"), *words.split()], check=True, capture_output=True)
    *asked, last = said.read_text().splitlines()
    assert last == f"-S bfbuild/commands/door.py {words}".rstrip()
    return [line.rsplit(" ", 1)[1].removesuffix(".lock") for line in asked if " -r " in line]


@pytest.mark.parametrize(
    ("words", "lock"),
    [
        ("", "requirements"),
        ("image", "requirements"),
        ("verify dist", "requirements"),
        ("verify dist --identity ada --issuer url", "requirements-sigstore"),
        ("release --version 1.2.0", "requirements-release"),
        ("release --sigstore", "requirements-sigstore"),
        ("release --sigstore-config file", "requirements-sigstore"),
        ("key ls", "requirements-release"),
        ("test", "requirements-test"),
        ("gate", "requirements-test"),
    ],
)
def test_each_word_has_its_lock_and_once(checkout: Path, words: str, lock: str) -> None:
    """The extra of a word is installed the first time, and again when its lock has changed."""
    assert installed(checkout, words) == [lock]
    assert installed(checkout, words) == []
    (checkout / f"{lock}.lock").write_text("# another\n")
    assert installed(checkout, words) == [lock]


def test_a_team_s_store_needs_its_extra_whatever_the_word_is(checkout: Path) -> None:
    """With `[remote]` in bareflow.toml a release needs two extras; the tests' lock has all."""
    (checkout / "bareflow.toml").write_text('[project]\nname = "a"\n[remote]\n')
    assert installed(checkout, "image") == ["requirements-remote"]
    assert installed(checkout, "release --sigstore") == ["requirements-sigstore"]
    for stamp in (checkout / ".venv").glob("bareflow-requirements*"):
        stamp.unlink()
    assert installed(checkout, "release") == ["requirements-remote", "requirements-release"]
    assert installed(checkout, "test") == ["requirements-test"]
