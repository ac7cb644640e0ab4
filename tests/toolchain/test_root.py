"""A toolchain's root: known from the lock alone, unpacked only when a tool must run, once over all processes."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bfbuild.config import RemoteSection
from bfbuild.errors import FetchError, LockError, StoreError
from bfbuild.recipe.model import Toolchain
from bfbuild.remote import actions
from bfbuild.remote.cache import Cache
from bfbuild.remote.channel import Channel
from bfbuild.store import Store
from bfbuild.store.signature import untouched
from bfbuild.store.tree import read_folder
from bfbuild.toolchain.lock import Lock, LockedPackage, LockedToolchain, lock_text
from bfbuild.toolchain.root import Toolchains
from tests.remote.servers import Server
from tests.toolchain.debs import deb, file, symlink

TINY = Toolchain(name="tiny", packages=("tool",))
OTHER = Toolchain(name="other", packages=("data",), dependencies=False)
CROSS = Toolchain(name="cross", packages=("tool",), sysroot=OTHER)


class Events:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def transfer(self, what: str, done: int, total: int) -> None:
        """Keep the words of what is finished."""
        if done == total:
            self.told.append(what)

    def note(self, words: str) -> None:
        """Keep the words."""
        self.told.append(words)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder that is a mirror, with two packages."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    deb(folder / "tool_1.0_amd64.deb", file("./usr/bin/tool", b"#!\n", mode=0o755), symlink("./usr/bin/t", "tool"))
    deb(folder / "data_1.0_all.deb", file("./usr/share/data/file", b"data"))
    return folder


@pytest.fixture
def lock(tmp_path: Path, mirror: Path) -> Path:
    """A lock of a toolchain of both."""
    packages = tuple(
        LockedPackage(
            name=name,
            version="1.0",
            architecture=architecture,
            path=f"{name}_1.0_{architecture}.deb",
            size=(mirror / f"{name}_1.0_{architecture}.deb").stat().st_size,
            sha256=hashlib.sha256((mirror / f"{name}_1.0_{architecture}.deb").read_bytes()).hexdigest(),
        )
        for name, architecture in (("tool", "amd64"), ("data", "all"))
    )
    toolchain = LockedToolchain(packages=("tool",), closure=tuple(package.key for package in packages))
    path = tmp_path / "bareflow.lock"
    toolchains = {
        "tiny": toolchain,
        "cross": toolchain,
        "other": LockedToolchain(packages=("data",), dependencies=False, closure=("data:all",)),
    }
    path.write_text(lock_text(Lock(archive={"stable": "20260711T101637Z"}, toolchains=toolchains, packages=packages)))
    return path


@pytest.fixture
def open_again(tmp_path: Path, lock: Path, mirror: Path) -> Callable[[], tuple[Toolchains, Events]]:
    """Open the toolchains as another process would, over the same store; say what they told."""

    def open_again() -> tuple[Toolchains, Events]:
        events = Events()
        return Toolchains(Store(tmp_path / "cache"), lock, (f"file://{mirror}",), events), events

    return open_again


Open = Callable[[], tuple[Toolchains, Events]]


def test_a_root_is_what_its_packages_hold(open_again: Open) -> None:
    """Fetched, unpacked, and described by a Directory that is in the store under the root's digest."""
    toolchains, events = open_again()
    tree = toolchains.plan(TINY)
    root = toolchains.ensure(TINY)
    assert (root / "usr/bin/tool").read_bytes() == b"#!\n"
    assert (root / "usr/bin/tool").stat().st_mode & 0o111
    assert (root / "usr/bin/t").readlink() == Path("tool")
    assert (root / "usr/share/data/file").read_bytes() == b"data"
    assert toolchains.store.cas.get_bytes(tree.digest) == tree.root.SerializeToString(deterministic=True)
    assert set(events.told) == {"fetch tiny", "unpack tiny"}


def test_a_known_root_needs_no_package(open_again: Open, mirror: Path, tmp_path: Path) -> None:
    """What was unpacked once is known from the lock: a plan needs neither mirror, nor packages, nor the folder."""
    tree = open_again()[0].plan(TINY)
    shutil.rmtree(mirror)
    shutil.rmtree(tmp_path / "cache/trees")
    toolchains, events = open_again()
    assert toolchains.plan(TINY) == tree
    assert events.told == []


def test_a_deleted_folder_is_unpacked_again_from_the_store(open_again: Open, mirror: Path, tmp_path: Path) -> None:
    """trees/ may be deleted at any time: the packages are in the store, so no mirror is asked."""
    before = open_again()[0].ensure(TINY)
    shutil.rmtree(mirror)
    shutil.rmtree(tmp_path / "cache/trees")
    toolchains, events = open_again()
    assert toolchains.ensure(TINY) == before
    assert (before / "usr/bin/tool").is_file()
    assert events.told == ["unpack tiny"]


def test_a_dated_mirror_serves_what_others_have_dropped(tmp_path: Path, lock: Path, mirror: Path) -> None:
    """`{stable}` in a mirror's base is the date that the lock has for this suite."""
    (tmp_path / "days").mkdir()
    mirror.rename(tmp_path / "days/20260711T101637Z")
    bases = (f"file://{mirror}", f"file://{tmp_path}/days/{{stable}}")
    root = Toolchains(Store(tmp_path / "cache"), lock, bases, Events()).ensure(TINY)
    assert (root / "usr/bin/tool").is_file()


def test_a_lock_without_dates_is_one(tmp_path: Path, lock: Path, mirror: Path) -> None:
    """It only cannot tell of which day its packages are."""
    lock.write_text(lock.read_text().replace("archive:\n  stable: 20260711T101637Z\n", ""))
    assert (Toolchains(Store(tmp_path / "cache"), lock, (f"file://{mirror}",), Events()).ensure(TINY) / "usr").is_dir()
    (mirror / "tool_1.0_amd64.deb").unlink()
    with pytest.raises(FetchError, match="is gone") as problem:
        Toolchains(Store(tmp_path / "other"), lock, (f"file://{mirror}",), Events()).ensure(TINY)
    assert problem.value.hint is not None
    assert problem.value.hint.endswith("this lock was made of an archive without a date")


def test_a_damaged_record_is_made_again(open_again: Open, tmp_path: Path) -> None:
    """A record or a Directory that is damaged is a miss: the root is unpacked anew, to the same digest."""
    digest = open_again()[0].plan(TINY).digest
    records = list((tmp_path / "cache/ac").glob("*/*"))
    assert len(records) == 2, "of the packages, and of the lock as it lies there"
    for path in (*records, tmp_path / "cache/cas" / digest.hash[:2] / digest.hash):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1])
        assert open_again()[0].plan(TINY).digest == digest


def test_a_damaged_package_is_fetched_again(open_again: Open, mirror: Path, tmp_path: Path) -> None:
    """A package whose bytes in the store are no longer the locked ones is not unpacked."""
    digest = open_again()[0].plan(TINY).digest
    name = hashlib.sha256((mirror / "tool_1.0_amd64.deb").read_bytes()).hexdigest()
    path = tmp_path / "cache/cas" / name[:2] / name
    path.chmod(0o644)
    path.write_bytes(b"harm")
    shutil.rmtree(tmp_path / "cache/trees")
    toolchains, events = open_again()
    toolchains.ensure(TINY)
    assert events.told == ["fetch tiny", "unpack tiny"]
    assert toolchains.plan(TINY).digest == digest


def flip(path: Path) -> None:
    """Change one bit of a file, and give it back its size, mode and time."""
    status, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def relink(path: Path) -> None:
    """Have a link lead elsewhere."""
    path.unlink()
    path.symlink_to("/bin/sh")


TOUCHED: dict[str, Callable[[Path], object]] = {
    "a flipped bit with the old time": lambda tree: flip(tree / "usr/bin/tool"),
    "a lost end": lambda tree: os.truncate(tree / "usr/share/data/file", 2),
    "a lost file": lambda tree: (tree / "usr/share/data/file").unlink(),
    "a file more": lambda tree: (tree / "usr/bin/other").touch(),
    "a folder more": lambda tree: (tree / "usr/bin/__pycache__").mkdir(),
    "a mode": lambda tree: (tree / "usr/bin/tool").chmod(0o444),
    "a link": lambda tree: relink(tree / "usr/bin/t"),
    "a pipe": lambda tree: os.mkfifo(tree / "usr/bin/pipe"),
    "a name that is no text": lambda tree: open(os.fsencode(tree) + b"/usr/bin/\xff", "x").close(),  # noqa: PTH123
}


@pytest.mark.parametrize("touch", TOUCHED.values(), ids=TOUCHED)
def test_a_changed_tree_is_told_and_unpacked_anew(open_again: Open, touch: Callable[[Path], object]) -> None:
    """Whoever uses tools that were changed since is told, and uses the right ones; the old ones are out of the way."""
    root = open_again()[0].ensure(TINY)
    touch(root)
    toolchains, events = open_again()
    assert toolchains.ensure(TINY) == root
    with ThreadPoolExecutor() as pool:
        assert read_folder(root, pool).digest == toolchains.plan(TINY).digest
    warning = "warning: something changed the unpacked toolchain tiny: it is unpacked anew"
    assert events.told == [warning, "unpack tiny"]
    again, told = open_again()
    again.ensure(TINY)
    assert told.told == []


def test_a_copied_store_unpacks_nothing(open_again: Open, mirror: Path, tmp_path: Path) -> None:
    """With other inodes a tree is hashed once, found right, and signed again."""
    root = open_again()[0].ensure(TINY)
    shutil.copytree(root, tmp_path / "copy", symlinks=True)
    shutil.rmtree(root)
    (tmp_path / "copy").rename(root)
    shutil.rmtree(mirror)
    assert not untouched(root)
    toolchains, events = open_again()
    assert toolchains.ensure(TINY) == root
    assert events.told == []
    assert untouched(root)


def test_the_order_of_the_lock_does_not_matter(open_again: Open, lock: Path) -> None:
    """Equal packages are one root under one key, in whatever order a closure names them."""
    digest = open_again()[0].plan(TINY).digest
    first, second = "    - tool:amd64", "    - data:all"
    assert f"{second}\n{first}" in lock.read_text()
    lock.write_text(lock.read_text().replace(f"{second}\n{first}", f"{first}\n{second}"))
    toolchains, events = open_again()
    assert toolchains.plan(TINY).digest == digest
    assert events.told == []


def test_several_at_once_unpack_once(open_again: Open) -> None:
    """Threads of several processes that need one root wait for whoever is first."""
    opened = [open_again() for _ in range(4)]
    threads = [threading.Thread(target=toolchains.ensure, args=(TINY,)) for toolchains, _ in opened]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(words for _, events in opened for words in events.told) == ["fetch tiny", "unpack tiny"]
    assert len([path for path in (opened[0][0].store.path / "trees").iterdir() if path.is_dir()]) == 1


def test_a_sysroot_is_seen_in_the_root(open_again: Open) -> None:
    """The other toolchain's files lie at /sysroot, in the Directory as in the folder, and take no room twice."""
    toolchains, _ = open_again()
    plain, sysroot, tree = (toolchains.plan(each) for each in (TINY, OTHER, CROSS))
    assert {node.name: node.digest.hash for node in tree.root.directories} == {
        **{node.name: node.digest.hash for node in plain.root.directories},
        "sysroot": sysroot.digest.hash,
    }
    root = toolchains.ensure(CROSS)
    assert root == toolchains.store.tree_path(tree.digest)
    assert (root / "usr/bin/t").readlink() == Path("tool")
    assert (root / "usr/bin/tool").samefile(toolchains.ensure(TINY) / "usr/bin/tool")
    assert (root / "sysroot/usr/share/data/file").samefile(toolchains.ensure(OTHER) / "usr/share/data/file")


def test_joining_changes_no_root(open_again: Open) -> None:
    """Links are a change to a file's stats: the roots that were joined are signed anew, so nobody doubts them."""
    toolchains, events = open_again()
    roots = [toolchains.ensure(each) for each in (TINY, OTHER, CROSS)]
    assert all(untouched(root) for root in roots)
    assert not any("warning" in words for words in events.told)


def test_a_known_join_needs_no_package(open_again: Open, mirror: Path, tmp_path: Path) -> None:
    """A joined root is on record like any other, under an action that names the packages of both."""
    tree = open_again()[0].plan(CROSS)
    shutil.rmtree(mirror)
    shutil.rmtree(tmp_path / "cache/trees")
    toolchains, events = open_again()
    assert toolchains.plan(CROSS) == tree
    assert toolchains.unpacking(CROSS) is not None
    assert toolchains.unpacking(CROSS) != toolchains.unpacking(TINY)
    assert events.told == []


def test_a_deleted_sysroot_is_joined_again(open_again: Open, mirror: Path, tmp_path: Path) -> None:
    """A joined folder is derived like any other: without trees/ it is unpacked and joined to the same place."""
    before = open_again()[0].ensure(CROSS)
    shutil.rmtree(mirror)
    shutil.rmtree(tmp_path / "cache/trees")
    assert open_again()[0].ensure(CROSS) == before
    assert (before / "sysroot/usr/share/data/file").read_bytes() == b"data"


def test_a_toolchain_that_the_lock_lacks_is_told(open_again: Open) -> None:
    """A recipe that the lock was not made for is an error, not an empty root."""
    with pytest.raises(LockError, match="does not have this toolchain"):
        open_again()[0].plan(Toolchain(name="unknown", packages=("tool",)))


@pytest.fixture
def at(tmp_path: Path, lock: Path, mirror: Path, casd: Server) -> Callable[[str], Toolchains]:
    """Open the toolchains over a store of that name, with a server for results."""

    def at(name: str) -> Toolchains:
        channel, store, events = Channel(RemoteSection(cache=casd.url), casd.url), Store(tmp_path / name), Events()
        cache = Cache(channel, store, events, None, lambda _: None)
        return Toolchains(store, lock, (f"file://{mirror}",), events, cache)

    return at


@pytest.mark.parametrize("recipe", [TINY, CROSS], ids=["plain", "with a sysroot"])
def test_a_root_that_a_server_knows_needs_no_package(
    at: Callable[[str], Toolchains], recipe: Toolchain, mirror: Path
) -> None:
    """What one machine unpacked is planned on another from one Directory: there is no mirror any more, and no tree."""
    first = at("first")
    assert first.cache is not None
    with first.cache:
        first.plan(recipe)
    shutil.rmtree(mirror)
    second = at("second")
    assert second.plan(recipe) == first.plan(recipe)
    assert not second.store.tree_path(second.plan(recipe).digest).exists()


def test_a_root_that_a_server_made_up_is_an_error_once(at: Callable[[str], Toolchains]) -> None:
    """A forged root never becomes a folder of tools: unpacking shows it, and the next build has the true one."""
    first = at("first")
    assert first.cache is not None
    with first.cache:
        honest = first.plan(TINY)
    action = first.unpacked_by(honest.digest)
    assert action is not None
    told = actions.get(first.cache.channel, action)
    assert told is not None
    told.output_files[0].digest.CopyFrom(action.to_message())  # which the server has, and which is no Directory of ours
    actions.update(first.cache.channel, action, told)
    second = at("second")
    with pytest.raises(StoreError, match="a toolchain's root is not what a server said it is"):
        second.ensure(TINY)
    assert (at("second").ensure(TINY) / "usr/bin/tool").is_file()
    assert at("second").plan(TINY) == honest
