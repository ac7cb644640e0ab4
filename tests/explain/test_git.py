"""Which commit changed something, asked of a real repository."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from bfbuild.explain import git

IDENTITY = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")


def run(root: Path, *arguments: str) -> None:
    """Run git in the repository."""
    subprocess.run(["git", "-C", str(root), *IDENTITY, *arguments], check=True, capture_output=True)


def commit(root: Path, text: str, subject: str) -> str:
    """Write a.c and commit it; return the hash of its content."""
    (root / "a.c").write_text(text)
    run(root, "add", "-A")
    run(root, "commit", "-q", "-m", subject)
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project in a folder of a repository: paths are relative to the project."""
    run(tmp_path, "init", "-q")
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def test_the_commit_is_found_by_content(root: Path) -> None:
    """Days and commits later, it is the one that gave the file the content in question."""
    first = commit(root, "int a;\n", "Declare a")
    second = commit(root, "int a = 1;\n", "Give a its value")
    commit(root, "int a = 2;\n", "Give a another")
    told = git.of_content(root, "a.c", second)
    assert told is not None
    assert told.endswith(" Ann: Give a its value")
    assert str(git.of_content(root, "a.c", first)).endswith(" Ann: Declare a")


def test_what_is_not_committed_is_told_so(root: Path) -> None:
    """An edit, and a file that git does not know yet."""
    commit(root, "int a;\n", "Declare a")
    for path in ("a.c", "b.c"):
        (root / path).write_text("int a = 7;\n")
        assert git.of_content(root, path, hashlib.sha256(b"int a = 7;\n").hexdigest()) == git.UNCOMMITTED
        assert git.of_line(root, path, 1) == git.UNCOMMITTED
        assert git.of_file(root, path) == git.UNCOMMITTED


def test_content_that_git_never_saw_is_no_commits(root: Path) -> None:
    """What was edited once more since is neither committed nor "not committed yet"."""
    commit(root, "int a;\n", "Declare a")
    assert git.of_content(root, "a.c", hashlib.sha256(b"gone").hexdigest()) is None


def test_a_line_has_the_commit_it_comes_from(root: Path) -> None:
    """Blame of that line, whatever happened to others."""
    commit(root, "one\ntwo\n", "Count to two")
    commit(root, "one\ntwo\nthree\n", "Count to three")
    assert str(git.of_line(root, "a.c", 2)).endswith("Ann: Count to two")
    assert str(git.of_line(root, "a.c", 3)).endswith("Ann: Count to three")
    assert str(git.of_file(root, "a.c")).endswith("Ann: Count to three")


def test_a_removed_file_has_the_commit_that_removed_it(root: Path) -> None:
    """And none where the removal is not committed."""
    commit(root, "int a;\n", "Declare a")
    (root / "a.c").unlink()
    assert git.of_removal(root, "a.c") == git.UNCOMMITTED
    run(root, "commit", "-q", "-a", "-m", "Need no a")
    assert str(git.of_removal(root, "a.c")).endswith("Ann: Need no a")


def test_no_repository_and_no_git_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is needed, and neither is an error."""
    (tmp_path / "a.c").write_text("int a;\n")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git.of_content(tmp_path, "a.c", hashlib.sha256(b"int a;\n").hexdigest()) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git.of_line(tmp_path, "a.c", 1) is None
