"""`doit bench`: boots runs with counted instructions; prints what the guests measured, writes it, and compares it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.commands import bench_page
from bfbuild.commands.boot import Bootable
from bfbuild.commands.outputs import BUILD
from bfbuild.commands.project import Project
from bfbuild.errors import RecipeError
from bfbuild.machine import bench, qemu
from bfbuild.machine.boots import boots
from bfbuild.machine.figures import Bench, Benched, sizes_of
from bfbuild.recipe.model import Run

if TYPE_CHECKING:
    from bfbuild.machine.spec import BootSpec
    from bfbuild.machine.transcript import Transcript

PAGE = "bench.html"


def run(root: Path, name: str, *, json: str, compare: str, html: str) -> int:
    """Boot the runs, or the one of this name; print the tables, write them and their page, or compare them."""
    old = Bench.from_json(_text_of(Path(compare)), compare) if compare else None
    names = [name] if name else [recipe.name for recipe in Project(root).graph.of_type(Run)]
    bootables = [Bootable(root, each) for each in names or [""]]
    measured = Bench(runs=tuple(_measure(each) for each in bootables))
    sys.stdout.write(bench.render(measured))
    if old is not None:
        sys.stdout.write("\n" + bench.render_changes(bench.compare(old, measured)))
    if json:
        _write(Path(json), measured.to_json())
    page = Path(html) if html else root / BUILD / PAGE
    _write(page, bench_page.html(measured))
    sys.stdout.write(f"\n{page.relative_to(root) if page.is_relative_to(root) else page}\n")
    return 0


def _measure(bootable: Bootable) -> Benched:
    name, wrap = bootable.recipe.name, bootable.wrap

    def start(spec: BootSpec, which: str) -> Transcript:
        sys.stderr.write(f"bench: {name}{f', {which}' if which else ''}\n")
        return qemu.boot(spec, wrap).require_ok().transcript

    found = boots(bootable.spec("bench", deterministic=True), start)
    return Benched(name=name, sizes=sizes_of(bootable.sizes()), boots=found)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RecipeError("a file cannot be written", facts=[("file", path), ("why", error.strerror)]) from error


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError("a file cannot be read", facts=[("file", path), ("why", error.strerror)]) from error
