"""The store when things go wrong around it: other processes, kill -9, a full disk, a read-only one."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from bfbuild.digest import digest_bytes
from bfbuild.errors import StoreError, render
from bfbuild.store import Store
from bfbuild.store.cas import Presence

REPOSITORY = Path(__file__).parents[2]
SPAWN = multiprocessing.get_context("spawn")


def blob(number: int) -> bytes:
    """Return the content number `number`: a few kilobytes, different for each."""
    return hashlib.shake_256(number.to_bytes(4, "big")).digest(3000 + number)


def write_shared(path: Path, start: int) -> None:
    """Put 40 blobs in an order of this process's own, each alone or in a batch."""
    cas = Store(path).cas
    for number in range(start, start + 40):
        if number % 3:
            cas.put_bytes(blob(number % 40))
        else:
            with cas.batch() as batch:
                batch.put_bytes(blob(number % 40))


@pytest.mark.parametrize("writers", [2, 8])
def test_writers_of_the_same_content_do_not_disturb_one_another(tmp_path: Path, writers: int) -> None:
    """Several processes that put the same 40 blobs at once all succeed, and leave 40 whole blobs."""
    processes = [SPAWN.Process(target=write_shared, args=(tmp_path / "cache", 7 * each)) for each in range(writers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * writers
    store = Store(tmp_path / "cache")
    assert list(store.cas.digests()) == sorted(digest_bytes(blob(number)) for number in range(40))
    assert {store.cas.state(digest).presence for digest in store.cas.digests()} == {Presence.PRESENT}
    assert list((store.path / "tmp").iterdir()) == []


def put_file(cache: Path, source: Path) -> None:
    """Put one file."""
    Store(cache).cas.put_file(source)


def test_a_killed_writer_leaves_nothing_that_can_be_seen(tmp_path: Path) -> None:
    """Kill -9 in the middle of a write: no blob; what was left in tmp/ is removed, but never a living writer's."""
    cache, pipe = tmp_path / "cache", tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = SPAWN.Process(target=put_file, args=(cache, pipe))
    writer.start()
    with os.fdopen(os.open(pipe, os.O_RDWR), "wb", buffering=0) as source:  # for both, so that opening never waits
        source.write(bytes(50_000))  # the writer copies this and waits for more
        deadline = time.monotonic() + 60
        while not list(cache.glob("tmp/*")):
            assert time.monotonic() < deadline, "the writer never began"
            time.sleep(0.01)
        [unfinished] = cache.glob("tmp/*")
        assert list(Store(cache).cas.digests()) == []
        assert unfinished.exists(), "a store opened while the writer lives leaves its file alone"
        writer.kill()
        writer.join(60)
    assert unfinished.exists()
    store = Store(cache)
    assert list(store.cas.digests()) == []
    assert list((cache / "tmp").iterdir()) == []


def limited(path: Path) -> None:
    """Put what is larger than this process may write, then what is not; say what happened in a file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, 64 << 10))
    store = Store(path)
    try:
        store.cas.put_bytes(bytes(100_000))
    except StoreError as error:
        store.cas.put_bytes(render(error).encode())


def test_a_write_that_is_cut_off_leaves_nothing(tmp_path: Path) -> None:
    """Where the system refuses the rest of a file, the error says so, nothing is half-written, and work goes on."""
    process = SPAWN.Process(target=limited, args=(tmp_path / "cache",))
    process.start()
    process.join(60)
    store = Store(tmp_path / "cache")
    [told] = store.cas.digests()
    assert store.cas.get_bytes(told).decode().splitlines() == [
        "error: cannot write to the store",
        f"  path    {tmp_path / 'cache' / 'tmp'}",
        "  reason  File too large",
        "  hint    a limit on the size of files is in force (see `ulimit -f`)",
    ]
    assert list((store.path / "tmp").iterdir()) == []


def in_mount_namespace(prepare: str, path: Path, script: str) -> Any:
    """Run a script, given `path`, after a shell command in mount and user namespaces; return what it prints as JSON."""
    enter = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*enter, "mount -t tmpfs none /tmp"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("user namespaces with mounts are refused here")
    python = [sys.executable, "-c", textwrap.dedent(script), str(path)]
    done = subprocess.run(
        [*enter, f'path=$1; shift; {prepare} && exec "$@"', "sh", str(path), *python],
        check=True,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    return json.loads(done.stdout)


def test_a_full_disk_is_told_and_survived(tmp_path: Path) -> None:
    """On a disk of 1 MB writing ends in a clear error; all that is visible is whole, and freed space is used again."""
    told = in_mount_namespace(
        'mount -t tmpfs -o size=1m tmpfs "$path"',
        tmp_path,
        """
        import json, sys
        from pathlib import Path
        from bfbuild.errors import StoreError
        from bfbuild.store import Store
        store = Store(Path(sys.argv[1]) / "cache")
        try:
            for number in range(100):
                with store.cas.batch() as batch:
                    for part in range(3):
                        batch.put_bytes(bytes([number, part]) * 20_000)
        except StoreError as error:
            reason = error.facts[1][1]
            hint = error.hint
        digests = list(store.cas.digests())
        states = {store.cas.state(digest).presence for digest in digests}
        unfinished = list((store.path / "tmp").iterdir())
        for digest in digests[:6]:
            store.cas.path_of(digest).unlink()
        again = store.cas.get_bytes(store.cas.put_bytes(b"again" * 20_000)) == b"again" * 20_000
        print(json.dumps([len(digests) > 3, *states, len(unfinished), again, reason, hint]))
        """,
    )
    hint = "free some space on that disk, then build again: what was finished is kept"
    assert told == [True, "present", 0, True, "No space left on device", hint]


def test_a_read_only_store_can_be_read_and_says_why_not_written(tmp_path: Path) -> None:
    """From a read-only store everything is read; a write, a lock or a new store there is a clear error."""
    Store(tmp_path / "cache").cas.put_bytes(b"kept")
    told = in_mount_namespace(
        'mount --bind "$path" "$path" && mount -o remount,bind,ro "$path"',
        tmp_path,
        """
        import json, sys
        from pathlib import Path
        from bfbuild.digest import ActionDigest
        from bfbuild.errors import StoreError
        from bfbuild.store import Store
        path = Path(sys.argv[1])
        store = Store(path / "cache")
        told = [store.cas.get_bytes(digest).decode() for digest in store.cas.digests()]
        for attempt in (
            lambda: store.cas.put_bytes(b"more"),
            lambda: store.action_lock(ActionDigest("0" * 64, 1)).__enter__(),
            lambda: Store(path / "other"),
        ):
            try:
                attempt()
            except StoreError as error:
                told.append([error.headline, error.facts[1][1], error.hint])
        print(json.dumps(told))
        """,
    )
    why = [
        "Read-only file system",
        "make this path writable for this user, or choose another cache folder (BAREFLOW_CACHE)",
    ]
    assert told == [
        "kept",
        ["cannot write to the store", *why],
        ["cannot lock the store", *why],
        ["cannot open the store", *why],
    ]


def test_a_file_where_the_store_should_be_is_told(tmp_path: Path) -> None:
    """A store cannot be opened where a file is, and the error names it."""
    (tmp_path / "cache").write_text("I am a file")
    with pytest.raises(StoreError) as problem:
        Store(tmp_path / "cache")
    assert problem.value.headline == "cannot open the store"
    assert str(tmp_path / "cache") in problem.value.facts[0][1]
