"""LLVM's own tools, from the project's lock, run in the sandbox on code of the store."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bfbuild.action.action import WORK
from bfbuild.errors import ActionError, RecipeError
from bfbuild.execute.sandbox import Bind
from bfbuild.recipe.model import Toolchain

if TYPE_CHECKING:
    from pathlib import Path

    from bfbuild.commands.project import Project

HARMLESS_S = 60.0
INSTRUCTION = re.compile(r"[0-9a-f]+(:| <)")  # or the symbol before some, or the relocation in one
DISASSEMBLER, IR = "llvm-objdump", "llvm-dis"


def disassembly(project: Project, object_: bytes, symbol: str = "") -> list[str]:
    """Return the instructions of an object, or of a function in it, but for those that only fill up."""
    chosen = [f"--disassemble-symbols={symbol}"] if symbol else ["--disassemble"]
    argv = [DISASSEMBLER, *chosen, "--reloc", "--no-show-raw-insn", "object.o"]
    lines = (" ".join(line.split()) for line in _run(project, argv, {"object.o": object_}).splitlines())
    return [line for line in lines if INSTRUCTION.match(line) and not line.endswith(" nop")]


def ir(project: Project, bitcode: bytes) -> str:
    """Return bitcode as text."""
    return _run(project, [IR, "-o", "-", "code.bc"], {"code.bc": bitcode})


def _run(project: Project, argv: Sequence[str], files: Mapping[str, bytes]) -> str:
    toolchain, root = _toolchain(project, argv[0])
    with project.store.scratch.folder() as folder:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        command = project.sandbox.wrap(argv, [Bind(folder, f"/{WORK}")], root, f"/{WORK}")
        environment = {"PATH": ":".join(toolchain.path), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, errors="replace", check=False, timeout=HARMLESS_S
        )
    if done.returncode != 0:
        raise ActionError(
            "a tool of LLVM failed", facts=[("tool", argv[0]), ("exit", done.returncode)], detail=done.stderr
        )
    return done.stdout


def _toolchain(project: Project, program: str) -> tuple[Toolchain, Path]:
    """Return the first toolchain that has a program, and where it is unpacked."""
    for toolchain in project.graph.of_type(Toolchain):
        root = project.toolchains.ensure(toolchain)
        if any(os.path.lexists(root / folder.lstrip("/") / program) for folder in toolchain.path):
            return toolchain, root
    raise RecipeError(f"no toolchain of this project has {program}", hint="Debian's package llvm-19 has it")
