"""The files of a release: the forms of its images, their figures, the archive, what describes and what vouches."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.commands.boot import Bootable
from bfbuild.commands.page import STYLE
from bfbuild.commands.releasing.plan import Plan, Released, phase
from bfbuild.digest import Digest, digest_file
from bfbuild.machine import qemu
from bfbuild.machine.boots import boots
from bfbuild.machine.figures import Bench, Benched, sizes_of
from bfbuild.recipe.model import Fetch, Run
from bfbuild.release import dist, formats, page, refusals
from bfbuild.release.attest import attest
from bfbuild.release.disturb import KINDS
from bfbuild.release.facts import Facts, File, Identity
from bfbuild.release.gather import Build, gather
from bfbuild.store import archive
from bfbuild.store.roots import Root, checkout_root_name

if TYPE_CHECKING:
    from bfbuild.commands.project import Project
    from bfbuild.machine.spec import BootSpec
    from bfbuild.machine.transcript import Transcript

TARGET = "release"  # whose closure `doit cache export release` writes


def fill(plan: Plan, stage: Path) -> dist.About:
    """Write all files of the release into a folder."""
    project = plan.project
    with phase("images"):
        for each in plan.released:
            _write_images(project, each, stage)
        shutil.copyfile(project.config.lock_path, stage / dist.LOCK)
    with phase("boots"):
        runs = [run for each in plan.released if (run := _booted(project, each, stage)) is not None]
    with phase("closure"):
        archive.write(project.store, _rooted(plan), stage / dist.CLOSURE, traces=False)
    with phase("documents"):
        about = dist.About(
            name=project.config.settings.project.name,
            version=plan.version,
            commit=plan.commit.hash,
            source_date_epoch=plan.commit.epoch,
            sandbox=project.sandbox.level,
            disturbed=KINDS,
            actions=len(project.steps),
            files=dist.listed(stage),
            figures=Bench(runs=tuple(runs)),
        )
        _write_documents(plan, about, stage)
    return about


def _write_images(project: Project, each: Released, stage: Path) -> None:
    for name, output in each.outputs.items():
        project.store.cas.copy_to(project.output(output).digest, stage / name, executable=False)
    raw = stage / f"{each.stem}.img"
    formats.write_qcow2(raw, raw.with_suffix(".qcow2"))
    formats.write_vdi(raw, raw.with_suffix(".vdi"))


class _Boot(Bootable):
    """The boot of an image that lies in a folder."""

    def __init__(self, project: Project, each: Released, run: Run, stage: Path) -> None:
        self.project, self.recipe, self._each, self._stage = project, run, each, stage

    @property
    def image(self) -> Path:
        """The disk."""
        return self._stage / f"{self._each.stem}.img"

    @property
    def elf(self) -> Path | None:
        """The program with its symbols."""
        return self._stage / f"{self._each.stem}.elf" if self._each.program is not None else None


class _NoFigures(Exception):  # noqa: N818  (an event: it booted)
    """A guest says nothing of itself, and need not."""


def _booted(project: Project, each: Released, stage: Path) -> Benched | None:
    """Return the figures of an image that somebody boots; raise MachineError where it does not boot as it should.

    When things happened is left out: a disk's answers come in the host's time.
    """
    if each.run is None:
        return None
    boot = _Boot(project, each, each.run, stage)

    def start(spec: BootSpec, which: str) -> Transcript:
        sys.stderr.write(f"release: boots {each.stem}{f', {which}' if which else ''}\n")
        transcript = qemu.boot(spec, boot.wrap).require_ok().transcript
        if not transcript.records:
            raise _NoFigures
        return transcript

    try:
        measured = boots(boot.spec("bench", deterministic=True), start)
    except _NoFigures:
        return None
    found = (each.model_copy(update={"events": (), "samples": ()}) for each in measured)
    return Benched(name=f"{each.stem}.img", sizes=sizes_of(boot.sizes()), boots=tuple(found))


def _rooted(plan: Plan) -> Root:
    """Keep all that the release is made of: its actions and its tools."""
    project = plan.project
    closure = project.graph.closure(plan.targets)
    roots = {tool.name: project.toolchains.plan(tool).digest for tool in plan.tools}
    found = {name: project.toolchains.unpacked_by(root) for name, root in roots.items()}
    root = Root(
        name=checkout_root_name(project.config.settings.project.name, plan.root, TARGET),
        target=TARGET,
        checkout=os.path.realpath(plan.root),
        made=time.time_ns(),
        actions={
            **{step.recipe.name: step.action.digest for step in project.steps},
            **{name: unpacking for name, unpacking in found.items() if unpacking is not None},
        },
        downloads=tuple(Digest(each.sha256, each.size) for each in closure if isinstance(each, Fetch)),
    )
    project.store.roots.put(root)
    return root


def _write_documents(plan: Plan, about: dist.About, stage: Path) -> None:
    """Write what describes the release, for programs and for people, and then what vouches for it all."""
    facts = _facts(plan, about, stage)
    (stage / dist.ABOUT).write_text(about.text(), encoding="ascii")
    (stage / "index.html").write_text(page.html(about, facts, STYLE), encoding="utf-8")
    signer = attest(stage, facts, plan.key, plan.keyless)
    if signer is not None:
        sys.stderr.write(f"release: keyless: signed by {signer.identity}, issuer {signer.issuer}\n")


def _facts(plan: Plan, about: dist.About, stage: Path) -> Facts:
    project = plan.project
    identity = Identity(
        name=about.name,
        version=about.version,
        commit=about.commit,
        epoch=about.source_date_epoch,
        lock=digest_file(stage / dist.LOCK),
    )
    outputs = {name: output for each in plan.released for name, output in each.outputs.items()}
    for each in plan.released:
        outputs |= {f"{each.stem}{form}": each.image.name for form in (".qcow2", ".vdi")}
    files = [
        File(name=name, digest=Digest(file.sha256, file.size), output=outputs.get(name))
        for name, file in about.files.items()
    ]
    build = Build(
        graph=project.graph,
        targets=tuple(plan.targets),
        steps=project.steps,
        files=project.files,
        store=project.store,
        toolchains=project.toolchains,
        root=plan.root,
    )
    facts = gather(build, identity, files)
    refusals.require_executed_here(facts.actions)
    return facts
