"""The compiler module as a Linux program, and the bitcode it is tried with."""

from __future__ import annotations

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
    message: str


@dataclass(frozen=True)
class Compiler:
    """The module, run on this machine. It is static and asks for nothing but the kernel."""

    program: Path
    folder: Path

    def __call__(self, function: str, features: str, bitcode: Path, *, recursion: int = 0) -> Compiled:
        """Compile one function."""
        result = self.folder / "result.o"
        result.unlink(missing_ok=True)
        argv = [str(self.program), function, features, str(recursion), str(bitcode), str(result)]
        done = subprocess.run(argv, env={}, capture_output=True, text=True, check=False, timeout=HARMLESS_S)
        return Compiled(done.returncode, result.read_bytes() if result.exists() else b"", done.stderr)


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
