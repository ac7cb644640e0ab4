"""A build with nothing to do: answered at once, and only when there is really nothing to do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bfbuild
from tests.small import ACTIONS, Finished, Roots, Small

HEAVY = ("pydantic", "google.protobuf", "yaml", "rich", "elftools", "filelock", "bfbuild.recipe", "bfbuild.store")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, repository: Path, roots: Roots, built_small: Small) -> Small:
    """A built project with a snapshot, and a copy of the package itself to touch."""
    small = built_small.copy(tmp_path_factory.mktemp("null") / "small", repository, roots)
    package = Path(bfbuild.__file__).parent
    shutil.copytree(package, small.root / "package/bfbuild", ignore=shutil.ignore_patterns("__pycache__"))
    assert image(small).code == 0
    assert not went_the_full_way(image(small))
    return small


def image(small: Small) -> Finished:
    """Run `doit image` with the copy of the package."""
    return small.doit("image", PYTHONPATH=str(small.root / "package"))


def went_the_full_way(done: Finished) -> bool:
    """Say whether recipes were read and all actions looked at."""
    assert done.code == 0, done.err
    looked_at = re.search(r"^(\d+) actions?:", done.err, re.MULTILINE)
    return looked_at is not None and int(looked_at[1]) >= len(ACTIONS)


def test_it_imports_nothing_heavy(watched: Small) -> None:
    """Neither pydantic nor protobuf nor the recipes are imported where the answer is known."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "doit", "image"],
        cwd=watched.root,
        env=watched.environment(PYTHONPATH=str(watched.root / "package")),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "bfbuild.snapshot" in imported
    assert [name for name in imported if name.startswith(HEAVY)] == []
    assert done.stdout.startswith("build/small.img  ")


def touch(path: str) -> Callable[[Small], object]:
    """Return a change: a file gets a new time, and nothing else."""
    return lambda small: os.utime(small.root / path)


CHANGES: dict[str, Callable[[Small], object]] = {
    "a recipe": touch("recipes/small.py"),
    "the lock": touch("bareflow.lock"),
    "the configuration": touch("bareflow.toml"),
    "the package": touch("package/bfbuild/digest.py"),
    "the disk writer in the package": touch("package/bfbuild/disk/mbr.py"),
    "the tasks": touch("dodo.py"),
    "a new file in a folder that is searched": lambda small: small.write("src/library/new.c", "int new;\n"),
    "that file gone again": lambda small: (small.root / "src/library/new.c").unlink(),
    "a new recipe": lambda small: small.write("recipes/zoo.py", "\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_noticed(watched: Small, change: str) -> None:
    """After any change the full way is gone, once; then the answer is known again."""
    CHANGES[change](watched)
    assert went_the_full_way(image(watched))
    assert not went_the_full_way(image(watched))


def test_a_header_that_would_be_found_first_is_noticed(watched: Small) -> None:
    """A file where the compiler would look first for a header, and nobody declared: noticed, and refused."""
    watched.write("src/library/kernel.h", "int twice(int);\n")
    assert "includes  src/library/kernel.h\n" in image(watched).err
    (watched.root / "src/library/kernel.h").unlink()
    assert image(watched).code == 0


@pytest.mark.parametrize("path", ["src/start.c", "src/kernel.h", "build/small.img"])
def test_a_new_time_alone_is_no_change(watched: Small, path: str) -> None:
    """A file with a new time and its old bytes needs no recipe and runs nothing; then the answer is known at once."""
    answer = image(watched).out
    os.utime(watched.root / path)
    for _ in range(2):
        done = image(watched)
        assert (done.out, done.err) == (answer, "")


def test_a_file_replaced_by_itself_is_no_change(watched: Small) -> None:
    """Editors write beside a file and rename: its folder has a new time then, and the same names."""
    path = watched.root / "src/library/twice.c"
    beside = path.with_suffix(".new")
    shutil.copy(path, beside)
    beside.rename(path)
    assert image(watched).err == ""


def test_a_lost_output_is_put_back(watched: Small) -> None:
    """An image that was deleted or overwritten is there again, and nothing ran for it."""
    path = watched.root / "build/small.img"
    right = path.read_bytes()
    path.unlink()
    assert image(watched).err == ""
    assert path.read_bytes() == right
    path.write_bytes(b"not this")
    assert image(watched).err == ""
    assert path.read_bytes() == right


def test_an_error_is_told_again_and_again(watched: Small) -> None:
    """Only success changes what is known; the error undone, it is known still."""
    answer = image(watched).out
    watched.edit("src/start.c", "return", "retrun")
    assert [image(watched).code, image(watched).code] == [1, 1]
    watched.edit("src/start.c", "retrun", "return")
    done = image(watched)
    assert (done.out, done.err) == (answer, "")
