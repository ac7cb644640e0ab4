"""What holds for every file of the repository: format of C, no registry's host, no path of a developer's machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.conftest import Tool

TEXT = (".py", ".c", ".h", ".cpp", ".asm", ".inc", ".ld", ".md", ".toml", ".lock", ".in", ".yaml", "")
HOSTS = re.compile(r"(?:https?|ftp)://[\w.-]*(?:debian\.org|pypi\.org|pythonhosted\.org|npmjs\.org)")


def tracked(repository: Path) -> list[Path]:
    """The files that belong to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        check=True,
    )
    return [repository / name for name in listed.stdout.decode().splitlines() if (repository / name).is_file()]


def test_c_is_formatted(repository: Path, tool: Tool, tmp_path: Path) -> None:
    """clang-format would change no C file."""
    sources = [path for path in tracked(repository) if path.suffix in (".c", ".h", ".cpp")]
    (tmp_path / ".clang-format").write_bytes((repository / ".clang-format").read_bytes())
    copies = []
    for path in sources:
        copy = tmp_path / path.relative_to(repository)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        copies.append(str(copy))
    checked = tool("clang-format", "--dry-run", "--Werror", *copies)
    assert (checked.returncode, checked.stderr.replace(f"{tmp_path}/", "")) == (0, "")


def test_no_registry_is_named(repository: Path) -> None:
    """Mirrors come from the machine's configuration or the environment, never from a file of ours."""
    named = [
        f"{path.relative_to(repository)}: {found}"
        for path in tracked(repository)
        if path.suffix in TEXT
        for found in HOSTS.findall(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert named == []


def test_no_binary_is_kept(repository: Path) -> None:
    """Binaries are outputs or locked downloads; only pictures for the documents are in the repository."""
    binary = [
        str(path.relative_to(repository))
        for path in tracked(repository)
        if path.suffix != ".png" and b"\0" in path.read_bytes()[:8000]
    ]
    assert binary == []
