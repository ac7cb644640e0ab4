"""The lock: one text for one content, and a word on every way in which a file can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from bfbuild.errors import LockError
from bfbuild.toolchain.lock import Lock, LockedPackage, LockedToolchain, lock_text

SHA256 = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"


def package(name: str = "nasm", version: str = "2.16.01-1", architecture: str = "amd64") -> LockedPackage:
    """Return a package whose other fields do not matter."""
    path = f"pool/main/{name[0]}/{name}/{name}_{version}_{architecture}.deb"
    return LockedPackage(name=name, version=version, architecture=architecture, path=path, size=466, sha256=SHA256)


LOCK = Lock(
    archive={"bookworm": "20260711T101637Z", "bookworm-security": "20261121T005302Z"},
    toolchains={
        "llvm": LockedToolchain(packages=("nasm",), closure=("libc6:amd64", "nasm:amd64")),
        "check": LockedToolchain(packages=("mtools", "nasm"), closure=("mtools:all", "nasm:amd64")),
    },
    packages=(package("nasm"), package("libc6", "2.36-9+deb12u14"), package("mtools", "1:4.0.33", "all")),
)

TEXT = f"""\
# Made by `doit lock`, read by every build. Package files lie at `path` on any mirror of the Debian archive.
version: 1
archive:
  bookworm: 20260711T101637Z
  bookworm-security: 20261121T005302Z
toolchains:
  check:
    packages:
    - mtools
    - nasm
    closure:
    - mtools:all
    - nasm:amd64
  llvm:
    packages:
    - nasm
    closure:
    - libc6:amd64
    - nasm:amd64
packages:
  libc6:amd64:
    version: 2.36-9+deb12u14
    path: pool/main/l/libc6/libc6_2.36-9+deb12u14_amd64.deb
    size: 466
    sha256: {SHA256}
  mtools:all:
    version: 1:4.0.33
    path: pool/main/m/mtools/mtools_1:4.0.33_all.deb
    size: 466
    sha256: {SHA256}
  nasm:amd64:
    version: 2.16.01-1
    path: pool/main/n/nasm/nasm_2.16.01-1_amd64.deb
    size: 466
    sha256: {SHA256}
"""


def written(folder: Path, text: str) -> Path:
    """Return a lock file with this text."""
    path = folder / "bareflow.lock"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_lock_has_one_text() -> None:
    """The text is sorted throughout and ends with a line's end, so equal locks are equal files."""
    assert lock_text(LOCK) == TEXT


def test_a_lock_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """Reading the text and writing it anew gives the same bytes."""
    assert lock_text(Lock.load(written(tmp_path, TEXT))) == TEXT


@pytest.mark.parametrize("version", ["1.10", "1:19", "2026-01-01", "1e5", "0x1f", "no", "~", "1.0+b1~exp"])
def test_a_version_is_text_whatever_it_looks_like(tmp_path: Path, version: str) -> None:
    """A version that YAML takes for a number, a date or a truth comes back as it was, in any reader of YAML."""
    text = lock_text(Lock(archive={}, toolchains={}, packages=(package("nasm", version),)))
    assert Lock.load(written(tmp_path, text)).packages[0].version == version
    assert yaml.safe_load(text)["packages"]["nasm:amd64"]["version"] == version


def test_a_missing_lock_says_how_to_make_one(tmp_path: Path) -> None:
    """Where there is no lock the error names the file and the command."""
    with pytest.raises(LockError, match="there is no lock") as caught:
        Lock.load(tmp_path / "bareflow.lock")
    assert caught.value.facts == [("file", str(tmp_path / "bareflow.lock"))]
    assert "doit lock" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("right", "wrong", "line", "why"),
    [
        ("version: 1\n", "version: 2\n", "version: 2", "less than or equal to 1"),
        ("size: 466", "size: many", "    size: many", "valid integer"),
        ("size: 466", "size: -1", "    size: -1", "greater than or equal to 0"),
        (SHA256, SHA256[:-1], f"    sha256: {SHA256[:-1]}", "should match pattern"),
        ("    size: 466\n", "", "  libc6:amd64:", "Field required"),
        ("    size: 466\n", "    size: 466\n    mood: good\n", "    mood: good", "not permitted"),
        ("  libc6:amd64:\n", "  libc6:\n", "  libc6:", "at least 1 character"),
        ("path: pool/main", "path: ../main", "    path: ../main/l/libc6/libc6_2.36-9+deb12u14_amd64.deb", "no path"),
        ("path: pool", "path: /pool", "    path: /pool/main/l/libc6/libc6_2.36-9+deb12u14_amd64.deb", "no path"),
        ("    - libc6:amd64\n", "    - libc7:amd64\n", "    - libc7:amd64", "not among the packages"),
        ("  mtools:all:\n", "  libc6:amd64:\n", "  libc6:amd64:", "stands here twice"),
        ("  check:\n", "  check: 7\n  odd:\n", "  check: 7", "valid dictionary"),
        ("toolchains:\n", "toolchains:\n\tcheck:\n", "\tcheck:", "cannot start any token"),
    ],
)
def test_a_wrong_entry_is_shown_with_its_line(tmp_path: Path, right: str, wrong: str, line: str, why: str) -> None:
    """An edit that makes no lock is an error with the reason, at the line of the edit."""
    text = TEXT.replace(right, wrong, 1)
    with pytest.raises(LockError, match="malformed") as caught:
        Lock.load(written(tmp_path, text))
    assert why in dict(caught.value.facts)["why"]
    assert caught.value.location is not None
    assert text.splitlines()[caught.value.location.line - 1] == line


def test_an_unfinished_merge_is_called_that(tmp_path: Path) -> None:
    """A lock with conflict markers says so, and what to do."""
    conflict = "<<<<<<< ours\n    size: 466\n=======\n    size: 467\n>>>>>>> theirs\n"
    with pytest.raises(LockError) as caught:
        Lock.load(written(tmp_path, TEXT.replace("    size: 466\n", conflict, 1)))
    assert "merge was left unfinished" in str(caught.value.hint)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff\xfe", b"\0", b"a: 2001-13-45", b"!!int x", b"&a [*a]", b"[" * 2000]
)
def test_what_is_no_lock_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    """Any bytes in the place of a lock are an error of ours."""
    path = tmp_path / "bareflow.lock"
    path.write_bytes(content)
    with pytest.raises(LockError):
        Lock.load(path)


@given(st.integers(0, len(TEXT)), st.text(max_size=6), st.integers(0, 40))
@example(TEXT.index("closure:") - 4, "0\t", 0)  # a tab that only libyaml reads as a space
def test_an_altered_lock_is_a_lock_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, put: str, cut: int
) -> None:
    """Whatever is cut from a lock or put into it, reading gives a lock that can be used, or LockError."""
    path = tmp_path_factory.getbasetemp() / "altered.lock"
    path.write_text(TEXT[:place] + put + TEXT[place + cut :], encoding="utf-8")
    try:
        lock = Lock.load(path)
    except LockError:
        return
    for name, toolchain in lock.toolchains.items():
        closure = lock.closure(name, toolchain.packages, dependencies=toolchain.dependencies)
        assert len(closure) == len(toolchain.closure)


def test_a_closure_is_the_packages_it_names() -> None:
    """A toolchain's closure comes in the order of the lock, whatever the order of the recipe."""
    assert [each.key for each in LOCK.closure("check", ["nasm", "mtools"])] == ["mtools:all", "nasm:amd64"]


def test_a_toolchain_that_is_not_locked_is_an_error() -> None:
    """A recipe newer than the lock gets the command that locks it."""
    with pytest.raises(LockError, match="does not have this toolchain") as caught:
        LOCK.closure("qemu", ["seabios"])
    assert caught.value.facts == [("toolchain", "qemu"), ("it has", "check, llvm")]
    assert "doit lock" in str(caught.value.hint)


@pytest.mark.parametrize("packages", [["nasm", "clang-19"], ["clang-19"], []])
def test_a_toolchain_that_was_locked_for_other_packages_is_an_error(packages: list[str]) -> None:
    """A recipe that asks for other packages than the lock was made for is told so, never served half."""
    with pytest.raises(LockError, match="for other packages") as caught:
        LOCK.closure("llvm", packages)
    assert dict(caught.value.facts)["lock"] == "nasm"
    assert "doit lock" in str(caught.value.hint)


def test_packages_alone_are_another_toolchain(tmp_path: Path) -> None:
    """The lock says where it holds packages without what they depend on, and a recipe that wants these is told."""
    toolchain = LockedToolchain(packages=("nasm",), dependencies=False, closure=("nasm:amd64",))
    text = lock_text(Lock(archive={}, toolchains={"llvm": toolchain}, packages=(package("nasm"),)))
    assert "    dependencies: false\n    closure:\n    - nasm:amd64\n" in text
    lock = Lock.load(written(tmp_path, text))
    assert [each.key for each in lock.closure("llvm", ["nasm"], dependencies=False)] == ["nasm:amd64"]
    with pytest.raises(LockError, match="for other packages") as caught:
        lock.closure("llvm", ["nasm"])
    assert dict(caught.value.facts)["lock"] == "nasm, without what they depend on"
