"""The optimizer app on the bench: three boots, equal each time, that reach what they must."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bfbuild.machine.bench import milestones, speedups
from bfbuild.machine.boots import boots
from bfbuild.machine.figures import Bench, Benched
from bfbuild.machine.spec import BootSpec

if TYPE_CHECKING:
    from bfbuild.machine.transcript import Transcript
    from tests.conftest import Boot, Built

IMAGE = "optimizer.img"
WARM_BY_AOT = 1.10  # cycles of the whole program
START_CYCLES = 5_000_000  # 5 ms: until all is in place
COUNTING_CYCLES = 40
NONE_BELOW = 0.98
PATIENCE_S = 180.0


def benched(start: Boot, built: Built) -> Benched:
    """The three boots of the app."""
    spec = BootSpec(built(IMAGE)[IMAGE], mode="bench", deterministic=True, timeout_s=PATIENCE_S)

    def begin(wanted: BootSpec, _which: str) -> Transcript:
        return (
            start(
                wanted.image,
                **{key: getattr(wanted, key) for key in ("mode", "args", "deterministic", "writable", "timeout_s")},
            )
            .require_ok()
            .transcript
        )

    return Benched(name="optimizer", sizes=(), boots=boots(spec, begin))


@pytest.fixture(scope="module")
def run(start: Boot, built: Built) -> Benched:
    """The boots that most tests look at."""
    return benched(start, built)


def test_the_bench_is_the_same_each_time(run: Benched, start: Boot, built: Built) -> None:
    """Figures, events and samples of two benches are equal, byte for byte, although the boots read and write a disk."""
    assert Bench(runs=(benched(start, built),)).to_json() == Bench(runs=(run,)).to_json()


def test_a_warm_boot_is_ready_at_once(run: Benched) -> None:
    """All functions are in place within 5 ms, and no sector of the compiler is read; the first boot reads it all."""
    first, warm = (milestones(run.by_kind[kind]) for kind in ("first", "warm"))
    assert warm["sectors read of the compiler"] == 0
    assert (first["sectors read of the compiler"] or 0) > 1 << 20 >> 9
    assert 0 < (warm["until all are swapped"] or 0) <= (warm["start of the JIT"] or 0) <= START_CYCLES
    assert {row.origin for row in run.by_kind["warm"].optimized if row.name != "nothing"} == {"disk"}


def test_optimizing_costs_a_program_nothing(run: Benched) -> None:
    """Warm, the program takes no more than AOT, no function is slower, and counting a call costs little."""
    aot, warm = (milestones(run.by_kind[kind])["whole program"] or 0 for kind in ("aot", "warm"))
    assert 0 < warm <= WARM_BY_AOT * aot
    assert min(speedups(run).values()) >= NONE_BELOW
    assert 0 < run.by_kind["warm"].overhead_cycles <= COUNTING_CYCLES


def test_every_function_is_followed(run: Benched) -> None:
    """The first boot says of each function when it was compiled and decided about; all boots what its calls cost."""
    first = run.by_kind["first"]
    names = {row.name for row in first.optimized} - {"nothing"}
    assert set(first.compile_cycles()) == names
    assert {event.name for event in first.events if event.what in ("optimized", "rejected")} == names
    for boot in run.boots:
        calls = {name: [(each.n, each.count) for each in boot.samples if each.name == name] for name in names}
        assert len({tuple(each) for each in calls.values()}) == 1, "all are called equally often"
        counted = calls["fibonacci"]
        assert [n for n, _ in counted] == [sum(count for _, count in counted[: i + 1]) for i in range(len(counted))]
