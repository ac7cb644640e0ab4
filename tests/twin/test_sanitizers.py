"""The twin under AddressSanitizer and UndefinedBehaviorSanitizer: what they find is a panic, and they find nothing.

The programs are `watched/NAME.twin` (recipes/twin_tests.py); sanitizer.c is the sanitizers' part at run time.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.machine.verdict import Verdict

if TYPE_CHECKING:
    from bfbuild.machine.transcript import Transcript
    from tests.conftest import Built, Tool, Twin

DATA_LBA = 2048
KERNELS = 9
FLIPS = 600
BITCODES = 200

ADDRESS = {
    "heap overrun": "a write of 1 bytes",
    "heap underrun": "a write of 1 bytes",
    "copy overrun": "a write of 11 bytes",
    "string overrun": "a read of 1 bytes",
    "use after free": "a write of 1 bytes",
    "double free": "a release of 1 bytes",
    "stack overrun": "a write of 4 bytes",
    "use after scope": "a read of 4 bytes",
    "variable overrun": "a read of 4 bytes",
}
UNDEFINED = {
    "overflow": "an addition that overflows",
    "shift": "a shift by too much",
    "index": "an index out of bounds",
    "alignment": "an address that is none, or not aligned",
}
REPORTS = {name: f"AddressSanitizer: {words} at " for name, words in ADDRESS.items()}
REPORTS |= {name: f"UndefinedBehaviorSanitizer: {words}, tests/twin/faulty.c:" for name, words in UNDEFINED.items()}

# What is left of the compiler module's file.
DAMAGES = {
    "missing": slice(0),
    "empty": slice(0),
    "cut in its header": slice(40),
    "cut in its code": slice(100_000),
    "shifted by a byte": slice(1, None),
}


@pytest.fixture(scope="module")
def disk(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk of the optimizer that the tests write to, in their order."""
    return Path(shutil.copyfile(built("optimizer.img")["optimizer.img"], tmp_path_factory.mktemp("w") / "own.img"))


@pytest.fixture(scope="module")
def first(start_twin: Twin, disk: Path) -> Transcript:
    """What the watched optimizer says when it finds no artifact."""
    return start_twin("watched/optimizer", disk, writable=True).require_ok().transcript


@pytest.mark.parametrize("fault", REPORTS)
def test_the_sanitizers_see_a_fault(start_twin: Twin, built: Built, fault: str) -> None:
    """A program with a fault panics with a report and the way there: the tests below can fail."""
    ended = start_twin("watched/faulty", built("bareflow.img")["bareflow.img"], args=fault)
    assert ended.verdict is Verdict.PANIC
    assert REPORTS[fault] in ended.transcript.text
    assert "app_main" in {frame.text("symbol").split("+")[0] for frame in ended.transcript.all("frame")}


def test_the_sanitizers_are_silent_about_the_rest(start_twin: Twin, built: Built) -> None:
    """The same program without a fault ends well."""
    start_twin("watched/faulty", built("bareflow.img")["bareflow.img"], args="none").require_ok()


def test_a_program_optimizes_itself_under_the_sanitizers(first: Transcript, disk: Path, start_twin: Twin) -> None:
    """Compiling, loading, trying, swapping and keeping do nothing that is not allowed, nor does the start after it."""
    states = {each.text("name"): each.text("state") for each in first.all("optimized")}
    assert len([state for state in states.values() if state in ("optimized", "rejected")]) == KERNELS
    again = start_twin("watched/optimizer", disk, writable=True).require_ok().transcript
    assert again.one("optimizer").number("compiler_calls") == 0


def test_codes_are_compared_by_what_counts(start_twin: Twin, built: Built) -> None:
    """The least of each class, without classes that were met once; and longer where the outcome is close."""
    start_twin("watched/measuring", built("bareflow.img")["bareflow.img"]).require_ok()


def test_calls_nest_under_the_sanitizers(start_twin: Twin, built: Built) -> None:
    """So do functions that are nested deeply, called back while they run, or called by a signal; to the last tier."""
    start_twin("watched/jit/optimize", built("jit/optimize.img")["jit/optimize.img"], args="long").require_ok()


@pytest.mark.parametrize("app", ["specialise", "kinds"])
def test_functions_of_every_kind_do_no_harm(start_twin: Twin, built: Built, app: str) -> None:
    """Versions for constants, branch weights, variables, floating point: all compute what they must, natively too."""
    start_twin(f"watched/jit/{app}", built(f"jit/{app}.img")[f"jit/{app}.img"], timeout_s=120).require_ok()


def test_swaps_do_no_harm_under_the_sanitizers(start_twin: Twin, built: Built) -> None:
    """Code is never given back while a call is in it, whatever a signal interrupts."""
    start_twin("watched/jit/swap", built("jit/swap.img")["jit/swap.img"]).require_ok()


def test_a_module_fails_in_every_way_under_the_sanitizers(start_twin: Twin, built: Built) -> None:
    """Whatever a module does, leaving it does no harm to the kernel's memory."""
    start_twin("watched/jit/faults", built("jit/faults.img")["jit/faults.img"]).require_ok()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_damaged_artifacts_do_no_harm(first: Transcript, disk: Path, start_twin: Twin, seed: int) -> None:
    """Bits that are flipped in an artifact, with its digest made right or not: a result, and no memory lost."""
    assert first.one("done").number("status") == 0
    said = start_twin("watched/hostile", disk, args=f"artifacts {seed} {FLIPS}").require_ok().transcript
    found = said.one("artifacts")
    assert found.number("times") == FLIPS
    assert found.number("taken") < found.number("taken_sealed") < FLIPS  # some get further, none too far


def test_damaged_bitcode_does_no_harm(built: Built, start_twin: Twin) -> None:
    """The compiler refuses it, or fails, or makes something; and then makes of the right one what it made before."""
    image = built("optimizer.img")["optimizer.img"]
    said = start_twin("watched/hostile", image, args=f"bitcode 1 {BITCODES}", timeout_s=120).require_ok().transcript
    found = said.one("bitcode")
    assert sum(found.number(each) for each in ("done", "refused", "failed")) == BITCODES
    assert found.number("refused") > 0


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_module_does_no_harm(start_twin: Twin, built: Built, tool: Tool, tmp_path: Path, damage: str) -> None:
    """Functions stay what the build made, and the reason is said."""
    files = built("jit/optimize.img", "jit/compiler.elf")
    image, module = tmp_path / "own.img", tmp_path / "module"
    shutil.copyfile(files["jit/optimize.img"], image)
    place = (f"{image}@@{DATA_LBA * 512}", "::JIT/COMPILER.ELF")
    assert tool("mdel", "-i", *place).returncode == 0
    if damage != "missing":
        module.write_bytes(files["jit/compiler.elf"].read_bytes()[DAMAGES[damage]])
        assert tool("mcopy", "-i", place[0], str(module), place[1]).returncode == 0
    said = start_twin("watched/jit/optimize", image, args="short").require_ok().transcript
    states = {each.text("name"): each.text("state") for each in said.all("optimized")}
    assert states["fibonacci"] == "failed"
    missing, other = "the compiler module cannot be read", "there is no compiler module for this kernel"
    assert (missing if damage == "missing" else other) in said.text
