"""The store as a whole: its folders, its locks, its trees."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from bfbuild.digest import ActionDigest, digest_bytes
from bfbuild.store import Store, Usage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPAWN = multiprocessing.get_context("spawn")
ACTION = ActionDigest("a" * 64, 142)
TREE = digest_bytes(b"a toolchain")


def test_opening_makes_what_is_missing_and_keeps_what_is_there(tmp_path: Path) -> None:
    """A store can be opened where nothing is, again and again, and by several at once."""
    first = Store(tmp_path / "deep" / "cache")
    digest = first.cas.put_bytes(b"kept")
    second = Store(tmp_path / "deep" / "cache")
    folders = ["ac", "cas", "leases", "roots", "tmp", "trace", "trees"]
    assert sorted(path.name for path in second.path.iterdir()) == folders
    assert second.cas.get_bytes(digest) == b"kept"


def test_usage_counts_files_and_bytes(store: Store) -> None:
    """Usage is what a walk over the folders finds."""
    store.cas.put_bytes(b"12345")
    store.cas.put_bytes(b"678")
    assert store.usage() == {
        "cas": Usage(2, 8),
        "ac": Usage(0, 0),
        "trace": Usage(0, 0),
        "roots": Usage(0, 0),
        "trees": Usage(0, 0),
        "tmp": Usage(0, 0),
    }


def fill(folder: Path) -> None:
    """Make a small tree, with a folder in it, an empty one, and a link that leads nowhere."""
    (folder / "bin").mkdir()
    (folder / "bin" / "clang").write_bytes(b"program")
    (folder / "empty").mkdir()
    (folder / "dangling").symlink_to("nowhere")


def test_a_tree_is_built_once(store: Store) -> None:
    """The first call builds the tree, later ones find it, and tmp/ is empty again."""
    built: list[Path] = []

    def build(folder: Path) -> None:
        built.append(folder)
        fill(folder)

    paths = [store.add_tree(TREE, build) for _ in range(3)]
    assert paths == [store.tree_path(TREE)] * 3
    assert len(built) == 1
    assert sorted(path.name for path in paths[0].rglob("*")) == ["bin", "clang", "dangling", "empty"]
    assert paths[0].stat().st_mode & 0o777 == 0o755
    assert list((store.path / "tmp").iterdir()) == []


def test_a_tree_that_fails_is_absent(store: Store) -> None:
    """What `build` raises is passed on; there is no tree, nothing is left, and the next attempt may succeed."""

    def fail(folder: Path) -> None:
        fill(folder)
        raise KeyError("a broken package")

    with pytest.raises(KeyError, match="broken package"):
        store.add_tree(TREE, fail)
    assert not store.tree_path(TREE).exists()
    assert list((store.path / "tmp").iterdir()) == []
    store.add_tree(TREE, fill)
    assert store.tree_path(TREE).is_dir()


def grow(path: Path, log: Path) -> None:
    """Add the tree, slowly, and note each time it is really built."""

    def build(folder: Path) -> None:
        with log.open("a") as lines:
            lines.write(f"{os.getpid()}\n")
        time.sleep(0.1)
        fill(folder)

    Store(path).add_tree(TREE, build)


def test_processes_build_a_tree_once_between_them(tmp_path: Path) -> None:
    """Of four processes that want a tree at once, one builds it and all find it."""
    processes = [SPAWN.Process(target=grow, args=(tmp_path / "cache", tmp_path / "log")) for _ in range(4)]
    run(processes)
    assert len((tmp_path / "log").read_text().splitlines()) == 1
    assert (Store(tmp_path / "cache").tree_path(TREE) / "bin" / "clang").read_bytes() == b"program"


def run(processes: list[multiprocessing.context.SpawnProcess]) -> None:
    """Run processes at once; all MUST succeed."""
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert {process.exitcode for process in processes} == {0}


def count_up(path: Path, counter: Path, times: int) -> None:
    """Add one to a number in a file, in a way that loses counts unless it is done alone."""
    store = Store(path)
    for _ in range(times):
        with store.action_lock(ACTION):
            number = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(number + 1))


def test_an_action_is_executed_by_one_process_at_a_time(tmp_path: Path) -> None:
    """Four processes that count under an action's lock lose no count, and leave no lock file."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    run([SPAWN.Process(target=count_up, args=(tmp_path / "cache", counter, 25)) for _ in range(4)])
    assert counter.read_text() == "100"
    assert list((tmp_path / "cache" / "tmp").iterdir()) == []


def test_an_action_is_executed_by_one_thread_at_a_time(store: Store) -> None:
    """Threads that share one store exclude one another as processes do."""
    inside: list[int] = []

    def execute(_: int) -> None:
        with store.action_lock(ACTION):
            inside.append(1)
            assert len(inside) == 1
            time.sleep(0.001)
            inside.pop()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(execute, range(20))) == [None] * 20


def hold_for_ever(path: Path, ready: Path) -> None:
    """Take the lock, say so, and never give it back."""
    with Store(path).action_lock(ACTION):
        ready.touch()
        signal.pause()


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """The lock of a process that is killed is free at once, for a store that was open all the time."""
    store, ready = Store(tmp_path / "cache"), tmp_path / "ready"
    holder = SPAWN.Process(target=hold_for_ever, args=(store.path, ready))
    holder.start()
    wait_until(ready.exists)
    holder.kill()
    holder.join(60)
    with store.action_lock(ACTION):
        pass


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_locks_of_different_names_do_not_meet(store: Store) -> None:
    """Two actions, and a tree, can be locked at once by one thread; a name with a slash is refused."""
    with store.action_lock(ACTION), store.action_lock(ActionDigest("b" * 64, 1)), store.tree_lock("a" * 64):
        assert len(list((store.path / "tmp").iterdir())) == 3
    with pytest.raises(ValueError, match="no slash"):
        store.tree_lock("../x").__enter__()
