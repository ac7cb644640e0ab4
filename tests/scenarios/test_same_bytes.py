"""Equal projects give equal bytes: wherever they lie, whoever builds them, in whatever surroundings and sandbox."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.small import ACTIONS, Roots, Small

SURROUNDINGS: dict[str, tuple[int, dict[str, str]]] = {
    "another umask, zone, locale, home and one job": (
        0o077,
        {"TZ": "Asia/Tokyo", "LC_ALL": "tr_TR.UTF-8", "LANG": "C", "HOME": "/nowhere", "BAREFLOW_JOBS": "1"},
    ),
    "many jobs, hashes in another order, other tools first in PATH": (
        0o000,
        {
            "BAREFLOW_JOBS": "16",
            "PYTHONHASHSEED": "7",
            "PATH": f"/nowhere:{os.environ['PATH']}",
            "CPATH": "/usr/include",
        },
    ),
    "no namespaces": (0o022, {"BAREFLOW_SANDBOX": "proot"}),
}


@pytest.fixture(scope="module")
def right(built_small: Small) -> dict[str, str]:
    """The SHA-256 of what people get of a build, by name."""
    project = built_small.build()
    return {name: project.output(name).digest.hash for name in ("small.img", "kernel.elf", "layout.h")}


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_an_image_does_not_depend_on_its_surroundings(
    tmp_path: Path, repository: Path, roots: Roots, right: dict[str, str], surroundings: str
) -> None:
    """Built from nothing in a folder with another, odd name: the image, the program and the header are the same."""
    small = Small.make(tmp_path / "Größe 1 'and' $more", repository, roots)
    mask, environment = SURROUNDINGS[surroundings]
    before = os.umask(mask)
    try:
        done = small.doit("image", **environment)
    finally:
        os.umask(before)
    assert done.code == 0, done.err
    assert done.out == f"build/small.img  {right['small.img']}\n"
    built = small.build("kernel.elf", "layout")
    assert {name: built.output(name).digest.hash for name in ("kernel.elf", "layout.h")}.items() <= right.items()
    assert oct((small.root / "build/small.img").stat().st_mode & 0o777) == "0o644"
    assert sorted(trace.label for trace in small.traces()) == sorted(ACTIONS), "it was really built"
    loud = "warning: no user namespaces here: actions run under proot" in done.err
    degraded = environment.get("BAREFLOW_SANDBOX") == "proot"
    assert loud is degraded
    assert {trace.sandbox for trace in small.traces()} == {"proot" if degraded else "bubblewrap"}


def test_the_date_is_an_input(tmp_path: Path, repository: Path, roots: Roots, right: dict[str, str]) -> None:
    """SOURCE_DATE_EPOCH is what dates the files on the disk: another one makes another image, by new actions."""
    small = Small.make(tmp_path / "small", repository, roots)
    done = small.doit("image", SOURCE_DATE_EPOCH="1000000000")
    assert done.code == 0, done.err
    assert right["small.img"] not in done.out
    assert "SOURCE_DATE_EPOCH" not in small.doit("image", SOURCE_DATE_EPOCH="1000000000").err
    again = small.doit("image")
    assert right["small.img"] in again.out
    assert "(environment SOURCE_DATE_EPOCH changed)" in again.err
