"""The facts of a release: what all documents about it are made from, and nothing else is.

Facts are plain values. Nothing in them tells when or where a build ran: equal commits have equal facts, so documents
made from them are equal bytes. gather.py fills them from a finished build.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from bfbuild.digest import ActionDigest, Digest
from bfbuild.disk.layout import Partition

MADE = "build/"  # how an action names an input that another action made
Level = Literal["bubblewrap", "proot", "remote", "server", "boot", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which release this is. `epoch` is SOURCE_DATE_EPOCH, `lock` the digest of bareflow.lock."""

    name: str
    version: str
    commit: str
    epoch: int
    lock: Digest


@dataclass(frozen=True, order=True, kw_only=True)
class File:
    """A file of dist/. `output` is the output that it is, or is another form of; None for what only describes."""

    name: str
    digest: Digest
    output: str | None = None


@dataclass(frozen=True, order=True, kw_only=True)
class Part:
    """A file inside an image: it fills a place of the disk, or lies at `path` on the file system in that place."""

    image: str  # the output
    place: str
    path: str | None
    offset: int  # of the place, in bytes of the image
    made_of: str  # a source's path, or `build/NAME` of an output
    digest: Digest


@dataclass(frozen=True, kw_only=True)
class Disk:
    """An image as a whole: with its files, these numbers make each of its bytes. `time` is that of its file systems."""

    image: str  # the output
    digest: Digest
    time: int
    partitions: tuple[Partition, ...]


@dataclass(frozen=True, kw_only=True)
class Made:
    """An action that the release needs. `inputs` are by path in the action, `outputs` by name."""

    label: str
    recipe: str  # file:line, relative to the project
    kind: str
    action: ActionDigest
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    inputs: Mapping[str, Digest]
    outputs: Mapping[str, Digest]
    toolchain: str
    sandbox: Level  # the best in which it came out so: "boot" where only a guest did, "unknown" with nothing on record


@dataclass(frozen=True, kw_only=True)
class Copyright:
    """A package's copyright file: its path in the toolchain's root, its bytes, and what it says as SPDX has it."""

    path: str
    digest: Digest
    licences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Package:
    """A locked Debian package. `copyright` is None where it ships no such file."""

    name: str
    version: str
    architecture: str
    path: str  # below a mirror's base
    digest: Digest
    copyright: Copyright | None

    @property
    def key(self) -> str:
        """As the lock names it."""
        return f"{self.name}:{self.architecture}"

    @property
    def purl(self) -> str:
        """As everybody else does."""
        return f"pkg:deb/debian/{quote(self.name)}@{quote(self.version, safe=':')}?arch={self.architecture}"


@dataclass(frozen=True, kw_only=True)
class Tools:
    """A toolchain: the digest of its root, and the keys of the packages in it, those of a sysroot among them."""

    name: str
    root: Digest
    packages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All of it. `files` are what is vouched for: a document about the release can be added once it is made."""

    identity: Identity
    sandbox: Level  # the lowest of all actions
    files: tuple[File, ...]
    disks: tuple[Disk, ...]
    parts: tuple[Part, ...]
    actions: tuple[Made, ...]  # each after those that it needs
    toolchains: Mapping[str, Tools]
    packages: Mapping[str, Package]  # by key
    sha1: Mapping[Digest, str]  # of parts and sources, because SPDX wants it

    def shipped(self, output: str) -> str:
        """The name in dist/ of an output that is there as it is; its own name where it is not."""
        made = next((made.outputs[output] for made in self.actions if output in made.outputs), None)
        return next((file.name for file in self.files if file.output == output and file.digest == made), output)

    def behind(self, places: Iterable[str]) -> tuple[Made, ...]:
        """Return the actions that inputs (`build/NAME`) come from, in order; sources come from none."""
        wanted = {place.removeprefix(MADE) for place in places if place.startswith(MADE)}
        found = []
        for made in reversed(self.actions):
            if not wanted.isdisjoint(made.outputs):
                found.append(made)
                wanted |= {place.removeprefix(MADE) for place in made.inputs if place.startswith(MADE)}
        return tuple(reversed(found))

    def sources(self, places: Iterable[str]) -> dict[str, Digest]:
        """Return the sources that inputs are or come from, by path."""
        places = list(places)
        own = {part.made_of: part.digest for part in self.parts if part.made_of in places}
        used = [own, *(made.inputs for made in self.behind(places))]
        return {path: digest for inputs in used for path, digest in sorted(inputs.items()) if not path.startswith(MADE)}

    def tools(self, places: Iterable[str]) -> tuple[str, ...]:
        """Return the names of the toolchains whose programs made inputs and what they come from."""
        return tuple(sorted({made.toolchain for made in self.behind(places)}))
