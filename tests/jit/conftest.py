"""The compiler module as a Linux program, and the bitcode it is tried with."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Built

COMPILER = "jit/compiler.elf"
KERNELS = "tests/jit/kernels.c.bc"
VARIABLE = "tests/jit/variable.c.bc"
HARMLESS_S = 60.0


@dataclass(frozen=True)
class Compiled:
    """What the module made of a request: the object, or why there is none."""

    exit_code: int
    object: bytes
    optimized: bytes
    message: str


@dataclass(frozen=True)
class Compiler:
    """The module, run on this machine. It is static and asks for nothing but the kernel."""

    program: Path
    folder: Path

    def __call__(self, function: str, features: str, bitcode: Path, *, recursion: int = 0) -> Compiled:
        """Compile one function by the general request for it."""
        return self.answer(request(function, features, bitcode, recursion=recursion), bitcode)

    def answer(self, text: str, bitcode: Path) -> Compiled:
        """Answer a request."""
        asked, *results = (self.folder / name for name in ("request.txt", "result.o", "result.bc"))
        asked.write_text(text)
        for result in results:
            result.unlink(missing_ok=True)
        argv = [str(each) for each in (self.program, asked, bitcode, *results)]
        done = subprocess.run(argv, env={}, capture_output=True, text=True, check=False, timeout=HARMLESS_S)
        made, optimized = (result.read_bytes() if result.exists() else b"" for result in results)
        return Compiled(done.returncode, made, optimized, done.stderr)


def request(function: str, features: str, bitcode: Path, *, recursion: int = 0) -> str:
    """The general request for a function, as FORMAT.md says. What the module is called does not matter to it."""
    return (
        f"bareflow-request 2\ncompiler {64 * '0'}\nbitcode {hashlib.sha256(bitcode.read_bytes()).hexdigest()}\n"
        f"function {function}\nfeatures {features or 'none'}\nrecursion {recursion}\n"
    )


@pytest.fixture(scope="session")
def jit_files(built: Built) -> Callable[[str], Path]:
    """Find a built file by its name."""
    files = built(COMPILER, KERNELS, VARIABLE)
    return files.__getitem__


@pytest.fixture(scope="session")
def kernels(jit_files: Callable[[str], Path]) -> Path:
    """Bitcode of kernels.c."""
    return jit_files(KERNELS)


@pytest.fixture
def compiler(jit_files: Callable[[str], Path], tmp_path: Path) -> Compiler:
    """The module, where this machine runs programs of 32 bits."""
    program = jit_files(COMPILER)
    try:
        subprocess.run([program], env={}, capture_output=True, check=False, timeout=HARMLESS_S)
    except OSError as error:
        pytest.skip(f"this machine runs no i386 programs: {error.strerror}")
    return Compiler(program, tmp_path)
