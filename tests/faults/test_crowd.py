"""Eight builds at once over one store, of four checkouts, two of them edited, while somebody collects garbage."""

from __future__ import annotations

import importlib.util
import time
from collections import Counter
from pathlib import Path

from bfbuild.digest import digest_file
from tests.faults.conftest import Trial
from tests.faults.whole import damage
from tests.small import ACTIONS, Roots, Small

BUILDS = 8
EDITED = {"src/start.c.o", "kernel.elf", "kernel.raw", "small.img"}  # what the edit makes anew
COLLECTS = importlib.util.find_spec("bfbuild.commands.cache.gc") is not None
LIMIT = 300  # seconds, for all of it: a deadlock would last longer


def edit(small: Small) -> Small:
    """Change a source."""
    small.edit("src/start.c", "twice(BF_ANSWER)", "twice(BF_ANSWER) + 1")
    return small


def test_eight_builds_share_one_store(trial: Trial, repository: Path, roots: Roots) -> None:
    """All end, all are right, and each action ran once between them."""
    cache = trial.folder / "cache"
    checkouts = [Small.make(trial.folder / f"checkout{number}", repository, roots, cache) for number in range(4)]
    for small in checkouts[2:]:
        edit(small)
    edited = edit(trial.small("alone")).build().output("small.img").digest.hash
    deadline = time.monotonic() + LIMIT
    builds = [checkouts[number % 4].start("image", "-j", "2") for number in range(BUILDS)]
    collections = 0
    while any(build.poll() is None for build in builds):
        if COLLECTS:
            collected = checkouts[collections % 4].doit("cache", "gc")
            assert collected.code == 0, collected
            collections += 1
        time.sleep(0.05)
        assert time.monotonic() < deadline, "the builds do not end"
    ended = [(*build.communicate(timeout=60), build.returncode) for build in builds]
    assert [code for *_, code in ended] == [0] * BUILDS, ended
    for number, (out, *_) in enumerate(ended):
        right = trial.right if number % 4 < 2 else edited
        assert right in out
        assert digest_file(checkouts[number % 4].root / "build/small.img").hash == right
    store = checkouts[0].store
    assert damage(store) == []
    traces = list(store.traces.recent())
    assert sorted(trace.label for trace in traces) == sorted([*ACTIONS, *EDITED])
    assert max(Counter(trace.action for trace in traces).values()) == 1
    trial.tell(f"{BUILDS} builds at once, {collections} collections: all right, {len(traces)} actions run, none twice")
