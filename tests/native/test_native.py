"""Rooms of the library as programs of the building machine: compared with models and with other people's work.

Sanitizers watch every one of them; what they find ends the program, and its report is the test's.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fsck import complaints, cut_out, harm
from tests.native.conftest import DATA_LBA

if TYPE_CHECKING:
    from bfbuild.execute.sandbox import Sandbox
    from tests.conftest import Built, Tool
    from tests.native.conftest import Native

SEEDS = (1, 2, 3)
COMPLETE = 2  # fat16_powercut: the operation ended before the power went
MOST_WRITES = 200
OPERATIONS = ("replace", "rename", "append", "replace-absent", "rename-absent", "neighbours", "growth")


def passes(native: Native, *words: str) -> str:
    """Run a program that must succeed; return what it says."""
    done = native(*words)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    return done.stdout.decode()


@pytest.mark.parametrize(
    ("fault", "report"),
    [
        ("overrun", b"heap-buffer-overflow"),
        ("overflow", b"signed integer overflow"),
        ("leak", b"detected memory leaks"),
        ("none", b""),
    ],
)
def test_the_sanitizers_watch(native: Native, sandbox: Sandbox, fault: str, report: bytes) -> None:
    """A program with a fault ends with its report, one without ends in silence: the tests below can fail."""
    if fault == "leak" and sandbox.level == "proot":
        pytest.skip("leaks are looked for by ptrace, which proot uses itself")
    done = native("faulty", fault)
    assert report in done.stderr
    assert (done.returncode == 0) == (fault == "none")


def test_arithmetic_is_that_of_a_64_bit_processor(native: Native) -> None:
    """Our 64-bit helpers agree with the machine's own arithmetic around every power of two, and on random numbers."""
    passes(native, "compiler_rt_check", "1", "1000000")


def test_soft_floating_point_is_that_of_the_processor(native: Native) -> None:
    """Sums, products, quotients, conversions and comparisons have the machine's bits, at every end of the formats."""
    passes(native, "soft_float_check", "1", "300000")


def test_strings_do_what_the_c_standard_says(native: Native) -> None:
    """Copies and comparisons touch exactly their bytes, at every alignment and length up to a few words."""
    passes(native, "string_check")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_heap_keeps_blocks_apart_and_takes_all_back(native: Native, seed: int) -> None:
    """Random blocks keep their bytes, freed memory is whole again, and misuse panics with words that say which."""
    passes(native, "heap_stress", str(seed), "200000")


@pytest.mark.parametrize("piece", [1, 3, 63, 64, 65, 4096])
def test_a_digest_is_that_of_the_standard(native: Native, piece: int) -> None:
    """SHA-256 agrees with Python's at every length around a block, in whatever pieces the data come."""
    for size in (0, 1, 55, 56, 63, 64, 65, 119, 120, 1000):
        data = bytes(i * 7 % 256 for i in range(size))
        assert native("sha256_check", str(piece), data=data).stdout.decode().strip() == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_volume_holds_what_a_table_of_files_holds(
    native: Native, volume: Path, tool: Tool, tmp_path: Path, seed: int
) -> None:
    """Random operations leave on the volume what they leave in a plain model, and fsck.fat finds nothing wrong."""
    after = tmp_path / "after.img"
    passes(native, "fat16_model", str(volume), str(after), str(seed), "5000")
    assert complaints(tool, cut_out(after, tmp_path / "partition.img", DATA_LBA)) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_hostile_volume_cannot_harm(native: Native, volume: Path, seed: int) -> None:
    """Whatever the damage, nothing is read or written outside of the volume and of memory, and every call returns."""
    said = passes(native, "fat16_hostile", str(volume), str(seed), "400")
    mounted, _, rounds = said.split()[:3]
    assert int(rounds) // 4 < int(mounted) < int(rounds)  # both kinds were met


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_power_cut_leaves_the_old_or_the_new(
    native: Native, volume: Path, tool: Tool, tmp_path: Path, operation: str
) -> None:
    """The power goes at each write in turn: the file is whole, nothing is harmed, and a repair leaves no trace."""

    def cut(number: int) -> bool:
        """Cut at a write; return whether the operation was already complete."""
        after, repaired, partition = (tmp_path / f"{number}.{each}" for each in ("img", "repaired", "partition"))
        done = native("fat16_powercut", str(volume), str(after), str(repaired), operation, str(number), "1")
        assert done.returncode in (0, COMPLETE), (number, done.stdout, done.stderr)
        complete = done.returncode == COMPLETE
        check = complaints if complete else harm
        assert check(tool, cut_out(after, partition, DATA_LBA)) == [], number
        assert complaints(tool, cut_out(repaired, partition, DATA_LBA)) == [], number
        for path in (after, repaired, partition):
            path.unlink()
        return complete

    last = next(number for number in range(0, MOST_WRITES, 8) if cut(number))
    with ThreadPoolExecutor() as pool:
        complete = list(pool.map(cut, range(last + 1)))
    assert complete == sorted(complete)
    assert complete.count(False) >= 10  # the operation has so many writes that the power went at


def test_mtools_and_we_read_each_others_files(native: Native, volume: Path, tool: Tool, tmp_path: Path) -> None:
    """What one writes, long names and directories too, the other reads."""
    at, ours, theirs = f"{volume}@@{DATA_LBA * 512}", b"ours\n" * 5000, b"theirs\n" * 3000
    assert native("fat16_tool", str(volume), "mkdir", "A directory").returncode == 0
    assert native("fat16_tool", str(volume), "put", "A directory/Our own file.text", data=ours).returncode == 0
    (tmp_path / "theirs").write_bytes(theirs)
    assert tool("mcopy", "-i", at, str(tmp_path / "theirs"), "::A directory/Their own file.text").returncode == 0
    assert native("fat16_tool", str(volume), "cat", "A directory/Their own file.text").stdout == theirs
    assert tool("mcopy", "-i", at, "::A directory/Our own file.text", str(tmp_path / "ours")).returncode == 0
    assert (tmp_path / "ours").read_bytes() == ours
    assert native("fat16_tool", str(volume), "ls", "A directory").stdout.decode().splitlines() == [
        f"f {len(ours)} Our own file.text",
        f"f {len(theirs)} Their own file.text",
    ]
    assert complaints(tool, cut_out(volume, tmp_path / "partition.img", DATA_LBA)) == []


def test_what_is_kept_comes_back_whole_or_not_at_all(native: Native, volume: Path, tool: Tool, tmp_path: Path) -> None:
    """Each bit flipped, each length cut, other requests, power cuts, a full disk, too many: never a wrong answer."""
    passes(native, "artifact_check", str(volume))
    assert harm(tool, cut_out(volume, tmp_path / "partition.img", DATA_LBA)) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_an_object_is_linked_or_refused(native: Native, built: Built, tmp_path: Path, seed: int) -> None:
    """A damaged object harms nobody; most damage is met in places that matter."""
    path = tmp_path / "object.o"
    path.write_bytes(built("jit/kernels.o")["jit/kernels.o"].read_bytes())
    linked, malformed, unknown = map(
        int, passes(native, "object_hostile", str(path), "classify", str(seed), "20000").split()
    )
    assert min(linked, malformed, unknown) > 0
    assert linked + malformed + unknown == 20000
