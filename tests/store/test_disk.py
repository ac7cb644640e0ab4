"""The order of syncs and renames, on which it depends what a power cut may cost."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.digest import ActionDigest, digest_bytes
from bfbuild.errors import StoreError
from bfbuild.protos.remote_execution_pb2 import ActionResult
from bfbuild.store.disk import SYNC_BATCH, disk_errors

if TYPE_CHECKING:
    from bfbuild.store import Store

Event = tuple[str, str]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """Return the list in which every sync and rename is noted from now on, each by the path it is about."""
    noted: list[Event] = []
    fsync, replace, rename = os.fsync, os.replace, os.rename

    def noting_fsync(descriptor: int) -> None:
        noted.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def noting_replace(source: Path, target: Path) -> None:
        noted.append((f"rename {source}", str(target)))
        replace(source, target)

    def noting_rename(source: Path, target: Path) -> None:
        noted.append((f"rename {source}", str(target)))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(os, "replace", noting_replace)
    monkeypatch.setattr(os, "rename", noting_rename)
    return noted


def check(events: list[Event], final: Path) -> None:
    """Assert that what is now at `final` was synced before it had this name, and the folders of the name after."""
    [at] = [number for number, (_, path) in enumerate(events) if path == str(final)]
    temporary = events[at][0].removeprefix("rename ")
    assert ("sync", temporary) in events[:at]
    assert ("sync", str(final.parent)) in events[at:]


def test_what_was_published_is_on_the_disk_after_a_sync(store: Store, events: list[Event]) -> None:
    """Each blob and each result is synced, its folder after it, and the folder's own name too."""
    with store.cas.batch() as batch:
        digests = [batch.put_bytes(b"one"), batch.put_bytes(b"two"), batch.put_bytes(b"three")]
    action = ActionDigest("a" * 64, 1)
    store.results.put(action, ActionResult())
    store.sync()
    for final in [*map(store.cas.path_of, digests), store.results.path_of(action)]:
        at = events.index(("sync", str(final)))
        assert ("sync", str(final.parent)) in events[at:]
        assert ("sync", str(final.parent.parent)) in events[at:]


def test_a_second_sync_has_nothing_to_do(store: Store, events: list[Event]) -> None:
    """What is on the disk is not brought there again."""
    store.cas.put_bytes(b"one")
    store.sync()
    events.clear()
    store.sync()
    assert events == []


def test_many_files_are_synced_as_they_come(store: Store, events: list[Event]) -> None:
    """A long build does not leave all of it for its end."""
    for number in range(SYNC_BATCH):
        store.cas.put_bytes(str(number).encode())
    deadline = time.monotonic() + 60
    while sum(what == "sync" for what, _ in events) < SYNC_BATCH:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    store.sync()


def test_all_of_a_tree_is_synced_before_its_name(store: Store, events: list[Event]) -> None:
    """Each file and folder of a tree is synced before the tree has its name; links are not followed."""

    def build(folder: Path) -> None:
        (folder / "bin").mkdir()
        (folder / "bin" / "tool").write_bytes(b"tool")
        (folder / "link").symlink_to("/etc/passwd")

    path = store.add_tree(digest_bytes(b"tree"), build)
    check(events, path)
    [at] = [number for number, (_, target) in enumerate(events) if target == str(path)]
    temporary = events[at][0].removeprefix("rename ")
    synced = {target.removeprefix(temporary) for what, target in events[:at] if what == "sync"}
    assert synced == {"", "/bin", "/bin/tool"}


def test_what_no_hint_is_known_for_is_still_told(tmp_path: Path) -> None:
    """Any OSError becomes a StoreError with the path and the system's reason."""
    with pytest.raises(StoreError) as problem, disk_errors("do it", tmp_path):
        raise OSError(9999, "Gremlins")
    assert problem.value.headline == "cannot do it"
    assert problem.value.facts == [("path", str(tmp_path)), ("reason", "Gremlins")]
    assert problem.value.hint is None
