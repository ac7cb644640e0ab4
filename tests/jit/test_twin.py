"""The twin: an app as a Linux program does what the guest does, at the speed of the processor."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.errors import MachineError
from bfbuild.machine import twin
from bfbuild.machine.harvest import harvest
from bfbuild.machine.spec import BootSpec
from bfbuild.machine.verdict import Verdict
from tests.fsck import complaints, cut_out
from tests.guest.test_guests import ARGUMENTS, PANICS
from tests.jit.conftest import COMPILER

if TYPE_CHECKING:
    from bfbuild.machine.transcript import Transcript
    from tests.conftest import Boot, Built, Tool, Twin
    from tests.jit.conftest import Compiler

BITCODE = "src/app/optimizer/kernels.c.bc"
DATA_LBA = 2048
KERNELS = 9
GUESTS = ("arguments", "fail", "features", "format", "heap", "maths64", "profile", "strings", "timer")
PANIC_GUESTS = ("assertion", "divide", "double_free", "opcode", "trace")


@pytest.fixture(scope="module")
def disk(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk of the optimizer that its twin may write to, in the order of the tests."""
    return Path(shutil.copyfile(built("optimizer.img")["optimizer.img"], tmp_path_factory.mktemp("t") / "own.img"))


@pytest.fixture(scope="module")
def first(start_twin: Twin, disk: Path) -> Transcript:
    """What the optimizer's twin says that finds no artifact."""
    return start_twin("optimizer", disk, writable=True).require_ok().transcript


def results(transcript: Transcript) -> dict[str, int]:
    """What each kernel computed, before and after."""
    return {each.text("name"): each.number("result") for each in transcript.all("test")}


def states(transcript: Transcript) -> dict[str, tuple[str, str]]:
    """What became of each function: its state, and where that is known from."""
    return {each.text("name"): (each.text("state"), each.text("from")) for each in transcript.all("optimized")}


def test_a_twin_computes_what_the_guest_computes(first: Transcript, start: Boot, built: Built) -> None:
    """The app's results are those of the same app in QEMU, before functions were compiled anew and after."""
    guest = start(built("optimizer.img")["optimizer.img"], deterministic=True, extra=("-cpu", "max"), timeout_s=120)
    assert len(results(first)) == 2 * KERNELS
    assert results(first) == results(guest.require_ok().transcript)


def test_every_function_is_decided(first: Transcript) -> None:
    """All that are called often are measured against new code, made by the compiler module within the process."""
    decided = {name: state for name, (state, origin) in states(first).items() if origin == "here"}
    assert decided.pop("nothing") == "counted"
    assert len(decided) == KERNELS
    assert set(decided.values()) <= {"optimized", "rejected"}
    assert first.one("optimizer").number("compiler_calls") >= 2 * KERNELS  # for everybody, and to count branches


def test_the_host_makes_what_the_twin_kept(first: Transcript, disk: Path, compiler: Compiler, built: Built) -> None:
    """Law 4 for a third witness: every artifact is what the host's compiler makes of its request, byte for byte."""
    files = built(BITCODE, COMPILER)
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    kept = [each for each in harvest(disk) if each.object]
    optimized = {name for name, (state, _) in states(first).items() if state == "optimized"}
    assert {each.function for each in kept} >= optimized
    for artifact in kept:
        assert artifact.bitcode == digests[BITCODE]
        assert artifact.compiler == digests[COMPILER]
        made = compiler.answer(artifact.request.decode(), files[BITCODE])
        assert (made.object, made.optimized) == (artifact.object, artifact.optimized), artifact.request


def test_a_second_run_needs_no_compiler(first: Transcript, disk: Path, start_twin: Twin, tool: Tool) -> None:
    """What the first run found out is there at once, though the module is gone from the disk; which is sound."""
    done = tool("mdel", "-i", f"{disk}@@{DATA_LBA * 512}", "::JIT/COMPILER.ELF")
    assert done.returncode == 0, done.stderr
    warm = start_twin("optimizer", disk, writable=True).require_ok().transcript
    known = {name: (state, "here" if state == "counted" else "disk") for name, (state, _) in states(first).items()}
    assert states(warm) == known
    assert warm.one("optimizer").number("compiler_calls") == 0
    assert complaints(tool, cut_out(disk, disk.with_name("volume.img"), DATA_LBA)) == []


def test_what_a_twin_writes_is_thrown_away(start_twin: Twin, built: Built, tmp_path: Path) -> None:
    """Unless it is told to keep it, the image stays as it was."""
    image = Path(shutil.copyfile(built("jit/optimize.img")["jit/optimize.img"], tmp_path / "own.img"))
    before = hashlib.sha256(image.read_bytes()).digest()
    ended = start_twin("jit/optimize", image, args="short").require_ok()
    assert states(ended.transcript)["fibonacci"] == ("optimized", "here")
    assert hashlib.sha256(image.read_bytes()).digest() == before


def test_a_module_may_fail_in_every_way(start_twin: Twin, built: Built) -> None:
    """Faults, no stack, no memory, no end, last words: signals tell of them what interrupts do."""
    start_twin("jit/faults", built("jit/faults.img")["jit/faults.img"]).require_ok()


def test_swaps_are_safe_under_signals(start_twin: Twin, built: Built) -> None:
    """Ten thousand swaps while signals come at any instruction, ten thousand a second, and call the function."""
    start_twin("jit/swap", built("jit/swap.img")["jit/swap.img"]).require_ok()


@pytest.mark.parametrize("name", GUESTS)
def test_a_guest_without_hardware_passes_as_a_twin(start_twin: Twin, built: Built, name: str) -> None:
    """Test guests say what they say in QEMU."""
    ended = start_twin(f"guest/{name}", built("bareflow.img")["bareflow.img"], args=ARGUMENTS.get(name, ""))
    assert ended.verdict is (Verdict.FAILED if name == "fail" else Verdict.OK), ended.transcript.text


@pytest.mark.parametrize("name", PANIC_GUESTS)
def test_a_panic_is_told_as_a_guest_tells_it(start_twin: Twin, built: Built, name: str) -> None:
    """The record, the function and the backtrace are those of the same guest in QEMU, but for the entry's name."""
    ended = start_twin(f"guest/panic_{name}", built("bareflow.img")["bareflow.img"])
    wanted, panic = PANICS[f"panic_{name}"], ended.transcript.panic
    assert ended.verdict is Verdict.PANIC
    assert panic is not None
    assert (panic.number("vector"), panic.text("name")) == (wanted.vector, wanted.name)
    assert panic.text("symbol").split("+")[0] == wanted.symbol
    frames = [frame.text("symbol").split("+")[0] for frame in ended.transcript.all("frame")]
    assert frames == [each.replace("kernel_entry", "twin_entry") for each in wanted.frames]


def test_a_twin_has_the_memory_that_is_asked_for(start_twin: Twin, built: Built) -> None:
    """As many MiB as a machine would have, from where its heap begins; 128 where nothing is said."""
    image = built("bareflow.img")["bareflow.img"]
    for mib in (16, 512):
        said = start_twin("guest/heap", image, memory_mib=mib).require_ok().transcript
        assert said.one("memory").number("total") == (mib - 1) << 20


@pytest.mark.parametrize("memory", ["0", "1", "x", "12x", "99999999999", ""])
def test_memory_that_cannot_be_is_refused(built: Built, memory: str) -> None:
    """The twin says how it is used, with the status of one that cannot begin."""
    program = built("optimizer.twin")["optimizer.twin"]
    try:
        twin.check(program)
    except MachineError as error:
        pytest.skip(error.headline)
    ended = subprocess.run([program, "--memory", memory, "disk.img"], capture_output=True, text=True, check=False)
    assert ended.returncode == twin.UNUSABLE
    assert ended.stderr == "twin: usage: [--keep] [--memory MIB] IMAGE [run|bench [ARGUMENTS]]\n"


def test_a_host_without_i386_programs_is_told_apart(tmp_path: Path) -> None:
    """A program that Linux cannot run gives a message of its own, not that of a boot that failed."""
    program = tmp_path / "foreign.twin"
    program.write_bytes(b"\x7fELF\x01\x01\x01" + bytes(100))
    program.chmod(0o755)
    with pytest.raises(MachineError, match=twin.NO_I386):
        twin.check(program)


def test_a_host_that_gives_too_little_is_told_apart(built: Built, tmp_path: Path) -> None:
    """Where memory is rationed the twin says what it did not get."""
    real = built("optimizer.twin")["optimizer.twin"]
    program = tmp_path / "rationed.twin"
    program.write_text(f'#!/bin/sh\nulimit -v 100000\nexec {real} "$@"\n')
    program.chmod(0o755)
    with pytest.raises(MachineError) as caught:
        twin.run(BootSpec(built("bareflow.img")["bareflow.img"]), program)
    if caught.value.headline == twin.NO_I386:
        pytest.skip(twin.NO_I386)
    assert "the memory: Linux does not give its addresses" in str(caught.value.facts)
