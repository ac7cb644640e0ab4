"""Functions that exist only as bitcode: interpreted, then compiled; or the reason why not."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Boot, Built, Tool

PATIENCE_S = 300.0
INTERPRETED = {"collatz", "ackermann", "mix_wide", "count", "ask_back"}
COMPILED = "area"  # at the start, because it computes in floating point


@pytest.mark.parametrize("processor", ["max", "pentium2"])
def test_bitcode_is_interpreted_then_compiled(built: Built, start: Boot, tmp_path: Path, processor: str) -> None:
    """The first calls are interpreted, code comes after them and stays; the next boot has it without the compiler."""
    disk = tmp_path / "own.img"
    shutil.copyfile(built("jit/interpreted.img")["jit/interpreted.img"], disk)
    wanted = {"writable": True, "extra": ("-cpu", processor), "timeout_s": PATIENCE_S}
    first = {each.text("name"): each for each in start(disk, **wanted).require_ok().transcript.all("optimized")}
    assert set(first) == {*INTERPRETED, COMPILED}
    assert all(first[name].text("state") == "optimized" for name in first)
    assert all(first[name].number("before") > 10 * first[name].number("after") for name in INTERPRETED)
    assert first[COMPILED].number("calls") == 0
    warm = start(disk, **wanted).require_ok().transcript
    origins = {each.text("name"): each.text("from") for each in warm.all("optimized")}
    assert {name for name, origin in origins.items() if origin == "disk"} == INTERPRETED


def test_the_kernel_has_no_code_of_them(built: Built, tool: Tool, tmp_path: Path) -> None:
    """What exists only as bitcode is in no kernel; its neighbour in the same source is."""
    kernel = tmp_path / "kernel.elf"
    shutil.copyfile(built("jit/interpreted.elf")["jit/interpreted.elf"], kernel)
    names = {line.split()[-1] for line in tool("llvm-nm", str(kernel)).stdout.splitlines()}
    assert not {f"aot_{name}" for name in (*INTERPRETED, COMPILED)} & names
    assert {"counted_so_far", *INTERPRETED} <= names


def test_without_an_interpreter_the_reason_is_told(built: Built, start: Boot) -> None:
    """Nothing can run such a function without the module: the panic says which one, and why."""
    run = start(built("jit/no_interpreter.img")["jit/no_interpreter.img"])
    assert run.transcript.one("panic")
    assert "collatz exists only as bitcode: the compiler module cannot be read" in run.transcript.text
