"""Any function of C: what is compiled in the guest gives what the build's code gives, and shares its variables."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Boot, Built

FUNCTIONS = 29  # of kinds.c and kinds_other.c
PATIENCE_S = 300.0
PROCESSORS = {"max": "max", "no SSE": "pentium2"}


def load(path: Path) -> Any:
    """Import a script of the guest's build."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("processor", PROCESSORS.values(), ids=PROCESSORS)
def test_compiled_functions_give_what_the_build_gives(built: Built, start: Boot, processor: str) -> None:
    """Every kind of function gives equal results when some of its calls run new code, and that may go again."""
    run = start(built("jit/kinds.img")["jit/kinds.img"], extra=("-cpu", processor), timeout_s=PATIENCE_S)
    run.require_ok()


def test_functions_of_all_kinds_optimize_themselves(built: Built, start: Boot) -> None:
    """Counted, tried and decided about, each function gives what it gave, and none is refused an object."""
    wanted = {"args": "themselves", "extra": ("-cpu", "max"), "deterministic": True, "timeout_s": PATIENCE_S}
    run = start(built("jit/kinds.img")["jit/kinds.img"], **wanted)
    states = {each.text("name"): each.text("state") for each in run.require_ok().transcript.all("optimized")}
    assert len(states) == FUNCTIONS
    assert set(states.values()) == {"optimized", "rejected"}


@pytest.mark.parametrize(
    ("image", "processor"),
    [("floats", "max"), ("floats", "pentium3"), ("floats", "pentium2"), ("floats_hard", "max")],
)
def test_every_bit_of_floating_point_stays(built: Built, start: Boot, image: str, processor: str) -> None:
    """Functions of float and double give the same bits in new code, whether the build computed in software or SSE2."""
    path = built(f"jit/{image}.img")[f"jit/{image}.img"]
    start(path, extra=("-cpu", processor), timeout_s=PATIENCE_S).require_ok()


def test_floating_point_becomes_faster(built: Built, start: Boot) -> None:
    """Where the build computed in software, a processor with SSE2 does it in less than a tenth of the instructions."""
    path = built("jit/floats.img")["jit/floats.img"]
    wanted = {"args": "themselves", "extra": ("-cpu", "max"), "deterministic": True, "timeout_s": PATIENCE_S}
    costs = {
        each.text("name"): each.number("per_mille")
        for each in start(path, **wanted).require_ok().transcript.all("optimized")
    }
    assert {name for name, cost in costs.items() if cost < 100} >= {"move", "dot", "horner", "mean", "mix", "cross"}


@pytest.mark.parametrize(
    ("symbols", "words"),
    [
        ("00000000 D jit_function_f\n00000010 t aot_f\n", "JIT_OPTIMIZABLE(f): the function is static"),
        ("00000000 D jit_function_f\n         U aot_f\n", "JIT_OPTIMIZABLE(f): the source does not define"),
        ("00000000 D jit_function_f\n00000010 T aot_f\n", None),
    ],
)
def test_a_function_that_cannot_be_led_elsewhere_is_refused(repository: Path, symbols: str, words: str | None) -> None:
    """The build ends with a sentence where a marked function is static, or not there."""
    describe = load(repository / "src/kernel_lib/jit/describe.py")
    complaint = describe.complaint(describe.symbols(symbols))
    assert (complaint is None) == (words is None)
    assert complaint is None or words in complaint
