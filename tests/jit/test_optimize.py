"""A program becomes faster while it runs, keeps what it learned, and goes on where anything is missing."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.machine.harvest import harvest
from tests.fsck import complaints, cut_out
from tests.jit.conftest import COMPILER

if TYPE_CHECKING:
    from collections.abc import Callable

    from bfbuild.machine.transcript import Transcript
    from bfbuild.machine.verdict import Run
    from tests.conftest import Boot, Built, Tool
    from tests.jit.conftest import Compiler

DATA_LBA = 2048
BITCODE = "tests/jit/functions.c.bc"
FASTER = ("dot", "fibonacci", "sum_products")  # at least twice as fast, for a processor with AVX2
START_CYCLES = 5_000_000  # of a warm boot, at one instruction a nanosecond: 5 ms
FUNCTIONS = 8
GENERAL = ("recursion 3",)  # what a request says that knows nothing of a function's use


@pytest.fixture(scope="module")
def disk(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk of the app of optimize.c that guests may write to, in the order of the tests."""
    return Path(
        shutil.copyfile(built("jit/optimize.img")["jit/optimize.img"], tmp_path_factory.mktemp("o") / "own.img")
    )


@pytest.fixture(scope="module")
def run(start: Boot, disk: Path) -> Callable[[], Run]:
    """Boot the disk, with counted instructions, where a disk takes no time, on a processor with AVX2."""
    return lambda: start(disk, writable=True, deterministic=True, mode="bench", extra=("-cpu", "max")).require_ok()


@pytest.fixture(scope="module")
def cold(run: Callable[[], Run]) -> Transcript:
    """What the first boot said."""
    return run().transcript


def states(transcript: Transcript) -> dict[str, tuple[str, str]]:
    """What became of each function: its state, and where that is known from."""
    return {each.text("name"): (each.text("state"), each.text("from")) for each in transcript.all("optimized")}


def test_functions_become_faster_while_they_run(cold: Transcript) -> None:
    """What can be faster is, by far; what cannot is measured, and stays what it was."""
    costs = {each.text("name"): each.number("per_mille") for each in cold.all("optimized")}
    assert {name: states(cold)[name] for name in FASTER} == dict.fromkeys(FASTER, ("optimized", "here"))
    assert all(0 < costs[name] < 500 for name in FASTER)
    assert states(cold)["wait_for"] == ("rejected", "here")
    assert costs["wait_for"] > 950
    assert states(cold)["calls_back"] == ("counted", "here")  # nobody called it
    assert cold.one("module").number("calls") == FUNCTIONS - 1


def test_the_host_makes_what_the_guest_kept(cold: Transcript, disk: Path, compiler: Compiler, built: Built) -> None:
    """Each artifact names its request, and the host's compiler gives the same object for it, byte for byte."""
    files = built(BITCODE, COMPILER)
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    artifacts = {each.function: each for each in harvest(disk)}
    assert {name for name, (state, _) in states(cold).items() if state != "counted"} == set(artifacts)
    for function, artifact in artifacts.items():
        assert artifact.bitcode == digests[BITCODE]
        assert artifact.compiler == digests[COMPILER]
        state = "optimized" if artifact.object else "rejected"
        assert states(cold)[function][0] == state
        if artifact.object:
            made = compiler.answer(artifact.request.decode(), files[BITCODE])
            assert (made.object, made.optimized) == (artifact.object, artifact.optimized), function


def test_a_disk_with_artifacts_is_sound(cold: Transcript, disk: Path, tool: Tool, tmp_path: Path) -> None:
    """fsck.fat finds nothing wrong with what the guest wrote."""
    assert cold.one("done").number("status") == 0
    assert complaints(tool, cut_out(disk, tmp_path / "volume.img", DATA_LBA)) == []


def test_a_warm_boot_needs_no_compiler(cold: Transcript, disk: Path, run: Callable[[], Run], tool: Tool) -> None:
    """The next boot has it all at once, within 5 ms: the module may even be gone from the disk."""
    done = tool("mdel", "-i", f"{disk}@@{DATA_LBA * 512}", "::JIT/COMPILER.ELF")
    assert done.returncode == 0, done.stderr
    warm = run().transcript
    known = {name: (state, "here" if state == "counted" else "disk") for name, (state, _) in states(cold).items()}
    assert states(warm) == known
    assert (warm.one("module").number("calls"), warm.one("module").number("load")) == (0, 0)
    assert warm.one("jit").number("start") < START_CYCLES


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("no_compiler", "the compiler module cannot be read"),
        ("no_bitcode", "JIT/FUNCTIONS.BC"),
    ],
)
def test_a_program_goes_on_without_what_it_lacks(built: Built, start: Boot, image: str, words: str) -> None:
    """Without the module, or the bitcode, a function stays what the build made, and the reason is said."""
    transcript = start(built(f"jit/{image}.img")[f"jit/{image}.img"], args="short").require_ok().transcript
    assert states(transcript)["fibonacci"] == ("failed", "here")
    assert words in transcript.text


def test_a_program_goes_on_where_the_compiler_has_no_memory(built: Built, start: Boot) -> None:
    """A compiler whose heap is too small gives no code: functions stay what the build made, and the reason is said."""
    image = built("jit/optimize.img")["jit/optimize.img"]
    transcript = start(image, args="small", timeout_s=180).require_ok().transcript
    assert {state for state, _ in states(transcript).values()} == {"failed", "counted"}
    assert states(transcript)["fibonacci"] == ("failed", "here")
    assert "the compiler" in transcript.text


def test_an_old_processor_is_served_too(built: Built, start: Boot) -> None:
    """A processor without SSE, and without pages of mere data, gets code of its own."""
    transcript = (
        start(built("jit/optimize.img")["jit/optimize.img"], extra=("-cpu", "pentium2")).require_ok().transcript
    )
    assert states(transcript)["fibonacci"] == ("optimized", "here")


def test_swaps_are_safe_at_any_moment(built: Built, start: Boot) -> None:
    """Ten thousand swaps under ten thousand interrupts a second, and swaps of the function that runs: all is right."""
    start(built("jit/swap.img")["jit/swap.img"], timeout_s=120).require_ok()


@pytest.fixture(scope="module")
def profiled(start: Boot, built: Built, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Transcript]:
    """A disk of a boot that called its functions often, and what that boot said."""
    image = built("jit/optimize.img")["jit/optimize.img"]
    disk = Path(shutil.copyfile(image, tmp_path_factory.mktemp("p") / "own.img"))
    return disk, long_boot(start, disk, "long")


def long_boot(start: Boot, disk: Path, args: str = "") -> Transcript:
    """Boot such a disk."""
    wanted = {"deterministic": True, "mode": "bench", "extra": ("-cpu", "max"), "timeout_s": 120}
    return start(disk, writable=True, args=args, **wanted).require_ok().transcript


def codes(transcript: Transcript) -> dict[str, tuple[str, str]]:
    """By what request the code of each function was made, and where it is from."""
    return {each.text("name"): (each.text("code"), each.text("from")) for each in transcript.all("optimized")}


def test_a_profile_makes_functions_faster_still(
    profiled: tuple[Path, Transcript], compiler: Compiler, built: Built
) -> None:
    """After many calls a known size is a constant, and recursion goes deeper; interrupts in between do no harm."""
    disk, first = profiled
    assert {codes(first)[name] for name in ("filter", "fold")} == {("profile", "here")}
    kept = [each for each in harvest(disk) if each.object]
    costs = {(each.function, each.lines[2:]): each.per_mille for each in kept}
    best = {name: min(cost for (other, _), cost in costs.items() if other == name) for name in ("filter", "fold")}
    known, *_ = (use for (name, use), cost in costs.items() if name == "filter" and cost == best["filter"])
    deeper, *_ = (use for (name, use), cost in costs.items() if name == "fold" and cost == best["fold"])
    assert "constant 3 3" in known  # which it always is
    assert best["filter"] * 5 < costs["filter", GENERAL]
    assert deeper[0] == "recursion 4"
    assert best["fold"] < costs["fold", GENERAL]
    for artifact in kept:
        made = compiler.answer(artifact.request.decode(), built(BITCODE)[BITCODE])
        assert (made.object, made.optimized) == (artifact.object, artifact.optimized), artifact.request


def test_a_boot_has_the_best_at_once(profiled: tuple[Path, Transcript], start: Boot, tool: Tool) -> None:
    """Within 5 ms, with no compiler; where the best is gone, what was made for everybody takes its place."""
    disk, first = profiled
    again = long_boot(start, disk, "long")
    assert states(again) == {name: (state, "disk") for name, (state, _) in states(first).items()}
    assert codes(again) == {name: (code, "disk") for name, (code, _) in codes(first).items()}
    assert (again.one("module").number("calls"), again.one("module").number("load")) == (0, 0)
    assert again.one("jit").number("start") < START_CYCLES
    (best,) = (each for each in harvest(disk) if each.function == "filter" and "constant 3 3" in each.lines)
    done = tool("mdel", "-i", f"{disk}@@{DATA_LBA * 512}", f"::JIT/CACHE/{best.key[:16]}.art")
    assert done.returncode == 0, done.stderr
    without = codes(long_boot(start, disk))
    assert (without["filter"], without["fold"]) == (("general", "disk"), ("profile", "disk"))
