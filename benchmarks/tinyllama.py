"""The whole road of a large model: a GGUF file of TinyLlama-1.1B's shape, its disk, a guest that says tokens of it.

    .venv/bin/python benchmarks/tinyllama.py [--folder FOLDER]

The weights are made up: 1.1 billion of them in Q4_0, all 22 layers, 620 MB. In the folder lies a copy of this project
with a recipe for that model, and what was built, some 3 GB. Its store is the one that BAREFLOW_CACHE names, or else one
of its own, which first builds everything. Then the program runs natively, and in the emulator.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from bfbuild.commands.boot import Bootable
from bfbuild.machine import qemu, twin
from bfbuild.machine.verdict import Run
from tests.weights.made import Shape, gguf_head, keys, matrices

ROOT = Path(__file__).parents[1]
SHAPE = Shape(dim=2048, hidden=5632, layers=22, heads=32, kv_heads=4, vocabulary=32_000, context=2048)
MODEL = "models/tinyllama.gguf"
RECIPE = f'''"""TinyLlama's shape, with made-up weights."""

from bfbuild import Model, Run
from chat import app, kernels, native, needs
from kernel import kernel
from layout import MIB, disk
from toolchain import llvm, qemu

model = Model(name="tinyllama/model.bin", weights="{MODEL}", toolchain=llvm)
files = {{"MODEL.BIN": model, **needs}}
elf, image = kernel("tinyllama", (*app, kernels), files=files, disk=disk("road", 800 * MIB), default=False)
Run(name="tinyllama", image=image, elf=elf, twin=native, toolchain=qemu, memory=1 << 30, cpu="max", timeout=1200)
'''
NOT_COPIED = (".git", ".venv", "build", "cache", "dist", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")


def main() -> int:
    """Make all of it, boot it, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="where everything is kept; else it is thrown away")
    folder = parser.parse_args().folder
    if folder is not None:
        return road(folder)
    with tempfile.TemporaryDirectory() as thrown_away:
        return road(Path(thrown_away))


def road(folder: Path) -> int:
    """Go it in this folder."""
    project = folder / "project"
    shutil.copytree(ROOT, project, ignore=shutil.ignore_patterns(*NOT_COPIED), dirs_exist_ok=True)
    (project / "recipes/tinyllama.py").write_text(RECIPE)
    (project / MODEL).parent.mkdir(exist_ok=True)
    tell("made-up weights, GGUF", lambda: write(project / MODEL))
    bootable = tell("model, disk and program built", lambda: Bootable(project, "tinyllama"))
    program, spec, wrap = bootable.twin(), bootable.spec("run", args="jit=0 tokens=4 tell Once"), bootable.wrap
    for name in (MODEL, "build/tinyllama.img"):
        sys.stdout.write(f"{name}: {(project / name).stat().st_size:,} bytes\n")
    show(tell("native: loaded, four tokens said", lambda: twin.run(spec, program)))
    show(tell("emulated: booted, loaded, four tokens said", lambda: qemu.boot(spec, wrap)))
    return 0


def write(path: Path) -> None:
    """Write the GGUF file: blocks of 32 half bytes with a small scale, and norms about 1; always the same."""
    random = np.random.default_rng(1)
    kinds = [(name, "Q4_0" if rows > 1 else "F32", rows, columns) for name, (rows, columns) in matrices(SHAPE).items()]
    sizes = [rows * columns // 32 * 18 if kind == "Q4_0" else columns * 4 for _, kind, rows, columns in kinds]
    with path.open("wb") as file:
        file.write(gguf_head(keys(SHAPE), kinds, sizes))
        for _, kind, rows, columns in kinds:
            if kind == "F32":
                file.write(random.normal(1, 0.1, columns).astype(np.float32).tobytes())
                continue
            blocks = random.integers(0, 256, (rows * columns // 32, 18), np.uint8)
            blocks[:, :2] = random.uniform(0.001, 0.01, len(blocks)).astype(np.float16).view(np.uint8).reshape(-1, 2)
            file.write(blocks.tobytes())


T = TypeVar("T")


def tell(what: str, work: Callable[[], T]) -> T:
    """Do the work; print how long it took."""
    began = time.perf_counter()
    done = work()
    sys.stdout.write(f"{what}: {time.perf_counter() - began:.1f} s\n")
    return done


def show(run: Run) -> None:
    """Print what the program said."""
    lines = run.require_ok().transcript.text.splitlines()
    sys.stdout.write("".join(f"    {line}\n" for line in lines if not line.startswith("@bf") and line))


if __name__ == "__main__":
    sys.exit(main())
