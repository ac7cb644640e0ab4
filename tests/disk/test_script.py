"""The script in the sandbox: the room copied alone, run without site packages, the same bytes in any surroundings."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import bfbuild.disk
from bfbuild.disk.layout import Layout, Partition, Region, c_header, nasm_include
from bfbuild.disk.spec import Spec, to_text

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOM = Path(bfbuild.disk.__file__).parent
SPEC = Spec(
    Layout(
        size=8 << 20,
        regions=(Region("BOOT", 0, 1), Region("KERNEL", 9, 4)),
        partitions=(Partition("DATA", 2048, 8192, label="GOLDEN"),),
    ),
    content={"BOOT": "boot", "KERNEL": "kernel"},
    files={"DATA": {"KERNEL.BIN": "kernel", "docs/read me.txt": "boot", "ä/😀": "boot"}},
)
GOLDEN = "6ec1d159bb7deba947daa7da6aed5930df6c9f1d603b80edf8a18b30b01e7976"

# Importable under `python3 -S` where only Debian's python3-minimal is (tried one by one, with what they import).
MINIMAL = {
    *(
        "__future__",
        "ast",
        "collections",
        "io",
        "itertools",
        "os",
        "pathlib",
        "re",
        "struct",
        "sys",
        "time",
        "typing",
        "zlib",
    ),
}


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    """Return a directory as an action sees it: the room as a package `disk`, a spec, contents."""
    shutil.copytree(ROOM, tmp_path / "disk", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "boot").write_bytes(b"\xeb\xfe")
    (tmp_path / "kernel").write_bytes(b"FLUD" * 500)
    (tmp_path / "spec").write_text(to_text(SPEC), encoding="ascii")
    return tmp_path


def _run(workdir: Path, *arguments: str, env: Mapping[str, str] | None = None, umask: int = -1) -> tuple[int, str]:
    """Return exit status and stderr of `python3 -S -m disk ARGUMENTS`."""
    result = subprocess.run(
        [sys.executable, "-S", "-B", "-m", "disk", *arguments],
        cwd=workdir,
        env={"SOURCE_DATE_EPOCH": "1700000000", **(env or {})},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == ""
    return result.returncode, result.stderr


def test_the_room_needs_nothing_but_python3_minimal() -> None:
    """Outside type checking, the room imports itself (relatively) and modules that python3-minimal has."""
    for path in ROOM.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        skipped = {
            id(node)
            for block in ast.walk(tree)
            if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
            for node in ast.walk(block)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Import) and id(node) not in skipped:
                assert {alias.name for alias in node.names} <= MINIMAL, path
            if isinstance(node, ast.ImportFrom) and id(node) not in skipped:
                assert node.level > 0 or node.module in MINIMAL, path


SURROUNDINGS: dict[str, tuple[dict[str, str], int]] = {
    "plain": ({}, 0o022),
    "a strict umask": ({}, 0o077),
    "a far time zone": ({"TZ": "Pacific/Kiritimati"}, 0o022),
    "another locale": ({"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}, 0o022),
    "the C locale": ({"LC_ALL": "C"}, 0o022),
    "another hash seed": ({"PYTHONHASHSEED": "4711"}, 0o022),
    "another home": ({"HOME": "/nowhere", "USER": "someone"}, 0o022),
}


@pytest.mark.parametrize("case", SURROUNDINGS)
def test_a_disk_is_the_same_in_any_surroundings(workdir: Path, case: str) -> None:
    """Umask, time zone, locale, hash seed and home do not enter: the bytes are a constant."""
    env, umask = SURROUNDINGS[case]
    assert _run(workdir, "image", "spec", "out.img", env=env, umask=umask) == (0, "")
    assert hashlib.sha256((workdir / "out.img").read_bytes()).hexdigest() == GOLDEN


def test_the_order_in_a_spec_does_not_enter(workdir: Path) -> None:
    """Dictionaries in another order, and contents of another age, give the same disk."""
    files, content = (dict(reversed(list(each.items()))) for each in (SPEC.files["DATA"], SPEC.content))
    rest = to_text(SPEC._replace(files={}, content={})).removeprefix("{")
    spec = f"{{'files': {{'DATA': {files}}}, 'content': {content}, {rest}"
    (workdir / "spec").write_text(spec, encoding="utf-8")
    os.utime(workdir / "kernel", (1, 1))
    assert _run(workdir, "image", "spec", "out.img") == (0, "")
    assert hashlib.sha256((workdir / "out.img").read_bytes()).hexdigest() == GOLDEN


def test_another_source_date_changes_only_times(workdir: Path) -> None:
    """SOURCE_DATE_EPOCH is the time of every file; without it all is of 1980."""
    _run(workdir, "image", "spec", "dated")
    _run(workdir, "image", "spec", "other", env={"SOURCE_DATE_EPOCH": "315532800"})
    subprocess.run([sys.executable, "-S", "-B", "-m", "disk", "image", "spec", "none"], cwd=workdir, env={}, check=True)
    dated, other, none = ((workdir / name).read_bytes() for name in ("dated", "other", "none"))
    assert other == none
    changed = {at % 32 for at, (a, b) in enumerate(zip(dated, other, strict=True)) if a != b}
    assert changed <= {14, 15, 16, 17, 18, 19, 22, 23, 24, 25}  # created, accessed, written in a directory entry


def test_headers_are_written(workdir: Path) -> None:
    """`header` writes the C header and the nasm include of the spec's layout."""
    assert _run(workdir, "header", "spec", "layout.h", "layout.inc") == (0, "")
    assert (workdir / "layout.h").read_text() == c_header(SPEC.layout)
    assert (workdir / "layout.inc").read_text() == nasm_include(SPEC.layout)


BAD = {
    "no arguments": ([], "arguments mean nothing", "none"),
    "an unknown word": (["imagine", "spec", "out"], "arguments mean nothing", "usage"),
    "one argument too few": (["header", "spec", "out"], "arguments mean nothing", "disk header SPEC OUT_H OUT_INC"),
    "a missing spec": (["image", "gone", "out"], "cannot be read or written", "gone"),
    "an output in no directory": (["image", "spec", "no/out"], "cannot be read or written", "no/out"),
    "a spec that is no text": (["image", "disk.bin", "out"], "is no UTF-8", "disk.bin"),
    "a spec with a mistake": (["image", "kernel", "out"], "no Python literal", "reason"),
    "a header of a bad layout": (["header", "bad", "a", "b"], "overlap", "shared  1 sectors"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_error_is_told_in_lines(workdir: Path, case: str) -> None:
    """An error is a headline and facts on stderr, status 2, and never a traceback."""
    (workdir / "disk.bin").write_bytes(b"\xff\xfe\0")
    clash = (Region("A", 0, 2), Region("B", 1, 1))
    (workdir / "bad").write_text(to_text(Spec(Layout(size=1024, regions=clash))), encoding="ascii")
    arguments, headline, told = BAD[case]
    status, stderr = _run(workdir, *arguments)
    assert status == 2
    assert stderr.startswith("error: ")
    assert headline in stderr.splitlines()[0]
    assert told in stderr
    assert "Traceback" not in stderr


def test_a_bad_source_date_is_an_error(workdir: Path) -> None:
    """A SOURCE_DATE_EPOCH that is no number is told, not guessed."""
    status, stderr = _run(workdir, "image", "spec", "out", env={"SOURCE_DATE_EPOCH": "today"})
    assert (status, stderr) == (2, "error: SOURCE_DATE_EPOCH is no number of seconds\n  value  'today'\n")
