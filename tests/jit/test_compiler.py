"""The compiler module on Linux: equal requests, equal objects; what it cannot compile it refuses with words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Tool
from tests.jit.conftest import COMPILER, KERNELS, VARIABLE, Compiler, request
from tests.jit.processors import I686, PROCESSORS, SSE2, V3, V4

LAYOUT = "e-m:e-p:32:32-p270:32:32-p271:32:32-p272:64:64-i128:128-f64:32:64-f80:32-n8:16:32-S128"  # of i686
MOST_BYTES = 34 << 20  # of the module: what it takes to hold LLVM for one processor family


def disassembly(tool: Tool, folder: Path, data: bytes) -> str:
    """What llvm-objdump says of an object."""
    path = folder / "shown.o"
    path.write_bytes(data)
    return tool("llvm-objdump", "-dr", str(path)).stdout


@pytest.mark.parametrize("features", PROCESSORS.values(), ids=PROCESSORS)
def test_equal_requests_give_equal_objects(compiler: Compiler, kernels: Path, features: str) -> None:
    """Two processes, at other addresses each, make the same bytes of one function."""
    first, second = (compiler("matmul", features, kernels) for _ in range(2))
    assert (first.exit_code, first.message) == (0, "")
    assert first.object.startswith(b"\x7fELF")
    assert first == second


def test_a_processor_gets_what_it_can_do(compiler: Compiler, kernels: Path, tool: Tool, tmp_path: Path) -> None:
    """A loop becomes code for the widest registers there are, and has none for an i686, whatever the build forbade."""
    plain = disassembly(tool, tmp_path, compiler("dot", I686, kernels).object)
    vectors = disassembly(tool, tmp_path, compiler("dot", V3, kernels).object)
    assert "imul" in plain
    assert not re.search("[xy]mm", plain)
    assert "vpmulld" in vectors
    assert "%ymm" in vectors
    assert "%zmm" in disassembly(tool, tmp_path, compiler("dot", V4, kernels).object)


def test_an_object_holds_what_is_wanted_alone(compiler: Compiler, kernels: Path, tool: Tool, tmp_path: Path) -> None:
    """Of all functions of a source the one that is asked for remains, and those of other files that it calls."""
    path = tmp_path / "object"
    path.write_bytes(compiler("call_another", I686, kernels).object)
    names = [line.split()[-2:] for line in tool("llvm-nm", str(path)).stdout.splitlines()]
    assert names == [["T", "call_another"], ["U", "leaf_of_another_file"]]


@pytest.mark.parametrize(
    ("function", "source", "words"),
    [
        ("no_such_function", KERNELS, "the bitcode does not define no_such_function"),
        ("leaf_of_another_file", KERNELS, "the bitcode does not define leaf_of_another_file"),
        ("count_calls", VARIABLE, "uses the variable calls, which the build's code cannot share"),
    ],
)
def test_what_cannot_be_compiled_is_refused(
    compiler: Compiler, jit_files: Callable[[str], Path], function: str, source: str, words: str
) -> None:
    """No object, exit status 1, and a sentence that says why."""
    refused = compiler(function, I686, jit_files(source))
    assert (refused.exit_code, refused.object) == (1, b"")
    assert words in refused.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("request 2", "request 1"), "not of version 2"),
        (("compiler 0", "compiler "), "no digests"),
        (("bitcode ", "bitcode A"), "no digests"),
        (("function dot\n", "function\n"), "no function"),
        (("features none", "feature none"), "no function or no features"),
        (("recursion 0", "recursion 00"), "no levels of recursion"),
        (("recursion 0", "recursion 65"), "no levels of recursion"),
        (("recursion 0\n", "recursion 0"), "no levels of recursion"),
        (("recursion 0\n", "recursion 0\n\n"), "lines that are not known"),
        (("recursion 0\n", "recursion 0\nbetter yes\n"), "lines that are not known"),
        (("recursion 0\n", "recursion 0\n\0"), "is no text"),
        (("recursion 0\n", "recursion 0\ncount calls\n"), "something else than branches"),
        (("recursion 0\n", "recursion 0\ncount branches\nconstant 0 1\n"), "something else than branches"),
        (("recursion 0\n", "recursion 0\nconstant 2\n"), "a constant that is none"),
        (("recursion 0\n", "recursion 0\nconstant 2 -1\n"), "a constant that is none"),
        (("recursion 0\n", "recursion 0\nconstant 2 4294967296\n"), "a constant that is none"),
        (("recursion 0\n", "recursion 0\nconstant 2 7\nconstant 2 8\n"), "a constant that is none"),
        (("recursion 0\n", "recursion 0\nconstant 2 7\nconstant 0 8\n"), "a constant that is none"),
        (("recursion 0\n", "recursion 0\nbranches 0\n"), "outcomes of branches that are none"),
        (("recursion 0\n", "recursion 0\nbranches 0f\n"), "outcomes of branches that are none"),
        (("recursion 0\n", "recursion 0\nbranches 00\nconstant 2 7\n"), "lines that are not known"),
        (("recursion 0\n", "recursion 0\nbranches 0000\n"), "about 2 branches, the bitcode has 1"),
        (("recursion 0\n", "recursion 0\nconstant 3 7\n"), "word 3 of the arguments of dot is no integer"),
    ],
)
def test_a_malformed_request_is_refused(compiler: Compiler, kernels: Path, change: tuple[str, str], words: str) -> None:
    """A request is spelled in one way, since its digest is its name; anything else gives a sentence, not an object."""
    text = request("dot", I686, kernels)
    assert change[0] in text
    refused = compiler.answer(text.replace(*change), kernels)
    assert (refused.exit_code, refused.object, refused.optimized) == (1, b"", b"")
    assert words in refused.message


def test_the_optimized_bitcode_is_what_the_object_is_made_of(
    compiler: Compiler, kernels: Path, tool: Tool, tmp_path: Path
) -> None:
    """It is bitcode that LLVM reads, of the wanted function alone, with the vectors that the object has."""
    path = tmp_path / "optimized.bc"
    path.write_bytes(compiler("dot", V3, kernels).optimized)
    text = tool("llvm-dis", str(path), "-o", "-").stdout
    assert re.findall(r"^define .*@(\w+)\(", text, re.MULTILINE) == ["dot"]
    assert "<8 x i32>" in text


@pytest.mark.parametrize(
    ("function", "word"), [("power_mod", 0), ("power_mod", 1), ("power_mod", 4), ("by_value", 0), ("by_value", 2)]
)
def test_a_part_of_an_argument_is_no_constant(compiler: Compiler, kernels: Path, function: str, word: int) -> None:
    """Of an argument of two words, or of a structure, no word can be known alone: refused, not guessed."""
    refused = compiler.answer(request(function, I686, kernels) + f"constant {word} 1\n", kernels)
    assert (refused.exit_code, refused.object) == (1, b"")
    assert f"word {word} of the arguments of {function} is no integer of one word, and no pointer" in refused.message


def test_a_version_for_a_value_stands_behind_a_guard(
    compiler: Compiler, kernels: Path, tool: Tool, tmp_path: Path
) -> None:
    """A known count unrolls the loop for it; the general loop is there too, for all others."""
    text = request("matmul", I686, kernels) + "constant 3 2\n"
    code = disassembly(tool, tmp_path, compiler.answer(text, kernels).object)
    assert re.search(r"cmpl\s+\$0x2,", code)
    assert code.count("imul") > disassembly(tool, tmp_path, compiler("matmul", I686, kernels).object).count("imul")


def test_outcomes_of_branches_reach_the_optimizer(
    compiler: Compiler, kernels: Path, tool: Tool, tmp_path: Path
) -> None:
    """A loop that turns often gets other code than one that turns seldom; what was not met has no weights."""
    objects = set()
    for outcomes in ("00", "F1", "11"):
        path = tmp_path / "optimized.bc"
        made = compiler.answer(request("dot", V3, kernels) + f"branches {outcomes}\n", kernels)
        path.write_bytes(made.optimized)
        assert ("branch_weights" in tool("llvm-dis", str(path), "-o", "-").stdout) == (outcomes != "00")
        objects.add(made.object)
    assert len(objects) == 3


def test_counting_code_asks_for_counters(compiler: Compiler, kernels: Path, tool: Tool, tmp_path: Path) -> None:
    """They are two words for each branch, under a name that the kernel gives to them."""
    path = tmp_path / "object"
    path.write_bytes(compiler.answer(request("dot", I686, kernels) + "count branches\n", kernels).object)
    names = [line.split()[-2:] for line in tool("llvm-nm", str(path)).stdout.splitlines()]
    assert names == [["T", "dot"], ["U", "jit_branches"]]


@pytest.mark.parametrize("size", [0, 3, 4, 100, 2000])
def test_broken_bitcode_is_refused(compiler: Compiler, kernels: Path, tmp_path: Path, size: int) -> None:
    """Bitcode that breaks off gives a message, not an object."""
    path = tmp_path / "broken.bc"
    path.write_bytes(kernels.read_bytes()[:size])
    refused = compiler("dot", I686, path)
    assert (refused.exit_code, refused.object) == (1, b"")
    assert refused.message.strip()


def test_bitcode_for_another_machine_is_refused(compiler: Compiler, tool: Tool, tmp_path: Path) -> None:
    """A module whose data lie otherwise than an i686 has them is not compiled."""
    source, path = tmp_path / "other.ll", tmp_path / "other.bc"
    source.write_text('target triple = "x86_64-unknown-none-elf"\ndefine i32 @f() {\n ret i32 1\n}\n')
    assert tool("llvm-as", str(source), "-o", str(path)).returncode == 0
    assert "for another machine" in compiler("f", I686, path).message


def test_the_module_is_one_static_program_at_its_address(jit_files: Callable[[str], Path], tool: Tool) -> None:
    """It asks for no loader, lies where the layout says, its file lies in memory as on disk, and it keeps its size."""
    program = jit_files(COMPILER)
    headers = tool("llvm-readelf", "-lW", str(program)).stdout
    loads = [line.split() for line in headers.splitlines() if line.split()[:1] == ["LOAD"]]
    assert "INTERP" not in headers
    assert int(loads[0][2], 16) == 0xE0000000
    assert {int(virtual, 16) - int(offset, 16) for _, offset, virtual, *_ in loads} == {0xE0000000}
    assert program.stat().st_size < MOST_BYTES


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (("-x87,-sse2", "%r = frem double %x, 3.0"), "f takes a remainder of floating point"),
        (("-x87,-sse2", "%r = call double @llvm.sin.f64(double %x)"), "f uses llvm.sin.f64"),
        (("+x87,-sse2", "%r = fmul double %x, 3.0"), "f computes with x87"),
        (("-x87,-sse2", "%r = fmul double %x, 3.0"), ""),
        (("+x87,+sse2", "%r = frem double %x, 3.0"), ""),
    ],
)
def test_floats_that_might_differ_are_refused(
    compiler: Compiler, tool: Tool, tmp_path: Path, body: tuple[str, str], words: str
) -> None:
    """Where new code could give other bits than the build's, or look for them elsewhere, there is none."""
    built_for, operation = body
    source, path = tmp_path / "floats.ll", tmp_path / "floats.bc"
    source.write_text(
        f'target datalayout = "{LAYOUT}"\ntarget triple = "i686-unknown-none-elf"\n'
        f"declare double @llvm.sin.f64(double)\n"
        f'define double @f(double %x) "target-features"="{built_for}" {{\n {operation}\n ret double %r\n}}\n'
    )
    assert tool("llvm-as", str(source), "-o", str(path)).returncode == 0
    answer = compiler("f", SSE2, path)
    assert (answer.exit_code != 0) == bool(words)
    assert words in answer.message
