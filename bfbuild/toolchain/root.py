"""A toolchain's root: known from the lock, fetched and unpacked only when a tool must run.

Unpacking is an action like any other: its description names the locked packages, so its key follows from the lock
alone, and its recorded result is the root's digest. With that result in the store a build of nothing but hits needs
neither the packages nor the unpacked tree, which is derived and may be deleted at any time. A server that has the
result (remote/cache.py) saves the packages as well, as long as no tool must run.

The root of a toolchain with a sysroot is two roots, one seen in the other: one Directory more, and links on the disk.
"""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from google.protobuf.message import DecodeError

from bfbuild.action.action import Tree
from bfbuild.digest import ActionDigest, Digest, canonical, digest_bytes, digest_file
from bfbuild.errors import LockError, StoreError
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.store.cas import Presence
from bfbuild.store.signature import untouched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bfbuild.recipe.model import Toolchain
    from bfbuild.remote.cache import Cache
    from bfbuild.store import Store
    from bfbuild.store.tree import Root
    from bfbuild.toolchain.lock import Lock, LockedPackage

SYSROOT = "sysroot"  # below the root, as the action sees it
UNPACKER = "bfbuild-unpack-1"  # raise the number when equal packages would unpack to another root


class Events(Protocol):
    """Is told of what takes long."""

    def transfer(self, what: str, done: int, total: int) -> None:
        """So many of so many bytes are done."""

    def note(self, words: str) -> None:
        """Something that people should know."""


@dataclass
class Toolchains:
    """The roots of one project's toolchains. Safe to use from several threads."""

    store: Store
    lock_path: Path
    configured_mirrors: tuple[str, ...]
    events: Events
    cache: Cache | None = None  # a team's results
    _trees: dict[str, Tree] = field(default_factory=dict)
    _recipes: dict[Digest, Toolchain] = field(default_factory=dict)  # by root
    _sound: set[Digest] = field(default_factory=set)  # the roots that were looked at in this build
    _lock: Lock | None = None
    _guard: threading.RLock = field(default_factory=threading.RLock)

    def plan(self, recipe: Toolchain) -> Tree:
        """Return the root's digest and Directory, unpacking only if no one ever did."""
        with self._guard:
            if recipe.name not in self._trees:
                digest = self._planned(recipe)
                root = api.Directory.FromString(self.store.cas.get_bytes(digest))
                self._trees[recipe.name] = Tree(digest, root)
                self._recipes[digest] = recipe
            return self._trees[recipe.name]

    def _planned(self, recipe: Toolchain) -> Digest:
        """Return the root that is on record for this lock as it lies there, which saves reading it; or read it."""
        planning = _planning(self.lock_path, recipe)
        digest = self._recorded(planning)
        if digest is None:
            unpacking = _unpacking(self._packages(recipe), self._sysroot_packages(recipe))
            digest = self._recorded(unpacking.action) or self._asked(unpacking) or self._made(recipe)
            with suppress(StoreError):  # a shortcut for the next time, where it can be written
                self.store.results.adopt(planning, _root_result(digest))  # unsigned: nothing was unpacked for it
        return digest

    def planned(self) -> Sequence[Tree]:
        """Return all roots that were planned by now."""
        with self._guard:
            return tuple(self._trees.values())

    def ensure(self, recipe: Toolchain) -> Path:
        """Return the folder in which the root is unpacked; one that was changed since is unpacked anew."""
        with self._guard:
            return self._ensured(recipe, self.plan(recipe).digest, lambda: self._made(recipe))

    def _ensured(self, recipe: Toolchain, digest: Digest, make: Callable[[], Digest]) -> Path:
        path = self.store.tree_path(digest)
        if digest not in self._sound:
            if not untouched(path):
                self._doubt(recipe, digest)
            if not path.is_dir() and make() != digest:
                self._correct(recipe, digest)
            self._sound.add(digest)
        return path

    def _correct(self, recipe: Toolchain, digest: Digest) -> None:
        """Refuse a root that somebody else said the packages have; what they really have is on record by now."""
        with suppress(OSError):
            self.store.results.path_of(_planning(self.lock_path, recipe)).unlink()
        raise StoreError(
            "a toolchain's root is not what a server said it is",
            facts=[
                ("toolchain", recipe.name),
                ("said", digest),
                ("server", self.cache.url if self.cache else "unknown"),
            ],
            hint="build again: this machine has unpacked the packages itself by now, and believes that",
        )

    def unpacked_by(self, root: Digest) -> ActionDigest | None:
        """Return the action that unpacks a root of this project, which has its packages in its description."""
        with self._guard:
            recipe = self._recipes.get(root)
            if recipe is None:
                return None
            return _unpacking(self._packages(recipe), self._sysroot_packages(recipe)).action

    def unpacking(self, recipe: Toolchain) -> ActionDigest | None:
        """Return under which action the root is on record, None where it is not; it unpacks nothing."""
        with self._guard:
            planning = _planning(self.lock_path, recipe)
            if self._recorded(planning) is None:
                with suppress(LockError):
                    planning = _unpacking(self._packages(recipe), self._sysroot_packages(recipe)).action
            return planning if self._recorded(planning) is not None else None

    def _doubt(self, recipe: Toolchain, digest: Digest) -> None:
        """Hash a root that is not as it was signed; sign it anew, or remove it."""
        path = self.store.tree_path(digest)
        with self.store.tree_lock(digest.hash):
            if not path.is_dir() or untouched(path):
                return
            if _hashed(path) == digest:
                self.store.sign_tree(digest)
            else:
                self.events.note(
                    f"warning: something changed the unpacked toolchain {recipe.name}: it is unpacked anew"
                )
                self.store.drop_tree(digest)

    def _packages(self, recipe: Toolchain) -> tuple[LockedPackage, ...]:
        from bfbuild.toolchain.lock import Lock  # noqa: PLC0415  (for whoever lacks a root)

        if self._lock is None:
            self._lock = Lock.load(self.lock_path)
        return self._lock.closure(recipe.name, recipe.packages, dependencies=recipe.dependencies)

    def _sysroot_packages(self, recipe: Toolchain) -> tuple[LockedPackage, ...]:
        return self._packages(recipe.sysroot) if recipe.sysroot is not None else ()

    def _recorded(self, action: ActionDigest) -> Digest | None:
        """Return the recorded root where it and its Directory are whole."""
        try:
            result = self.store.results.believed(action)
            if result is None or len(result.output_directories) != 1:
                return None
            digest = Digest.of_message(result.output_directories[0].root_directory_digest)
            api.Directory.FromString(self.store.cas.get_bytes(digest))
        except (StoreError, DecodeError):
            return None
        return digest

    def _asked(self, unpacking: _Unpacking) -> Digest | None:
        """Ask the server for a root."""
        from bfbuild.remote.wire import Wanted  # noqa: PLC0415  (for whoever lacks a root)

        if self.cache is None or self.cache.pull(unpacking.action, Wanted(folder="root")) is None:
            return None
        with self.store.cas.batch() as batch:
            for data in unpacking.blobs:
                batch.put_bytes(data)
        return self._recorded(unpacking.action)

    def _made(self, recipe: Toolchain) -> Digest:
        """Make a root that is not there, and record it."""
        packages = self._packages(recipe)
        if recipe.sysroot is None:
            return self._unpacked(recipe, packages)
        own = self._recorded(_unpacking(packages).action) or self._unpacked(recipe, packages)
        sysroot = self.plan(recipe.sysroot).digest
        tools = self._ensured(recipe, own, lambda: self._unpacked(recipe, packages))
        target = self.ensure(recipe.sysroot)
        root = _joined(api.Directory.FromString(self.store.cas.get_bytes(own)), sysroot)
        self._keep(_unpacking(packages, self._sysroot_packages(recipe)), root)
        self.store.add_tree(root.digest, lambda folder: _link(tools, target, folder))
        for linked in (own, sysroot):  # which changed nothing of theirs but how many links there are
            self.store.sign_tree(linked)
        return root.digest

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

        from bfbuild.toolchain.debian import dated, mirrors  # noqa: PLC0415  (for whoever lacks a root)
        from bfbuild.toolchain.fetch import Wanted, fetch_all  # noqa: PLC0415  (for whoever lacks a root)
        from bfbuild.toolchain.proxy import opener  # noqa: PLC0415  (for whoever lacks a root)

        cas = self.store.cas
        missing = [each for each in packages if cas.state(_digest(each)).presence is not Presence.PRESENT]
        if not missing:
            return
        archive = self._lock.archive if self._lock is not None else {}
        bases = [dated(base, archive) for base in mirrors(self.configured_mirrors)]
        hint = (
            "`doit lock` resolves the toolchains anew; or set BAREFLOW_DEBIAN_MIRROR to a dated mirror of the archive,"
            " with {SUITE} where the date stands: this lock was made of "
            + (", ".join(f"{suite} {date}" for suite, date in sorted(archive.items())) or "an archive without a date")
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
        if self.cache is not None:
            self.cache.share(unpacking.action, "a toolchain", _root_result(root.digest))

    def _tell(self, what: str) -> Callable[[int, int], None]:
        return lambda done, total: self.events.transfer(what, done, total)


def _hashed(root: Path) -> Digest | None:
    """Return the digest of what is unpacked in a folder, all of it hashed; None where no package could hold it."""
    from bfbuild.store.tree import read_folder  # noqa: PLC0415  (for whoever doubts)

    try:
        with ThreadPoolExecutor() as pool:
            return read_folder(root, pool).digest
    except (OSError, ValueError):  # unreadable, or a name that is no Unicode
        return None


def _root_result(root: Digest) -> api.ActionResult:
    folder = api.OutputDirectory(path="root", root_directory_digest=root.to_message())
    return api.ActionResult(output_directories=[folder])


def _planning(lock: Path, recipe: Toolchain) -> ActionDigest:
    """The key of "this toolchain of this lock": equal bytes of the lock have equal roots."""
    try:
        content = digest_file(lock)
    except OSError:
        content = digest_bytes(b"")  # reading it will say what is wrong
    asked = [recipe, *([recipe.sysroot] if recipe.sysroot is not None else [])]
    words = [word for each in asked for word in (each.name, *each.packages, str(each.dependencies))]
    name = digest_bytes(" ".join([UNPACKER, str(content), *words]).encode())
    return ActionDigest(name.hash, name.size)


@dataclass(frozen=True)
class _Unpacking:
    """The description of an unpacking: its key and its messages."""

    action: ActionDigest
    blobs: tuple[bytes, ...]


def _unpacking(packages: Sequence[LockedPackage], sysroot: Sequence[LockedPackage] = ()) -> _Unpacking:
    names = sorted([*packages, *sysroot], key=lambda each: Path(each.path).name)
    folder = canonical(
        api.Directory(files=[api.FileNode(name=Path(p.path).name, digest=_digest(p).to_message()) for p in names])
    )
    arguments = [UNPACKER, *([SYSROOT, *sorted(Path(each.path).name for each in sysroot)] if sysroot else [])]
    command = canonical(api.Command(arguments=arguments, output_paths=["root"]))
    action = canonical(
        api.Action(
            command_digest=digest_bytes(command).to_message(), input_root_digest=digest_bytes(folder).to_message()
        )
    )
    name = digest_bytes(action)
    return _Unpacking(ActionDigest(name.hash, name.size), (folder, command, action))


def _joined(tools: api.Directory, sysroot: Digest) -> Root:
    """Describe the root that also has another one, at `SYSROOT`; the folders of both are described already."""
    from bfbuild.store.tree import Root  # noqa: PLC0415  (for whoever lacks a root)

    root = api.Directory()
    root.CopyFrom(tools)
    root.directories.add(name=SYSROOT, digest=sysroot.to_message())
    root.directories.sort(key=lambda node: node.name)
    data = canonical(root)
    return Root(digest_bytes(data), {digest_bytes(data): data})


def _link(tools: Path, sysroot: Path, folder: Path) -> None:
    """Make in an empty folder what `_joined` describes: its files are links, and take no room."""
    for source, place in ((tools, folder), (sysroot, folder / SYSROOT)):
        shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True, copy_function=os.link)


def _digest(package: LockedPackage) -> Digest:
    return Digest(package.sha256, package.size)


def _move(source: Path, target: Path) -> None:
    """Move a finished root into the empty folder `target` of the same file system."""
    for entry in source.iterdir():
        entry.rename(target / entry.name)
