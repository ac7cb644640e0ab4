"""A power cut in the middle of a build: the disk keeps what was synced, and of the rest what chance wants."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.after import build_on
from tests.faults.conftest import Trial
from tests.faults.witness import Disk, Witness, tree_of, write_out
from tests.small import Roots, Small

Recorded = Callable[..., Disk]


@pytest.fixture(scope="module")
def recorded(
    library: Path, tmp_path_factory: pytest.TempPathFactory, repository: Path, roots: Roots
) -> Callable[..., Disk]:
    """Build a project once under the witness; return the disk that it was built on, which may be `deaf`."""
    small = Small.make(tmp_path_factory.mktemp("cut") / "small", repository, roots)
    witness = Witness(library, small.root, small.root.parent / "log")
    start = tree_of(small.root)
    assert small.doit("image", "-j", "2", **witness.environment()).code == 0
    return lambda **options: Disk(start, witness.log, **options)


def leave(disk: Disk, cut: int, trial: Trial, chance: random.Random, *, ordered: bool) -> Small:
    """Return what a power cut before change `cut` leaves of the project."""
    small = Small(trial.folder / "small", trial.folder / "small/cache")
    write_out(disk.after(cut, chance, ordered=ordered), disk.root, small.root)
    return small


def test_nothing_escapes_the_witness(recorded: Recorded) -> None:
    """What the log adds up to is what is really there, file by file and byte by byte."""
    disk = recorded()
    assert disk.after(disk.length) == {path: node.content for path, node in tree_of(disk.root).nodes.items()}


@pytest.mark.parametrize("order", ["in order", "in any order"])
def test_a_build_goes_on_after_a_power_cut(recorded: Recorded, trial: Trial, order: str) -> None:
    """Whatever was not synced is lost, torn or out of order: no wrong byte is taken from the store."""
    disk, damaged, had, ran = recorded(), 0, 0, 0
    cuts = trial.rounds(disk.length)
    for cut in cuts:
        small = leave(disk, cut, trial, random.Random(f"{cut} {order}"), ordered=order == "in order")
        after = build_on(small, trial.right)
        damaged, had, ran = damaged + bool(after.damage), had + after.had, ran + after.ran
    trial.tell(
        f"power cut at {len(cuts)} of {disk.length} changes, names {order}: no wrong image; {damaged} stores damaged,"
        f" {had} whole results found, {ran} actions executed afterwards, none twice"
    )


@pytest.mark.parametrize("order", ["in order", "in any order"])
def test_what_a_build_said_is_done_survives_a_power_cut(recorded: Recorded, trial: Trial, order: str) -> None:
    """The moment after a build has ended all of its results are on the disk: nothing is damaged, nothing runs again."""
    disk = recorded()
    for number in trial.rounds(50):
        small = leave(disk, disk.length, trial, random.Random(f"{number} {order}"), ordered=order == "in order")
        after = build_on(small, trial.right)
        assert (after.damage, after.ran) == ([], 0)


def test_a_disk_that_lies_costs_time_and_nothing_else(recorded: Recorded, trial: Trial) -> None:
    """Where no sync is obeyed the store is damaged after a power cut, and still no build takes a wrong byte from it."""
    disk, damaged = recorded(deaf=True), 0
    cuts = trial.rounds(disk.length)
    for cut in cuts:
        small = leave(disk, cut, trial, random.Random(cut), ordered=bool(cut % 2))
        damaged += bool(build_on(small, trial.right).damage)
    assert damaged > len(cuts) // 2, "else the tests above prove nothing"
    trial.tell(f"power cut at {len(cuts)} changes, syncs ignored: {damaged} stores damaged, no wrong image")
