"""The optimizer app reaches its figures: with counted instructions, so that they are the same everywhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bfbuild.machine.transcript import Transcript
    from tests.conftest import Boot, Built

KERNELS = 9
FIBONACCI = 4.0  # times as fast as the build's, arguments mixed from 5 to 25
GEOMETRIC_MEAN = 1.5
NONE_BELOW = 0.98
COUNTING_CYCLES = 40  # what counting may add to a call
MAX = ("-cpu", "max")


def boot(start: Boot, built: Built, image: str, processor: tuple[str, ...] = ()) -> Transcript:
    """What the app says."""
    return start(built(image)[image], deterministic=True, extra=processor, timeout_s=120).require_ok().transcript


def times_faster(transcript: Transcript) -> dict[str, float]:
    """How many times as fast each kernel is in the end as at the start."""
    cycles = {each.text("name"): each.number("cycles") for each in transcript.all("test")}
    return {
        name.removeprefix("build:"): count / cycles[name.replace("build:", "now:")]
        for name, count in cycles.items()
        if name.startswith("build:")
    }


def test_a_program_optimizes_itself(start: Boot, built: Built) -> None:
    """Each kernel computes what it did before, none is slower, and together they are far faster; counting is cheap."""
    transcript = boot(start, built, "optimizer.img", MAX)
    results = {each.text("name"): each.number("result") for each in transcript.all("test")}
    faster = times_faster(transcript)
    assert len(faster) == KERNELS
    assert all(results[f"now:{name}"] == results[f"build:{name}"] for name in faster)
    assert faster["fibonacci"] >= FIBONACCI
    assert min(faster.values()) >= NONE_BELOW, faster
    assert math.prod(faster.values()) ** (1 / KERNELS) >= GEOMETRIC_MEAN
    assert 0 < transcript.one("overhead").number("cycles") <= COUNTING_CYCLES


def test_a_warm_image_compiles_nothing(start: Boot, built: Built) -> None:
    """The profile in this repository has all that is asked for on the processor that `doit run` boots."""
    transcript = boot(start, built, "optimizer-warm.img")
    assert transcript.one("optimizer").number("compiler_calls") == 0
    faster = times_faster(transcript)
    assert faster["fibonacci"] >= FIBONACCI
    assert min(faster.values()) >= NONE_BELOW, faster
    states = {each.text("name"): each.text("from") for each in transcript.all("optimized")}
    assert [name for name, origin in states.items() if origin != "disk"] == ["nothing"]
