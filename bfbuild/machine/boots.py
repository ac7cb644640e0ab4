"""The boots of a bench: one, or three where the guest optimizes itself, on a copy of the image that is thrown away."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.errors import MachineError
from bfbuild.machine.figures import Boot, Kind

if TYPE_CHECKING:
    from bfbuild.machine.spec import BootSpec
    from bfbuild.machine.transcript import Record, Transcript

    # Boots, told which boot it is: "", "warm", "aot".
    Start = Callable[[BootSpec, str], Transcript]

WARM = "warm"
AOT = "aot"  # the guest's argument: do the same, with what the build made


def boots(spec: BootSpec, start: Start) -> tuple[Boot, ...]:
    """Boot an image; where its guest uses what it can optimize, also on the disk that this leaves, and without that.

    Raise MachineError where a guest says too little, or not the same each time.
    """
    with tempfile.TemporaryDirectory(prefix="bareflow-bench-") as folder:
        spec.check()
        own = replace(spec, image=Path(folder) / "disk.img", writable=True)
        shutil.copyfile(spec.image, own.image)
        first = start(own, "")
        if not any(map(_is_used, first.all("optimized"))):
            return (Boot.of(first, "only"),)
        warm = start(own, WARM)
    aot = start(replace(spec, args=AOT), AOT)
    if aot.all("optimized"):
        raise MachineError(
            "the guest optimizes itself where it should not",
            facts=[("arguments", AOT)],
            hint=f"with '{AOT}' as its arguments it must do the same work without jit_start() and jit_print()",
        )
    said: tuple[tuple[Transcript, Kind], ...] = ((aot, "aot"), (first, "first"), (warm, "warm"))
    found = tuple(Boot.of(transcript, kind) for transcript, kind in said)
    for boot in found[1:]:
        _check_results(found[0], boot)
    return found


def _is_used(optimized: Record) -> bool:
    """Whether a function that can be optimized was ever called, or is known from the disk."""
    return optimized.text("state") != "counted" or optimized.number("calls") > 0


def _check_results(one: Boot, other: Boot) -> None:
    """Raise MachineError where a test computed something else in another boot."""
    results = {test.name: test.result for test in one.tests}
    for test in other.tests:
        if results.get(test.name, test.result) != test.result:
            facts = [("test", test.name), (one.kind, results[test.name]), (other.kind, test.result)]
            raise MachineError("optimized code computes something else", facts=facts)
