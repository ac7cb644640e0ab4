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
FUNCTIONS = 6


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


def test_an_old_processor_is_served_too(built: Built, start: Boot) -> None:
    """A processor without SSE, and without pages of mere data, gets code of its own."""
    transcript = (
        start(built("jit/optimize.img")["jit/optimize.img"], extra=("-cpu", "pentium2")).require_ok().transcript
    )
    assert states(transcript)["fibonacci"] == ("optimized", "here")


def test_swaps_are_safe_at_any_moment(built: Built, start: Boot) -> None:
    """Ten thousand swaps under ten thousand interrupts a second, and swaps of the function that runs: all is right."""
    start(built("jit/swap.img")["jit/swap.img"], timeout_s=120).require_ok()


def test_a_profile_makes_functions_faster_still(built: Built, start: Boot, compiler: Compiler, tmp_path: Path) -> None:
    """After many calls a known size is a constant, at the next boot too; nested calls and interrupts do no harm."""
    disk = Path(shutil.copyfile(built("jit/optimize.img")["jit/optimize.img"], tmp_path / "own.img"))
    first, again = (
        start(disk, writable=True, deterministic=True, mode="bench", extra=("-cpu", "max"), args="long", timeout_s=120)
        .require_ok()
        .transcript
        for _ in range(2)
    )
    codes = {each.text("name"): each.text("code") for each in first.all("optimized")}
    costs = {each.text("name"): each.number("per_mille") for each in first.all("optimized")}
    assert codes["crc32"] == "profile"  # its size is always 9
    assert costs["crc32"] < 950
    assert states(again) == {name: (state, "disk") for name, (state, _) in states(first).items()}
    assert {each.text("name"): each.text("code") for each in again.all("optimized")} == codes
    assert (again.one("module").number("calls"), again.one("module").number("load")) == (0, 0)
    assert again.one("jit").number("start") < START_CYCLES
    kept = [each for each in harvest(disk) if each.object]
    assert b"constant 1 9\n" in b"".join(each.request for each in kept if each.function == "crc32")
    for artifact in kept:
        made = compiler.answer(artifact.request.decode(), built(BITCODE)[BITCODE])
        assert (made.object, made.optimized) == (artifact.object, artifact.optimized), artifact.request
