"""`doit bench`: boots runs with counted instructions; prints what the guests measured, writes it, and compares it.

With `--native` it runs their twins instead, on the real processor.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.commands import bench_page
from bfbuild.commands.boot import Bootable
from bfbuild.commands.harvesting import learn
from bfbuild.commands.outputs import BUILD
from bfbuild.commands.project import Project
from bfbuild.errors import MachineError, RecipeError
from bfbuild.machine import bench, native, qemu
from bfbuild.machine.boots import WARM, boots
from bfbuild.machine.figures import Bench, Benched, Clock, sizes_of
from bfbuild.recipe.model import Run

if TYPE_CHECKING:
    from bfbuild.machine.spec import BootSpec
    from bfbuild.machine.transcript import Transcript

PAGE = "bench.html"


def run(root: Path, name: str, *, native: bool, json: str, compare: str, html: str) -> int:
    """Boot the runs, or the one of this name; print the tables, write them and their page, or compare them."""
    clock: Clock = "processor" if native else "instructions"
    old = _older(compare, clock) if compare else None
    names = (
        [name]
        if name
        else [each.name for each in Project(root).graph.of_type(Run) if each.image.default and not each.image.warm]
    )
    bootables = [Bootable(root, each) for each in names or [""]]
    measure = _measure_twin if native else _measure
    measured = Bench(clock=clock, runs=tuple(measure(each) for each in bootables))
    sys.stdout.write(bench.render(measured))
    if old is not None:
        sys.stdout.write("\n" + bench.render_changes(bench.compare(old, measured)))
    if json:
        _write(Path(json), measured.to_json())
    page = Path(html) if html else root / BUILD / PAGE
    _write(page, bench_page.html(measured))
    sys.stdout.write(f"\n{page.relative_to(root) if page.is_relative_to(root) else page}\n")
    return 0


def _older(path: str, clock: Clock) -> Bench:
    """Read an earlier bench; raise MachineError for one whose cycles are others."""
    old = Bench.from_json(_text_of(Path(path)), path)
    if old.clock != clock:
        raise MachineError(
            "these benches cannot be compared",
            facts=[("file", path), ("counts by", old.clock), ("wanted", clock)],
            hint="both with --native, or both without",
        )
    return old


def _measure(bootable: Bootable) -> Benched:
    name, wrap = bootable.recipe.name, bootable.wrap

    def start(spec: BootSpec, which: str) -> Transcript:
        sys.stderr.write(f"bench: {name}{f', {which}' if which else ''}\n")
        transcript = qemu.boot(spec, wrap).require_ok().transcript
        if which == WARM and bootable.recipe.profile is not None:  # the disk has what both boots found out
            learn(bootable.project, bootable.recipe, spec.image, exact=True)
        return transcript

    found = boots(bootable.spec("bench", deterministic=True), start)
    return Benched(name=name, sizes=sizes_of(bootable.sizes()), boots=found)


def _measure_twin(bootable: Bootable) -> Benched:
    name = bootable.recipe.name

    def tell(what: str) -> None:
        sys.stderr.write(f"bench: {name}, {what}\n")

    found = native.measure(bootable.spec("bench"), bootable.twin(), tell)
    return Benched(
        name=name,
        sizes=sizes_of(bootable.sizes()),
        boots=found.boots,
        cycles_per_ms=found.cycles_per_ms,
        notes=native.notes(found),
    )


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
