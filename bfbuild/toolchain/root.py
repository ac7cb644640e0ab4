"""A toolchain's root: known from the lock, fetched and unpacked only when a tool must run.

Unpacking is an action like any other: its description names the locked packages, so its key follows from the lock
alone, and its recorded result is the root's digest. With that result in the store a build of nothing but hits needs
neither the packages nor the unpacked tree, which is derived and may be deleted at any time.

A toolchain with a sysroot is two such roots, one seen in the other: joining their Directories takes no action, and
joining the folders links their files.
"""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bfbuild.action.action import Tree
from bfbuild.digest import ActionDigest, Digest, canonical, digest_bytes, digest_file
from bfbuild.errors import StoreError
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.store.cas import Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bfbuild.recipe.model import Toolchain
    from bfbuild.store import Store
    from bfbuild.toolchain.lock import Lock, LockedPackage
    from bfbuild.toolchain.unpack import Root

SYSROOT = "sysroot"  # below the root, as the action sees it
UNPACKER = "bfbuild-unpack-1"  # raise the number when equal packages would unpack to another root


class Events(Protocol):
    """Is told of what takes long."""

    def transfer(self, what: str, done: int, total: int) -> None:
        """So many of so many bytes are done."""


@dataclass
class Toolchains:
    """The roots of one project's toolchains. Safe to use from several threads."""

    store: Store
    lock_path: Path
    configured_mirrors: tuple[str, ...]
    events: Events
    _trees: dict[str, Tree] = field(default_factory=dict)
    _lock: Lock | None = None
    _guard: threading.RLock = field(default_factory=threading.RLock)

    def plan(self, recipe: Toolchain) -> Tree:
        """Return the root's digest and Directory, unpacking only if no one ever did."""
        with self._guard:
            if recipe.name not in self._trees:
                tree = self._own(recipe)
                self._trees[recipe.name] = _joined(tree, self.plan(recipe.sysroot)) if recipe.sysroot else tree
            return self._trees[recipe.name]

    def _planned(self, recipe: Toolchain) -> Digest:
        """Return the root that is on record for this lock as it lies there, which saves reading it; or read it."""
        planning = _planning(self.lock_path, recipe)
        digest = self._recorded(planning)
        if digest is None:
            packages = self._packages(recipe)
            digest = self._recorded(_unpacking(packages).action) or self._unpacked(recipe, packages)
            with suppress(StoreError):  # a shortcut for the next time, where it can be written
                self.store.results.put(planning, _root_result(digest))
        return digest

    def planned(self) -> Sequence[Tree]:
        """Return all roots that were planned by now."""
        with self._guard:
            return tuple(self._trees.values())

    def ensure(self, recipe: Toolchain) -> Path:
        """Return the folder in which the root is unpacked."""
        with self._guard:
            path = self.store.tree_path(self.plan(recipe).digest)
            if path.is_dir():
                return path
            if recipe.sysroot is None:
                self._unpacked(recipe, self._packages(recipe))
                return path
            own = self.store.tree_path(self._own(recipe).digest)
            if not own.is_dir():
                self._unpacked(recipe, self._packages(recipe))
            sysroot = self.ensure(recipe.sysroot)
            return self.store.add_tree(self.plan(recipe).digest, lambda target: _join(own, sysroot, target))

    def _own(self, recipe: Toolchain) -> Tree:
        """The root of the recipe's own packages."""
        digest = self._planned(recipe)
        return Tree(digest, api.Directory.FromString(self.store.cas.get_bytes(digest)))

    def _packages(self, recipe: Toolchain) -> tuple[LockedPackage, ...]:
        from bfbuild.toolchain.lock import Lock  # noqa: PLC0415  (for whoever lacks a root)

        if self._lock is None:
            self._lock = Lock.load(self.lock_path)
        return self._lock.closure(recipe.name, recipe.packages, dependencies=recipe.dependencies)

    def _recorded(self, action: ActionDigest) -> Digest | None:
        """Return the recorded root where it and its Directory are whole."""
        try:
            result = self.store.results.get(action)
        except StoreError:
            return None
        if result is None or len(result.output_directories) != 1:
            return None
        digest = Digest.of_message(result.output_directories[0].root_directory_digest)
        return digest if self.store.cas.state(digest).presence is Presence.PRESENT else None

    def _unpacked(self, recipe: Toolchain, packages: Sequence[LockedPackage]) -> Digest:
        """Fetch what is missing, unpack, and record the root."""
        from bfbuild.toolchain.unpack import unpack  # noqa: PLC0415  (for whoever lacks a root)

        unpacking = _unpacking(packages)
        with self.store.tree_lock(unpacking.action.hash):
            digest = self._recorded(unpacking.action)
            if digest is not None and self.store.tree_path(digest).is_dir():
                return digest  # another build was faster
            self._fetch(recipe, packages)
            with self.store.scratch.folder() as folder:
                debs = [self._deb(package, folder / "debs") for package in packages]
                (folder / "root").mkdir()
                root = unpack(debs, folder / "root", self._tell(f"unpack {recipe.name}"))
                self._keep(unpacking, root)
                self.store.add_tree(root.digest, lambda target: _move(folder / "root", target))
            return root.digest

    def _fetch(self, recipe: Toolchain, packages: Sequence[LockedPackage]) -> None:
        from urllib.parse import quote  # noqa: PLC0415  (for whoever lacks a root)

        from bfbuild.toolchain.debian import mirrors  # noqa: PLC0415  (for whoever lacks a root)
        from bfbuild.toolchain.fetch import Wanted, fetch_all  # noqa: PLC0415  (for whoever lacks a root)
        from bfbuild.toolchain.proxy import opener  # noqa: PLC0415  (for whoever lacks a root)

        cas = self.store.cas
        missing = [each for each in packages if cas.state(_digest(each)).presence is not Presence.PRESENT]
        if not missing:
            return
        bases = mirrors(self.configured_mirrors)
        dates = ", ".join(sorted(set(self._lock.archive.values()))) if self._lock else ""
        hint = (
            "`doit lock` resolves the toolchains anew; or set BAREFLOW_DEBIAN_MIRROR to a dated snapshot of the archive"
            f" (this lock was made from that of {dates})"
        )
        wanted = [
            Wanted(
                name=f"{each.name} {each.version} ({each.path})",
                urls=tuple(f"{base.rstrip('/')}/{quote(each.path)}" for base in bases),
                sha256=each.sha256,
                size=each.size,
                hint=hint,
            )
            for each in missing
        ]
        with self.store.scratch.folder() as folder:
            paths = fetch_all(wanted, folder, self._tell(f"fetch {recipe.name}"), opener())
            with cas.batch() as batch:
                for path in paths.values():
                    batch.put_file(path)

    def _deb(self, package: LockedPackage, folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        path = folder / Path(package.path).name
        self.store.cas.copy_to(_digest(package), path, executable=False, link=True)
        return path

    def _keep(self, unpacking: _Unpacking, root: Root) -> None:
        with self.store.cas.batch() as batch:
            for data in [*unpacking.blobs, *root.directories.values()]:
                batch.put_bytes(data)
        self.store.results.put(unpacking.action, _root_result(root.digest))

    def _tell(self, what: str) -> Callable[[int, int], None]:
        return lambda done, total: self.events.transfer(what, done, total)


def _root_result(root: Digest) -> api.ActionResult:
    folder = api.OutputDirectory(path="root", root_directory_digest=root.to_message())
    return api.ActionResult(output_directories=[folder])


def _planning(lock: Path, recipe: Toolchain) -> ActionDigest:
    """The key of "this toolchain of this lock": equal bytes of the lock have equal roots."""
    try:
        content = digest_file(lock)
    except OSError:
        content = digest_bytes(b"")  # reading it will say what is wrong
    packages = " ".join(recipe.packages)
    name = digest_bytes(f"{UNPACKER} {content} {recipe.name} {packages} {recipe.dependencies}".encode())
    return ActionDigest(name.hash, name.size)


@dataclass(frozen=True)
class _Unpacking:
    """The description of an unpacking: its key and its messages."""

    action: ActionDigest
    blobs: tuple[bytes, ...]


def _unpacking(packages: Sequence[LockedPackage]) -> _Unpacking:
    names = sorted(packages, key=lambda each: Path(each.path).name)
    folder = canonical(
        api.Directory(files=[api.FileNode(name=Path(p.path).name, digest=_digest(p).to_message()) for p in names])
    )
    command = canonical(api.Command(arguments=[UNPACKER], output_paths=["root"]))
    action = canonical(
        api.Action(
            command_digest=digest_bytes(command).to_message(), input_root_digest=digest_bytes(folder).to_message()
        )
    )
    name = digest_bytes(action)
    return _Unpacking(ActionDigest(name.hash, name.size), (folder, command, action))


def _joined(tree: Tree, sysroot: Tree) -> Tree:
    """Return the root that also has another one, at `SYSROOT`."""
    root = api.Directory()
    root.CopyFrom(tree.root)
    root.directories.add(name=SYSROOT, digest=sysroot.digest.to_message())
    root.directories.sort(key=lambda node: node.name)
    return Tree(digest_bytes(canonical(root)), root)


def _join(own: Path, sysroot: Path, target: Path) -> None:
    """Make in the empty folder `target` what `_joined` describes: its files are links, and take no room."""
    for source, place in ((own, target), (sysroot, target / SYSROOT)):
        shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True, copy_function=os.link)


def _digest(package: LockedPackage) -> Digest:
    return Digest(package.sha256, package.size)


def _move(source: Path, target: Path) -> None:
    """Move a finished root into the empty folder `target` of the same file system."""
    for entry in source.iterdir():
        entry.rename(target / entry.name)
