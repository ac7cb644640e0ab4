"""A disk that is full, or broken, from some write on: told clearly, survived, and the build goes on afterwards."""

from __future__ import annotations

import errno
import os

import pytest

from tests.faults.after import build_on
from tests.faults.conftest import Trial

HINTS = {
    errno.ENOSPC: "  hint    free some space on that disk, then build again: what was finished is kept\n",
    errno.EIO: "  hint    the disk reports errors: look at the kernel's log before trusting it further\n",
}


@pytest.mark.parametrize("problem", HINTS, ids=["full", "broken"])
def test_the_disk_fails_from_any_change_on(trial: Trial, problem: int) -> None:
    """The write, rename or sync that fails first ends the build with its reason and a way out, or it did not matter."""
    most = trial.changes()
    rounds, reason, told, ran = trial.rounds(most), os.strerror(problem), 0, 0
    for moment in rounds:
        small = trial.small(moment)
        done = small.doit("image", "-j", "2", **trial.watch(small).environment(fail=moment, errno=problem))
        assert "Traceback" not in done.err, (moment, done.err)
        if done.code == 0:
            assert trial.right in done.out, (moment, done)
        else:
            assert done.code == 2, (moment, done)
            assert f"  reason  {reason}\n{HINTS[problem]}" in done.err, (moment, done.err)
            told += 1
        after = build_on(small, trial.right)
        assert after.damage == []
        ran += after.ran
    trial.tell(
        f"{reason} from {len(rounds)} of {most} changes on: {told} builds told it, the others were right;"
        f" every store whole; {ran} actions executed afterwards, none twice"
    )
