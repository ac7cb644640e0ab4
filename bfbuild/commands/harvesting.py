"""A boot is another builder: what a guest made of requests is kept in the store, what it measured in a profile.

Boots of a run with a profile write to a copy of the image, which is thrown away after artifacts were taken from it. An
artifact is filed as the result of the action that makes the same on this machine, and never in place of one that is
there: two different answers to one request mean that guest and host are not equal, and that is an error.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.action import optimize
from bfbuild.action.action import OUT, Action, InputFile, make_action
from bfbuild.digest import Digest
from bfbuild.errors import BareflowError, MachineError
from bfbuild.machine.harvest import Artifact, harvest, recorded
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.recipe.graph import Output
from bfbuild.recipe.model import SANDBOX, Optimize
from bfbuild.recipe.profile import Profile, label, version
from bfbuild.store.disk import disk_errors
from bfbuild.store.lookup import StoreLookup
from bfbuild.store.trace import BOOT, Reason, Trace

if TYPE_CHECKING:
    from bfbuild.commands.project import Project
    from bfbuild.recipe.model import Run

BOOTED = "made by a boot of"


@contextmanager
def writable(project: Project, run: Run, own: Path | None) -> Iterator[Path | None]:
    """Give the disk that a boot of `run` may write to: `own`, or a copy for now where it has a profile, or None."""
    if own is not None or run.profile is None:
        yield own
        return
    with project.store.scratch.folder() as folder:
        disk = folder / "disk.img"
        image = project.output(run.image.name)
        project.store.cas.copy_to(image.digest, disk, executable=False)
        yield disk


def on_disk(project: Project, run: Run) -> list[Output]:
    """Return the outputs of recipes that lie as files on the disk of a run."""
    inputs = [each for files in run.image.files.values() for each in files.values()]
    return [file for file in map(project.graph.file, inputs) if isinstance(file, Output)]


def learn(project: Project, run: Run, disk: Path, *, exact: bool) -> None:
    """Take over what guests left on the disk, and say so; `exact` figures come out the same in each boot.

    Raise MachineError where the store has another answer to one of the requests.
    """
    files = _Files(project, run)
    known: dict[str, list[Artifact]] = {}
    wrong: list[BareflowError] = []
    for artifact in harvest(disk):
        name = files.name_of(artifact)
        if name is None:
            _say(artifact, "is left out: its compiler or bitcode is not of this image")
            continue
        known.setdefault(name, []).append(artifact)
        became = f"{artifact.before:,} -> {artifact.after:,} cycles" if artifact.object else "no faster code"
        _say(artifact, became)
        try:
            if artifact.object:
                _file_result(project, files, artifact)
        except MachineError as error:
            wrong.append(error)
    project.store.sync()
    if wrong:
        raise wrong[0]
    if run.profile is not None:
        _record(project.root / run.profile, known, exact=exact)


def _say(artifact: Artifact, words: str) -> None:
    sys.stderr.write(f"kept  {artifact.key[:12]}  {artifact.function} ({version(artifact.lines)})  {words}\n")


@dataclass
class _Files:
    """What lies on the disk of a run, by content."""

    project: Project
    run: Run

    @cached_property
    def by_hash(self) -> dict[str, tuple[str, InputFile]]:
        """SHA-256 -> name of the output, and what it is."""
        found = [(output.name, self.project.output(output.name)) for output in on_disk(self.project, self.run)]
        return {file.digest.hash: (name, file) for name, file in found}

    def name_of(self, artifact: Artifact) -> str | None:
        """The name of an artifact's bitcode, None where that or its compiler is not on this disk."""
        if artifact.compiler not in self.by_hash or artifact.bitcode not in self.by_hash:
            return None
        return self.by_hash[artifact.bitcode][0]

    def action(self, artifact: Artifact) -> Action:
        """The action that makes what a guest made."""
        name, bitcode = self.by_hash[artifact.bitcode]
        _, compiler = self.by_hash[artifact.compiler]
        called = label(name, artifact.lines)
        recipe = self.project.graph.recipes.get(called)
        places = {optimize.COMPILER: compiler, optimize.BITCODE: bitcode}
        inputs = {**places, optimize.REQUEST: self.project.files.data(artifact.request)}
        names = dict(zip(optimize.OUTPUTS, (f"{called}.o", f"{called}.bc"), strict=True))
        where = recipe.location if isinstance(recipe, Optimize) else self.run.location
        request = optimize.asked(called, where, inputs, names)
        tree = self.project.toolchains.plan(SANDBOX)
        return make_action(request, tree, self.project.config.source_date_epoch)


def _file_result(project: Project, files: _Files, artifact: Artifact) -> None:
    """Put an artifact's object and bitcode into the store as the result of their action."""
    store, action = project.store, files.action(artifact)
    started = time.time_ns()
    with store.action_lock(action.digest):
        with store.cas.batch() as batch:
            made = [batch.put_bytes(data) for data in (artifact.object, artifact.optimized)]
        try:
            there = store.results.get(action.digest)
        except StoreLookup:
            there = None  # damaged: this one takes its place
        if there is not None:
            _compare(artifact, action, there, made)
            return
        project.files.keep(action)
        outputs = dict(zip(optimize.OUTPUTS, made, strict=True))
        store.traces.record(_trace(project, files.run, action, outputs, started))
        result = api.ActionResult(
            output_files=[
                api.OutputFile(path=f"{OUT}/{name}", digest=digest.to_message()) for name, digest in outputs.items()
            ]
        )
        store.results.adopt(action.digest, result)  # unsigned: a guest made it, and nobody here vouches for that


def _compare(artifact: Artifact, action: Action, there: api.ActionResult, made: Sequence[Digest]) -> None:
    """Raise MachineError where the store's answer to a request is another one."""
    recorded_ones = {output.path: Digest.of_message(output.digest) for output in there.output_files}
    for name, digest in zip(optimize.OUTPUTS, made, strict=True):
        other = recorded_ones.get(f"{OUT}/{name}")
        if other != digest:
            raise MachineError(
                "guest and host are not equal: they give two answers to one request",
                facts=[
                    ("function", artifact.function),
                    ("key", artifact.key),
                    ("output", name),
                    ("store", other or "nothing"),
                    ("guest", digest),
                    ("action", action.digest),
                ],
                hint=f"`doit cache ir validate {artifact.key[:12]}` compiles it anew and says which of them is right",
            )


def _trace(project: Project, run: Run, action: Action, outputs: dict[str, Digest], started: int) -> Trace:
    request, nothing = action.request, project.store.cas.put_bytes(b"")
    path, root = request.location.path, project.root
    return Trace(
        label=request.label,
        recipe=str(path.relative_to(root)) if path.is_relative_to(root) else path.name,
        line=request.location.line,
        kind=request.kind,
        action=action.digest,
        command=" ".join(request.argv),
        reason=Reason(text=f"{BOOTED} {run.image.name}"),
        toolchain=action.description.toolchain,
        sandbox=BOOT,
        started=started,
        duration=0,
        exit_code=0,
        stdout=nothing,
        stderr=nothing,
        outputs={request.name(place): digest for place, digest in outputs.items()},
    )


def _record(path: Path, found: dict[str, list[Artifact]], *, exact: bool) -> None:
    """Write the profile, where there is something new in it."""
    with disk_errors("record a profile", path):
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        profile = Profile.from_text(old, str(path)) if old else Profile()
        text = recorded(profile, found, exact=exact).to_text()
        if found and text != old:
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
            sys.stderr.write(f"recorded  {path.name}: `doit image:warm` makes a disk of it\n")
