"""kill -9 in the middle of a build, at moments that a seed chooses, and at changes of the disk."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter

from tests.faults.after import build_on
from tests.faults.conftest import Trial


def test_a_build_is_killed_at_any_moment(trial: Trial) -> None:
    """Whenever it happens: the store is whole, and the next build is right and repeats nothing that had finished."""
    small = trial.small("measure")
    lent = len(list(small.store.results.hashes()))
    began = time.monotonic()
    assert small.doit("image", "-j", "2").code == 0
    whole = time.monotonic() - began
    chance, killed, kept, ran = random.Random("kill"), 0, Counter[int](), 0
    rounds = trial.rounds(200)
    for number in rounds:
        small = trial.small(number)
        process = small.start("image", "-j", "2")
        time.sleep(chance.uniform(0.15, 1) * whole)  # before, it imports
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        after = build_on(small, trial.right)
        assert after.damage == []
        kept[after.had - lent] += 1
        ran += after.ran
    spread = " ".join(f"{results}:{kept[results]}" for results in sorted(kept))
    trial.tell(
        f"kill -9 at {len(rounds)} moments of a build: {killed} died before the end; every store whole; {ran} actions"
        f" executed afterwards, none twice; results that the killed build left (results:builds): {spread}"
    )


def test_a_build_is_killed_at_any_change_of_the_disk(trial: Trial) -> None:
    """Just before each write, rename or sync of a build it is killed: no moment between two of them is missed."""
    most = trial.changes()
    rounds = trial.rounds(most)
    for moment in rounds:
        small = trial.small(moment)
        process = small.start("image", "-j", "2", **trial.watch(small).environment(fail=moment))
        process.communicate()
        assert process.returncode in {-signal.SIGKILL, 0}  # a build's number of changes is not quite fixed
        assert build_on(small, trial.right).damage == []
    trial.tell(f"kill -9 at {len(rounds)} of {most} changes of the disk: every store whole, no action twice")
