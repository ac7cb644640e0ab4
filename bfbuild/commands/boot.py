"""Boots for people: `doit run`, `doit debug`. Each builds first what it boots."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.commands.build import build
from bfbuild.commands.harvesting import learn, writable
from bfbuild.commands.outputs import BUILD
from bfbuild.commands.project import Project
from bfbuild.disk import mbr
from bfbuild.disk.faults import DiskError
from bfbuild.errors import MachineError, RecipeError, nearest
from bfbuild.machine.spec import BootSpec
from bfbuild.recipe.model import Run

if TYPE_CHECKING:
    from bfbuild.execute.sandbox import Bind
    from bfbuild.machine.spec import Mode, Wrap

RECORD = "@bf "


class Bootable:
    """A run of a project, built and ready to start."""

    def __init__(self, root: Path, name: str) -> None:
        self.project = Project(root)
        self.recipe = _chosen(self.project, name)
        elf = (self.recipe.elf,) if self.recipe.elf is not None else ()
        wanted = [self.recipe, *(self.project.graph.file(each).recipe for each in elf)]  # type: ignore[union-attr]
        build(self.project, wanted)

    @property
    def image(self) -> Path:
        """The disk, in build/."""
        return self.project.root / BUILD / self.recipe.image.name

    @property
    def elf(self) -> Path | None:
        """The program with its symbols, in build/."""
        return None if self.recipe.elf is None else self.project.root / self.project.graph.file(self.recipe.elf).place

    def twin(self) -> Path:
        """The app as a program for Linux, built now; raise RecipeError where the run has none."""
        twin = self.recipe.twin
        if twin is None:
            raise RecipeError(
                "this run has no twin",
                facts=[("run", self.recipe.name)],
                location=self.recipe.location,
                hint="a recipe gives it one: Run(..., twin=twin(...)), as recipes/demo.py does",
            )
        build(self.project, [twin])
        return self.project.root / BUILD / twin.name

    def spec(
        self, mode: Mode | None, *, args: str = "", deterministic: bool = False, disk: Path | None = None
    ) -> BootSpec:
        """What to start; with a `disk` that instead of the image, and what the guest writes stays on it."""
        return BootSpec(
            image=self.image if disk is None else disk,
            writable=disk is not None,
            memory_mib=self.recipe.memory >> 20,
            cpu=self.recipe.cpu,
            mode=mode,
            args=args,
            deterministic=deterministic,
            timeout_s=float(self.recipe.timeout),
            silence_s=float(self.recipe.silence),
        )

    @property
    def wrap(self) -> Wrap:
        """How QEMU is started: in the sandbox, over its own toolchain."""
        sandbox, root = self.project.sandbox, self.project.toolchains.ensure(self.recipe.toolchain)

        def wrap(argv: Sequence[str], binds: Sequence[Bind]) -> list[str]:
            return sandbox.wrap(argv, binds, root)

        return wrap

    def sizes(self) -> dict[str, int]:
        """Bytes of what lies on the disk by region, and of the program's sections."""
        from bfbuild.commands.info import section_sizes  # noqa: PLC0415  (reads ELF: only a bench does)

        graph = self.project.graph
        regions = {
            name.lower(): self.project.files.file(graph.file(value)).digest.size
            for name, value in self.recipe.image.content.items()
        }
        sections = section_sizes(self.elf) if self.elf is not None else {}
        return regions | {f"section {name}": size for name, size in sections.items()}


def run(root: Path, name: str, *, interactive: bool, screenshot: str, disk: str, args: str = "") -> int:
    """Boot, show what the guest says, and judge it."""
    from bfbuild.machine import qemu, screen  # noqa: PLC0415

    bootable = Bootable(root, name)
    own = _own_disk(Path(disk), bootable.image) if disk else None
    if interactive:
        return qemu.interactive(bootable.spec(None, args=args, disk=own), bootable.wrap)
    if screenshot:
        screen.screenshot(bootable.spec(None, args=args, deterministic=True, disk=own), bootable.wrap, Path(screenshot))
        sys.stdout.write(f"{screenshot}\n")
        return 0
    with writable(bootable.project, bootable.recipe, own) as kept:
        shown = _Shown()
        ended = qemu.boot(bootable.spec("run", args=args, disk=kept), bootable.wrap, shown.line, shown.part)
        ended.require_ok()
        first = f", the app's first line after {ended.ready_s:.2f} s" if ended.ready_s is not None else ""
        sys.stderr.write(f"{bootable.recipe.name}: {ended.verdict.value}, {ended.duration_s:.2f} s{first}\n")
        if kept is not None:
            learn(bootable.project, bootable.recipe, kept, exact=False)
    return 0


def _own_disk(disk: Path, image: Path) -> Path:
    """Copy the image to `disk` where there is none yet; raise MachineError for one that another program is on."""
    try:
        if not disk.exists():
            shutil.copyfile(image, disk)
        with image.open("rb") as built, disk.open("rb") as ours:
            size = _before_partitions(built.read(mbr.SECTOR))
            built.seek(0)
            if ours.read(size) == built.read(size):
                return disk
    except OSError as error:
        facts = [("disk", disk), ("why", error.strerror)]
        raise MachineError("a disk of one's own cannot be used", facts=facts) from error
    raise MachineError(
        "this disk was made from another image",
        facts=[("disk", disk), ("image", image)],
        hint="remove it, or name another one: it is made anew from the image",
    )


def _before_partitions(sector: bytes) -> int:
    """How many bytes of a disk lie before its partitions, by its first sector: loader and program."""
    try:
        return min((entry.lba for entry in mbr.parse(sector).entries), default=1) * mbr.SECTOR
    except DiskError:
        return mbr.SECTOR


def debug(root: Path, name: str, *, port: int) -> int:
    """Start the guest stopped, and say how to reach it."""
    from bfbuild.machine import debugger  # noqa: PLC0415

    bootable = Bootable(root, name)
    symbols = f" {bootable.elf.relative_to(root)}" if bootable.elf is not None else ""
    sys.stderr.write(
        f"waiting for gdb; in another terminal:  gdb{symbols} -ex 'target remote 127.0.0.1:{port}'\n"
        "this terminal is the guest's serial port; Ctrl-A X leaves\n"
    )
    return debugger.debug(bootable.spec(None), bootable.wrap, port)


def _chosen(project: Project, name: str) -> Run:
    runs = {recipe.name: recipe for recipe in project.graph.of_type(Run)}
    if name and name not in runs:
        guess = nearest(name, runs)
        raise RecipeError(
            "no run has this name", facts=[("wanted", name), ("nearest" if guess else "runs", guess or ", ".join(runs))]
        )
    if not runs:
        raise project.nothing_to("run")
    return runs[name] if name else next((run for run in runs.values() if run.image.default), next(iter(runs.values())))


class _Shown:
    """Shows what a guest says as it comes, but for its records."""

    def __init__(self) -> None:
        self.begun = ""  # what was shown of the line that is not complete

    def line(self, line: str) -> None:
        """Show a line, or the rest of it."""
        if not line.startswith(RECORD):
            rest = line[len(self.begun) :] if line.startswith(self.begun) else f"\n{line}"
            self._write(f"{rest}\n")
        self.begun = ""

    def part(self, begun: str) -> None:
        """Show what there is of the next line, unless it may become a record."""
        if not begun.startswith(RECORD[: len(begun)]) and begun.startswith(self.begun):
            self._write(begun[len(self.begun) :])
            self.begun = begun

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
