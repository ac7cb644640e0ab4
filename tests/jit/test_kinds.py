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
