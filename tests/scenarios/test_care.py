"""A store that is looked after while people build: roots of checkouts, collecting under builds, archives, repairs."""

from __future__ import annotations

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from bfbuild.digest import Digest
from bfbuild.store import Store
from bfbuild.toolchain.lock import Lock, lock_text
from tests.small import ACTIONS, DODO, Roots, Small, ran

if TYPE_CHECKING:
    from pathlib import Path

    from bfbuild.commands.project import Project

UNREACHABLE = "http://127.0.0.1:9"  # the port that discards, where nobody listens
KEEP_NOTHING = '[project]\nname = "small"\n[store]\nkeep_builds = 0\nkeep_days = 0\n'

TINY = """\
from bfbuild import Command, Toolchain

tools = Toolchain(name="tiny", packages=("bubblewrap", "proot"))
version = Command(name="version", tool="bwrap", args=("--version",), toolchain=tools, stdout="version.txt")
help = Command(name="help", tool="bwrap", args=("--help",), toolchain=tools, stdout="help.txt", inputs=(version,))
"""


def test_a_build_roots_its_target_and_a_collection_leaves_it(copy: Small) -> None:
    """After a build, a collection that keeps nothing for its age leaves all of it, and nothing runs again."""
    copy.write("bareflow.toml", KEEP_NOTHING)
    assert copy.doit("image").code == 0
    [root] = copy.store.roots.all()
    assert (root.target, root.checkout) == ("small.img", str(copy.root))
    assert copy.doit("cache", "gc").code == 0
    assert ran(copy.build()) == set()
    for action in root.actions.values():
        assert copy.store.results.get(action) is not None
    assert copy.doit("why", "small.img").code == 0
    replayed = copy.doit("replay", "greeting.txt")
    assert replayed.code == 0, replayed.err


def test_each_target_has_its_root_and_a_newer_build_replaces_it(copy: Small) -> None:
    """What an edit made unneeded goes with the next collection; other targets of the checkout keep theirs."""
    copy.write("bareflow.toml", KEEP_NOTHING)
    assert copy.doit("build", "kernel.elf", "greeting.txt").code == 0
    old = {root.target: root for root in copy.store.roots.all()}
    assert sorted(old) == ["greeting.txt", "kernel.elf"]
    copy.edit("src/words.txt", "hello", "goodbye")
    assert copy.doit("build", "greeting.txt").code == 0
    new = {root.target: root for root in copy.store.roots.all()}
    assert new["kernel.elf"] == old["kernel.elf"]
    assert new["greeting.txt"].actions != old["greeting.txt"].actions
    assert copy.doit("cache", "gc").code == 0
    kept = set(copy.store.results.hashes())
    assert {action.hash for root in new.values() for action in root.actions.values()} <= kept
    assert not {action.hash for action in old["greeting.txt"].actions.values()} <= kept


def test_an_edited_source_refreshes_the_root_without_a_recipe_being_read(copy: Small) -> None:
    """Built again from what is remembered, what was made is kept, and what it takes the place of is not."""
    copy.write("bareflow.toml", KEEP_NOTHING)
    assert copy.doit("image").code == 0
    [old] = copy.store.roots.all()
    copy.edit("src/other.c", "3;", "4;")
    assert copy.doit("image").code == 0
    [new] = copy.store.roots.all()
    changed = {label for label in old.actions if old.actions[label] != new.actions[label]}
    assert changed == {"src/other.c.o", "kernel.elf", "kernel.raw", "small.img"}
    assert copy.doit("cache", "gc").code == 0
    assert copy.store.results.get(old.actions["src/other.c.o"]) is None
    assert ran(copy.build()) == set()


def test_a_build_that_fails_leaves_the_root_as_it_was(copy: Small) -> None:
    """What a checkout built last with success is kept until it does so again."""
    assert copy.doit("image").code == 0
    roots = copy.store.roots.all()
    copy.edit("src/other.c", "3;", "three;")
    assert copy.doit("image").code == 1
    assert copy.store.roots.all() == roots


def test_the_log_of_a_failure_is_kept(copy: Small) -> None:
    """What a compiler said to a wrong source can be read again, in all its words."""
    copy.edit("src/other.c", "3;", "three;")
    assert copy.doit("image").code == 1
    log = copy.doit("cache", "log", "src/other.c.o")
    assert log.code == 0
    assert "undeclared identifier 'three'" in log.out


def test_builds_go_on_while_somebody_collects(
    built_small: Small, tmp_path: Path, repository: Path, roots: Roots
) -> None:
    """Three checkouts build over one store, edit and build again, while gc runs all the time: all of it is right."""
    first = built_small.copy(tmp_path / "0", repository, roots)
    others = [Small.make(tmp_path / str(number), repository, roots, first.cache) for number in (1, 2)]
    ended = threading.Event()

    def collect() -> int:
        rounds = 0
        while not ended.is_set():
            done = first.doit("cache", "gc")
            assert done.code == 0, done.err
            rounds += 1
        return rounds

    def build(small: Small) -> None:
        for number in range(3):
            small.write("src/other.c", f"int other = {number % 2};\n")  # back again: hits that no root keeps
            done = small.doit("image")
            assert done.code == 0, done.err

    for small in (first, *others):
        small.write("bareflow.toml", KEEP_NOTHING)
    with ThreadPoolExecutor(4) as pool:
        collecting = pool.submit(collect)
        try:
            for building in [pool.submit(build, small) for small in (first, *others)]:
                building.result()
        finally:
            ended.set()
        assert collecting.result() > 1
    told = json.loads(first.doit("cache", "verify", "--json").out)
    assert [
        each for each in told["damage"] if each["kind"] != "tree"
    ] == []  # the trees are lent, and not ours to judge
    images = {(small.root / "build/small.img").read_bytes() for small in (first, *others)}
    assert len(images) == 1
    assert first.doit("cache", "gc").code == 0
    for small in (first, *others):
        assert ran(small.build()) == set()


@pytest.fixture
def tiny(tmp_path: Path, repository: Path, project: Project) -> Small:
    """Give a project whose toolchain is the small one of the sandbox, with only its locked packages in the store."""
    tiny = Small(tmp_path / "tiny", tmp_path / "tiny/cache")
    lock = Lock.load(repository / "bareflow.lock")
    sandbox = lock.toolchains["sandbox"]
    packages = tuple(lock.by_key[key] for key in sandbox.closure)
    toolchains = {"sandbox": sandbox, "tiny": sandbox}
    tiny.write("bareflow.lock", lock_text(lock.model_copy(update={"toolchains": toolchains, "packages": packages})))
    tiny.write("bareflow.toml", "")
    tiny.write("dodo.py", DODO)
    tiny.write("recipes/tiny.py", TINY)
    store = tiny.store
    for package in packages:
        store.cas.put_file(project.store.cas.path_of(Digest(package.sha256, package.size)))
    return tiny


def test_an_archive_builds_again_without_a_network(tiny: Small, tmp_path: Path) -> None:
    """Imported to an empty store everything is a hit; without its results the tools are unpacked from its packages."""
    built = tiny.doit("build", "help", BAREFLOW_DEBIAN_MIRROR=UNREACHABLE)
    assert "2 actions: 2 run, 0 hit" in built.err
    exported = tiny.doit("cache", "export", "help", "help.tar.xz")
    assert exported.code == 0, exported.err
    answer = (tiny.root / "build/help.txt").read_bytes()
    assert answer.startswith(b"usage: bwrap")

    elsewhere = {"BAREFLOW_CACHE": str(tmp_path / "elsewhere"), "BAREFLOW_DEBIAN_MIRROR": UNREACHABLE}
    imported = tiny.doit("cache", "import", "help.tar.xz", **elsewhere)
    assert imported.code == 0, imported.err
    again = tiny.doit("build", "help", **elsewhere)
    assert "2 actions: 0 run, 2 hit" in again.err
    assert list((tmp_path / "elsewhere/trees").iterdir()) == []

    for path in (tmp_path / "elsewhere/ac").rglob("??/*"):
        path.unlink()
    shutil.rmtree(tiny.root / "build")  # and what it remembers
    anew = tiny.doit("build", "help", **elsewhere)
    assert "2 actions: 2 run, 0 hit" in anew.err
    assert (tiny.root / "build/help.txt").read_bytes() == answer
    assert Store(tmp_path / "elsewhere").traces.latest("help") is not None


def test_repair_builds_what_was_lost(tiny: Small) -> None:
    """A damaged output is dropped with its result, and made again by its label alone; then the store is whole."""
    assert tiny.doit("build", "help", BAREFLOW_DEBIAN_MIRROR=UNREACHABLE).code == 0
    trace = tiny.store.traces.latest("version")
    assert trace is not None
    path = tiny.store.cas.path_of(trace.outputs["version.txt"])
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    assert tiny.doit("cache", "verify").code == 1
    done = tiny.doit("cache", "repair", "--rebuild", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [each["kind"] for each in told["removed"]] == ["content", "result"]
    assert (told["labels"], told["rebuilt"]) == (["version"], ["version"])
    assert tiny.doit("cache", "verify").code == 0
    assert ran(tiny.build("help")) == set()


def test_a_collection_leaves_what_an_archive_needs(tiny: Small) -> None:
    """A pinned target can be exported after its checkout's roots are gone and all else is collected."""
    tiny.write("bareflow.toml", "[store]\nkeep_builds = 0\nkeep_days = 0\n")
    assert tiny.doit("build", "help", BAREFLOW_DEBIAN_MIRROR=UNREACHABLE).code == 0
    assert tiny.doit("cache", "pin", "help", "release").code == 0
    [automatic] = [root.name for root in tiny.store.roots.all() if root.checkout]
    assert tiny.doit("cache", "unpin", automatic).code == 0
    assert tiny.doit("cache", "gc").code == 0
    exported = tiny.doit("cache", "export", "release", "help.tar.xz")
    assert exported.code == 0, exported.err


def test_the_actions_of_the_small_project_are_all_rooted(built_small: Small) -> None:
    """The root of an image lists every action behind it, and the unpackings of both toolchains that ran them."""
    [root] = built_small.store.roots.all()
    assert set(root.actions) == {*ACTIONS, "llvm", "sandbox"}
    assert {trace.label: trace.action for trace in built_small.traces()}.items() <= root.actions.items()
