"""What is to be released: which commit and version, which images with which programs and boots, signed by whom."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bfbuild import config
from bfbuild.commands.project import Project
from bfbuild.errors import ReleaseError
from bfbuild.recipe.model import CLOCK, SANDBOX, Image, Recipe, Run, Toolchain
from bfbuild.release import dist, refusals
from bfbuild.release.keyless import Keyless
from bfbuild.release.signing import secret_key

if TYPE_CHECKING:
    from bfbuild.release.keys import SecretKey
    from bfbuild.release.refusals import Commit


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Say how long a part of the work took."""
    started = time.monotonic()
    yield
    sys.stderr.write(f"release: {name}: {time.monotonic() - started:.1f} s\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Released:
    """One image, with its program and the boot that measures it, where there are such."""

    image: Image
    run: Run | None
    program: Recipe | None

    @property
    def stem(self) -> str:
        """How its files in dist/ are called."""
        return self.image.name.removesuffix(".img").replace("/", "-")

    @property
    def outputs(self) -> dict[str, str]:
        """Files of dist/, and the outputs that they are."""
        outputs = {f"{self.stem}.img": self.image.name}
        for output in self.program.outputs if self.program is not None else ():
            outputs[f"{self.stem}.{'map' if output.endswith('.map') else 'elf'}"] = output
        return outputs


class Sigstore(NamedTuple):
    """A keyless signature is wanted; `config` names other services than the public ones."""

    config: Path | None


@dataclass(frozen=True)
class Plan:
    """What is released, of which project."""

    project: Project
    version: str
    commit: Commit
    released: tuple[Released, ...]
    environment: dict[str, str]  # what makes it this release and no other build
    key: SecretKey | None  # what signs it
    keyless: Keyless | None  # and what signs it besides

    @cached_property
    def targets(self) -> list[Recipe]:
        """All that must be built."""
        both = ((each.image, each.program) for each in self.released)
        return [target for pair in both for target in pair if target is not None]

    @cached_property
    def tools(self) -> list[Toolchain]:
        """What builds it, keeps that apart from the machine, disturbs it, and boots it."""
        closure = self.project.graph.closure(self.targets)
        boots = [each.run.toolchain for each in self.released if each.run is not None]
        return [SANDBOX, CLOCK, *boots, *(each for each in closure if isinstance(each, Toolchain))]

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.project.root


def _has_program_of(image: Image, others: list[Image]) -> bool:
    return any(image.content == other.content for other in others)


def plan_of(root: Path, version: str, sigstore: Sigstore | None) -> Plan:
    """Find out what is to be released; raise ReleaseError where that is no state of a repository, or nobody signs."""
    commit = refusals.committed(root, apart_from=dist.FOLDER)
    version = version or config.load(root).settings.project.version
    if not version or not re.fullmatch(config.VERSION, version):
        raise ReleaseError(
            "a release needs a version",
            facts=[("version", version or "none")],
            hint='`doit release --version 1.2.0`, or `version = "1.2.0"` in [project] of bareflow.toml',
        )
    environment = {
        "BAREFLOW_REMOTE": "off",  # nothing of a release is believed that was not made here
        "BAREFLOW_VERSION": f"{version}, commit {commit.hash}",
        "SOURCE_DATE_EPOCH": str(commit.epoch),
    }
    project = Project(root, {**os.environ, **environment})
    graph = project.graph
    runs = {recipe.image.name: recipe for recipe in reversed(graph.of_type(Run))}
    plain = [image for image in graph.of_type(Image) if image.default]
    images = [*plain, *(each for each in graph.of_type(Image) if each.warm and _has_program_of(each, plain))]
    if not images:
        raise project.nothing_to("release")
    released = []
    for image in images:
        run = runs.get(image.name)
        file = graph.file(run.elf) if run is not None and run.elf is not None else None
        released.append(Released(image, run, getattr(file, "recipe", None)))
    key = _key(project)
    return Plan(project, version, commit, tuple(released), environment, key, _keyless(sigstore, key))


def _key(project: Project) -> SecretKey | None:
    """Return the key that signs, asked for now, while somebody is there; None, loudly, where there is none."""
    path = project.config.secret_key
    if path.exists():
        return secret_key(path)
    project.progress.note(f"warning: there is no secret key ({path}): dist/ is not signed; `doit key create` makes one")
    return None


def _keyless(sigstore: Sigstore | None, key: SecretKey | None) -> Keyless | None:
    """Find out now whether somebody can sign keylessly, and not when all is built."""
    if sigstore is None:
        return None
    if key is None:
        raise ReleaseError(
            "a keyless signature stands beside that of a key, and there is no key",
            hint="`doit key create` makes one: the statements of provenance are signed by it",
        )
    return Keyless.ready(sigstore.config)
