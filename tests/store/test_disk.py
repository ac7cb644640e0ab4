"""The order of syncs and renames, on which it depends that a power cut loses names, never content."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.digest import ActionDigest, digest_bytes
from bfbuild.errors import StoreError
from bfbuild.protos.remote_execution_pb2 import ActionResult
from bfbuild.store.disk import disk_errors

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


def test_content_is_synced_before_its_name_and_the_folder_after(store: Store, events: list[Event]) -> None:
    """Each blob of a batch is synced, renamed, and its folder synced; a new folder's own name is synced too."""
    with store.cas.batch() as batch:
        digests = [batch.put_bytes(b"one"), batch.put_bytes(b"two"), batch.put_bytes(b"three")]
    for digest in digests:
        check(events, store.cas.path_of(digest))
    assert ("sync", str(store.path / "cas")) in events
    unfinished = str(store.path / "tmp")
    last_sync_of_content = max(n for n, (_, path) in enumerate(events) if path.startswith(unfinished))
    first_rename = min(n for n, (what, _) in enumerate(events) if what != "sync")
    assert last_sync_of_content < first_rename, "nothing of a batch is visible before all of it is on the disk"


def test_a_result_is_synced_like_content(store: Store, events: list[Event]) -> None:
    """A record in ac/ is as durable as what it refers to."""
    action = ActionDigest("a" * 64, 1)
    store.results.put(action, ActionResult())
    check(events, store.results.path_of(action))


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
