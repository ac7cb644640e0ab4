"""Leases: what a store said is there stays, whoever collects; what nobody asked for does not."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bfbuild.digest import digest_bytes
from bfbuild.store import Store
from bfbuild.store.cas import Presence
from bfbuild.store.collect import collect
from bfbuild.store.leases import NAME_SIZE, Watch, held_names

from .made import NOTHING, NOW, gone, make, whole

if TYPE_CHECKING:
    from pathlib import Path

BLOB = b"something"
DIGEST = digest_bytes(BLOB)
HOLD = """
import sys
from pathlib import Path
from bfbuild.digest import Digest
from bfbuild.store import Store

store = Store(Path(sys.argv[1]))
print(store.cas.state(Digest.parse(sys.argv[2])).presence, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return the folder of a store that has a blob, and that nobody has open."""
    Store(tmp_path / "cache").cas.put_bytes(BLOB)
    return tmp_path / "cache"


def test_what_was_asked_for_stays_while_the_store_is_open(cache: Path) -> None:
    """A collection with no roots and no limits leaves what an open store found, and takes it once that is closed."""
    user = Store(cache)
    assert user.cas.state(DIGEST).presence is Presence.PRESENT
    collector = Store(cache)
    collect(collector, NOTHING, NOW)
    assert user.cas.get_bytes(DIGEST) == BLOB
    del user
    collect(collector, NOTHING, NOW)
    assert list(collector.cas.digests()) == []


def test_what_was_stored_stays_while_the_store_is_open(cache: Path) -> None:
    """Content that a process put, also such as was there already, is its to find again."""
    user = Store(cache)
    put = {user.cas.put_bytes(BLOB), user.cas.put_bytes(b"new")}
    collect(Store(cache), NOTHING, NOW)
    assert set(user.cas.digests()) == put


def test_what_was_only_looked_at_goes(cache: Path) -> None:
    """Listing and checking hold nothing."""
    user = Store(cache)
    assert list(user.cas.digests()) == [DIGEST]
    assert user.cas.look(DIGEST).presence is Presence.PRESENT
    collect(Store(cache), NOTHING, NOW)
    assert list(user.cas.digests()) == []


def test_a_result_that_was_asked_for_stays_with_all_it_reaches(tmp_path: Path) -> None:
    """Who got a result may ask for its outputs later, and for its inputs to explain it; others' go."""
    store = Store(tmp_path / "cache")
    wanted, other = make(store, "wanted"), make(store, "other", tools="others")
    del store
    user = Store(tmp_path / "cache")
    assert user.results.get(wanted.action) is not None
    collect(Store(tmp_path / "cache"), NOTHING, NOW)
    assert whole(user, wanted)
    assert gone(user, other, but=wanted)


def test_an_unpacked_folder_that_was_asked_for_stays(tmp_path: Path) -> None:
    """A tree whose path somebody got is not taken away under them, and is later."""
    user = Store(tmp_path / "cache")
    path = user.add_tree(DIGEST, lambda folder: (folder / "tool").touch())
    collector = Store(tmp_path / "cache")
    collect(collector, NOTHING, NOW)
    assert (path / "tool").is_file()
    del user
    collect(collector, NOTHING, NOW)
    assert not path.exists()


def test_who_asks_while_it_is_collected_is_heard(cache: Path) -> None:
    """A name that is asked for after a collection began is held when the gate closes, even if its process ended."""
    watch = Watch(cache / "leases", cache / "cas")
    with watch.closed() as (held, new):
        assert (held, new) == (set(), set())
    user = Store(cache)
    user.cas.state(DIGEST)
    name = bytes.fromhex(DIGEST.hash)
    with watch.closed() as (held, new):
        assert (held, new) == ({name}, {name})
    del user
    with watch.closed() as (held, new):
        assert (held, new) == ({name}, set())


def test_the_next_collection_forgets_who_has_ended(cache: Path) -> None:
    """The lease of an ended process is removed at the start, that of a living one is not."""
    keeper = Store(cache)
    keeper.cas.state(DIGEST)
    Store(cache).cas.state(digest_bytes(b"else"))
    assert len(list((cache / "leases").iterdir())) == 2
    Watch(cache / "leases", cache / "cas")
    assert held_names(cache / "leases") == {bytes.fromhex(DIGEST.hash)}
    assert len(list((cache / "leases").iterdir())) == 1


def test_a_killed_process_holds_nothing(cache: Path) -> None:
    """Kill -9 is the end of a lease; until then it holds."""
    arguments = [sys.executable, "-c", HOLD, str(cache), str(DIGEST)]
    collector = Store(cache)
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == "present\n"
        collect(collector, NOTHING, NOW)
        assert list(collector.cas.digests()) == [DIGEST]
        user.send_signal(signal.SIGKILL)
        user.wait()
    collect(collector, NOTHING, NOW)
    assert list(collector.cas.digests()) == []


def test_without_a_lease_the_gate_stays_open(cache: Path) -> None:
    """A process that cannot write down what it uses keeps collectors out until it ends."""
    shutil.rmtree(cache / "leases")
    (cache / "leases").write_text("in the way")
    user = Store(cache)
    user.cas.state(DIGEST)
    gate = os.open(cache / "cas", os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
    del user
    fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(gate)


def test_a_torn_lease_is_read_as_far_as_it_is_whole(cache: Path) -> None:
    """Of a name that was cut off nothing is made, and the names before it count."""
    user = Store(cache)
    user.cas.state(DIGEST)
    [path] = (cache / "leases").iterdir()
    with path.open("ab") as lease:
        lease.write(bytes(NAME_SIZE - 1))
    assert held_names(cache / "leases") == {bytes.fromhex(DIGEST.hash)}
