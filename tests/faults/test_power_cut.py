"""A power cut in the middle of a build: the disk keeps what was synced, and of the rest what chance wants."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.after import build_on
from tests.faults.conftest import Trial
from tests.faults.whole import damage
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


def test_nothing_escapes_the_witness(recorded: Recorded) -> None:
    """What the log adds up to is what is really there, file by file and byte by byte."""
    disk = recorded()
    assert disk.after(disk.length) == {path: node.content for path, node in tree_of(disk.root).nodes.items()}


@pytest.mark.parametrize("order", ["in order", "in any order"])
def test_the_store_survives_a_power_cut(recorded: Recorded, trial: Trial, order: str) -> None:
    """Whatever was not synced is lost, torn or out of order: the store is whole, and the build goes on from there."""
    disk, kept, ran = recorded(), 0, 0
    cuts = trial.rounds(disk.length)
    for cut in cuts:
        chance = random.Random(f"{cut} {order}")
        small = Small(trial.folder / "small", trial.folder / "small/cache")
        write_out(disk.after(cut, chance, ordered=order == "in order"), disk.root, small.root)
        after = build_on(small, trial.right)
        kept, ran = kept + after.kept, ran + after.ran
    trial.tell(
        f"power cut at {len(cuts)} of {disk.length} changes, names {order}: every store whole;"
        f" {kept} results kept, {ran} actions executed afterwards, none twice"
    )


def test_a_disk_that_lies_costs_time_and_nothing_else(recorded: Recorded, trial: Trial) -> None:
    """Where no sync is obeyed the store is damaged after a power cut, and still no build takes a wrong byte from it."""
    disk, damaged = recorded(deaf=True), 0
    cuts = trial.rounds(disk.length)
    for cut in cuts:
        small = Small(trial.folder / "small", trial.folder / "small/cache")
        write_out(disk.after(cut, random.Random(cut), ordered=bool(cut % 2)), disk.root, small.root)
        damaged += bool(damage(small.store))
        build_on(small, trial.right, whole=False)
    assert damaged > len(cuts) // 2, "else the tests above prove nothing"
    trial.tell(f"power cut at {len(cuts)} changes, syncs ignored: {damaged} stores damaged, no wrong image")
