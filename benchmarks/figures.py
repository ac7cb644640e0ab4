"""The figures that BareFlow promises, measured on this machine, beside what the original had and what a peer needs.

    .venv/bin/python benchmarks/figures.py [--fetch]

Run it on a quiet machine, in a checkout that has been built. Wall times are the best of several rounds. The peer of a
build that has nothing to do is what every Python tool pays: an empty interpreter, and doit's own start. The peer of a
touched file is its compile and the links after it, run by hand without sandbox or store. `--fetch` also fetches and
unpacks the toolchains into an empty store; at 100 Mbit/s the download alone takes as long as the table says.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bfbuild.commands.project import Project
from bfbuild.recipe.model import SANDBOX, Toolchain
from bfbuild.toolchain.lock import Lock

ROOT = Path(__file__).parent.parent
DOIT = str(Path(sys.executable).with_name("doit"))
TOUCHED = ROOT / "src/app/demo/demo.c"
ROUNDS = 5
FIRST_RUN = ("sandbox", "llvm", "qemu")  # what `./bf run` needs
LINE = 100e6 / 8  # bytes a second

Row = tuple[str, str, str, str]  # what, measured, to reach, beside it


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fetch", action="store_true", help="fetch and unpack into an empty store as well")
    arguments = parser.parse_args()
    run("image")
    rows = [*guest_rows(), *build_rows(), *(fetch_rows() if arguments.fetch else [])]
    widths = [max(len(row[column]) for row in [HEAD, *rows]) for column in range(4)]
    for row in [HEAD, tuple("-" * width for width in widths), *rows]:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
    return 0


HEAD: Row = ("what", "measured", "to reach", "beside it")


def guest_rows() -> Iterator[Row]:
    """What the guest measures of itself, and how soon QEMU shows its first line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.json")
        run("bench", "--name", "demo", "--json", str(path), "--html", str(Path(folder, "bench.html")))
        [demo] = json.loads(path.read_text(encoding="utf-8"))["runs"]
    [boot] = demo["boots"]
    sizes = {each["name"]: each["bytes"] for each in demo["sizes"]}
    yield ("kernel image with everything", f"{sizes['kernel']:,} B", "28,794 B", "original: 28,794 B")
    yield ("kernel entry to app (icount)", f"{boot['init_cycles']:,} cycles", "1,000,000", "original: 3,146,383")
    lines = [run("run").stderr.splitlines()[-1] for _ in range(ROUNDS)]
    first = min(float(line.rpartition("after ")[2].removesuffix(" s")) for line in lines)
    yield ("QEMU start to the app's first line", f"{first:.2f} s", "1 s", "original: about 1 s")


def build_rows() -> Iterator[Row]:
    """Builds of the default image: nothing to do, and one C file touched or changed."""
    empty = best(lambda: subprocess.run([sys.executable, "-c", ""], check=True))
    start = best(lambda: subprocess.run([sys.executable, "-c", "import doit.doit_cmd"], check=True))
    nothing = best(lambda: run("image"))
    yield ("nothing changed, doit image", f"{nothing:.3f} s", "0.3 s", f"python: {empty:.3f} s, doit: {start:.3f} s")
    yield ("touch one C file, doit image", f"{best(touched):.2f} s", "1.5 s", "no action runs: the content is the same")
    text = TOUCHED.read_bytes()
    try:
        changed = best(lambda: edited(text))
    finally:
        TOUCHED.write_bytes(text)
        run("image")
    yield ("change one C file, doit image", f"{changed:.2f} s", "1.5 s", "compile, two links, sealed, new disk")


def fetch_rows() -> Iterator[Row]:
    """A first run's downloads: how long they take here, and how long a 100 Mbit/s line needs for their bytes."""
    project = Project(ROOT)
    lock = Lock.load(project.config.lock_path)
    wanted = [each for each in [SANDBOX, *project.graph.of_type(Toolchain)] if each.name in FIRST_RUN]
    packages = {package.key: package for each in wanted for package in lock.closure(each.name, each.packages)}
    size = sum(package.size for package in packages.values())
    with tempfile.TemporaryDirectory() as store:
        began = time.perf_counter()
        run("run", BAREFLOW_CACHE=store)
        took = time.perf_counter() - began
    line = f"{size / 1e6:.0f} MB: {size / LINE:.0f} s at 100 Mbit/s"
    yield ("fetch, unpack, build all, boot", f"{took:.0f} s", "90 s", line)


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run doit in the checkout, and insist on success."""
    variables = {**os.environ, **environment}
    return subprocess.run([DOIT, *words], cwd=ROOT, env=variables, check=True, capture_output=True, text=True)


def touched() -> None:
    """Build after a touch."""
    TOUCHED.touch()
    run("image")


def edited(text: bytes) -> None:
    """Build after an edit that no store has seen and that changes the kernel."""
    word = f'\nconst char edited[] __attribute__((used, retain)) = "{time.time_ns()}";\n'
    TOUCHED.write_bytes(text + word.encode())
    run("image")


def best(work: Callable[[], object]) -> float:
    """The shortest of several rounds, in seconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


if __name__ == "__main__":
    sys.exit(main())
