"""Facts of a finished build: of its steps, what its images hold, and the packages of its tools with their licences."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bfbuild.digest import Digest, digest_bytes
from bfbuild.disk.layout import Partition
from bfbuild.disk.mbr import SECTOR
from bfbuild.errors import StoreError
from bfbuild.recipe.model import SANDBOX, Image, Recipe, Toolchain
from bfbuild.release.facts import MADE, Copyright, Disk, Facts, File, Identity, Level, Made, Package, Part, Tools
from bfbuild.release.licences import licences
from bfbuild.toolchain.lock import Lock, LockedPackage

if TYPE_CHECKING:
    from bfbuild.files import Files
    from bfbuild.realise import Step
    from bfbuild.recipe.graph import Graph
    from bfbuild.store import Store
    from bfbuild.toolchain.root import Toolchains

DOC = "usr/share/doc"
MOST_LINKS = 16
LEVELS: tuple[Level, ...] = ("unknown", "server", "boot", "remote", "proot", "bubblewrap")  # the lowest first


@dataclass(frozen=True, kw_only=True)
class Build:
    """A build that ended: what was asked for, what was decided, and where it all lies."""

    graph: Graph
    targets: tuple[Recipe, ...]
    steps: Sequence[Step]
    files: Files
    store: Store
    toolchains: Toolchains
    root: Path


def gather(build: Build, identity: Identity, files: Iterable[File]) -> Facts:
    """Return the facts of a release that has these files; unpacks toolchains where they are not.

    Raise LockError, FetchError or StoreError where a toolchain cannot be had.
    """
    closure = build.graph.closure(build.targets)
    wanted = {recipe.name for recipe in closure}
    steps = {step.recipe.name: step for step in build.steps if step.recipe.name in wanted}
    build.store.traces.catch_up()
    actions = tuple(_made(build, recipe, steps[recipe.name]) for recipe in closure if recipe.name in steps)
    used = dict.fromkeys([*(made.toolchain for made in actions), SANDBOX.name])
    recipes = [cast("Toolchain", build.graph.recipes[name]) for name in used]
    lock = Lock.load(build.toolchains.lock_path)
    toolchains = {recipe.name: _tools(build, lock, recipe) for recipe in recipes}
    images = [recipe for recipe in closure if isinstance(recipe, Image)]
    parts = tuple(part for image in images for part in _parts(build, image))
    return Facts(
        identity=identity,
        sandbox=min((made.sandbox for made in actions), key=LEVELS.index, default="unknown"),
        files=tuple(sorted(files)),
        disks=tuple(_disk(build, image, steps[image.name]) for image in images),
        parts=parts,
        actions=actions,
        toolchains=toolchains,
        packages=_packages(build, lock, recipes, {key for tools in toolchains.values() for key in tools.packages}),
        sha1=_sha1(build, parts, actions),
    )


def _made(build: Build, recipe: Recipe, step: Step) -> Made:
    description = step.action.description
    outputs = {name: build.files.made[name].digest for name in sorted(recipe.outputs)}
    ran = [
        trace.sandbox
        for trace in build.store.traces.of_action(step.action.digest, now=False)
        if trace.exit_code == 0 and trace.outputs == outputs
    ]
    toolchain: Toolchain = getattr(recipe, "toolchain", None) or cast("Image", recipe).layout.toolchain
    path = recipe.location.path
    place = path.relative_to(build.root) if path.is_relative_to(build.root) else Path(path.name)
    return Made(
        label=recipe.name,
        recipe=f"{place.as_posix()}:{recipe.location.line}",
        kind=step.action.request.kind,
        action=step.action.digest,
        arguments=description.arguments,
        environment=description.environment,
        inputs={place: file.digest for place, file in sorted(description.inputs.items())},
        outputs=outputs,
        toolchain=toolchain.name,
        sandbox=max(ran, key=LEVELS.index, default="unknown"),
    )


def _disk(build: Build, image: Image, step: Step) -> Disk:
    return Disk(
        image=image.name,
        digest=build.files.made[image.name].digest,
        time=int(step.action.description.environment.get("SOURCE_DATE_EPOCH", "0")),
        partitions=tuple(Partition(**partition.model_dump()) for partition in image.layout.partitions),
    )


def _parts(build: Build, image: Image) -> Iterator[Part]:
    layout = image.layout
    starts = {region.name: region.lba * SECTOR for region in layout.regions}
    starts |= {partition.name: partition.lba * SECTOR for partition in layout.partitions}
    content: list[tuple[str, str | None, Recipe | str]] = [(place, None, it) for place, it in image.content.items()]
    content += [(place, path, it) for place, files in image.files.items() for path, it in files.items()]
    for place, path, value in sorted(content, key=lambda each: (each[0], each[1] or "")):
        file = build.graph.file(value)
        digest = build.files.file(file).digest
        yield Part(image=image.name, place=place, path=path, offset=starts[place], made_of=file.place, digest=digest)


def _sha1(build: Build, parts: Iterable[Part], actions: Iterable[Made]) -> dict[Digest, str]:
    """SHA-1 of every part and source, from the store."""
    wanted = {part.digest for part in parts}
    wanted |= {digest for made in actions for place, digest in made.inputs.items() if not place.startswith(MADE)}
    return {
        digest: hashlib.sha1(build.store.cas.get_bytes(digest), usedforsecurity=False).hexdigest()
        for digest in sorted(wanted)
    }


def _tools(build: Build, lock: Lock, recipe: Toolchain) -> Tools:
    keys = {each.key for part in _layers(recipe) for each in _locked(lock, part)}
    return Tools(name=recipe.name, root=build.toolchains.plan(recipe).digest, packages=tuple(sorted(keys)))


def _layers(recipe: Toolchain) -> list[Toolchain]:
    """The toolchain, and the one that is its sysroot."""
    return [recipe, *([recipe.sysroot] if recipe.sysroot is not None else [])]


def _locked(lock: Lock, recipe: Toolchain) -> tuple[LockedPackage, ...]:
    return lock.closure(recipe.name, recipe.packages, dependencies=recipe.dependencies)


def _packages(build: Build, lock: Lock, recipes: Iterable[Toolchain], keys: set[str]) -> dict[str, Package]:
    """The packages by key; a copyright file that only links to another package's is looked for in all roots."""
    layers = {part.name: part for recipe in recipes for part in _layers(recipe)}
    roots = {name: build.toolchains.ensure(recipe) for name, recipe in layers.items()}
    homes: dict[str, list[Path]] = {}
    for name, recipe in layers.items():
        others = [root for other, root in roots.items() if other != name]
        for each in _locked(lock, recipe):
            homes.setdefault(each.key, [roots[name], *others])
    return {key: _package(lock.by_key[key], homes[key]) for key in sorted(keys)}


def _package(locked: LockedPackage, roots: Iterable[Path]) -> Package:
    return Package(
        name=locked.name,
        version=locked.version,
        architecture=locked.architecture,
        path=locked.path,
        digest=Digest(locked.sha256, locked.size),
        copyright=_copyright(locked.name, roots),
    )


def _copyright(package: str, roots: Iterable[Path]) -> Copyright | None:
    path = f"{DOC}/{package}/copyright"
    for root in roots:
        path = resolved(root, path)  # what a dangling link leads to may lie in the next root
        if (root / path).is_file():
            try:
                data = (root / path).read_bytes()
            except OSError as error:
                facts: list[tuple[str, object]] = [("file", root / path), ("reason", error.strerror)]
                raise StoreError("a copyright file cannot be read", facts=facts) from error
            found = licences(data.decode(errors="replace"), package)
            return Copyright(path=path, digest=digest_bytes(data), licences=found)
    return None


def resolved(root: Path, path: str) -> str:
    """Follow links as a program sees them whose root folder is `root`; the answer never leaves it."""
    done, left = "", path.split("/")
    for _ in range(MOST_LINKS):
        while left:
            step = posixpath.normpath(f"/{done}/{left.pop(0)}").lstrip("/")
            if (root / step).is_symlink():
                target = str((root / step).readlink())
                done = "" if target.startswith("/") else posixpath.dirname(step)
                left = [*target.split("/"), *left]
                break
            done = step
        else:
            return done
    return done
