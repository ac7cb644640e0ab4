"""The chat program beside llama.cpp: the same model file, one thread, on this processor, in turns.

    python3 -m venv FOLDER
    CMAKE_ARGS=-DGGML_NATIVE=ON FOLDER/bin/pip install --no-binary llama-cpp-python llama-cpp-python==0.3.36
    .venv/bin/python benchmarks/llama_cpp.py FOLDER/bin/python

Building llama.cpp takes some six minutes, and needs CMake and a C++ compiler; nothing of ours needs it. Ours is the
program's twin (src/twin): as it was built, for SSE2, and with the code that it compiled for this processor in a run
before. Processor time counts, so that other work on the machine matters little, and of several rounds the least. Both
are asked for the likeliest token each time, and whether they said the same is told: rounding may decide between two.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.commands.boot import Bootable
from bfbuild.machine import twin

if TYPE_CHECKING:
    from bfbuild.machine.spec import BootSpec

ROOT = Path(__file__).parent.parent
PEER = Path(__file__).with_name("llama_peer.py")
PACKAGE = "llama-cpp-python"
ROUNDS = 15
TOKENS = 32
WORD = "Once"
TEXT = (
    "Once upon a time there was a girl who lived in a small house at the edge of a forest. Every morning she went to"
    " the river with her dog, and they looked for stones that shone. One day they found"
)


@dataclass(frozen=True)
class Round:
    """What one contestant did in a round: tokens, a checksum of those that it said, and its processor time.

    That is in seconds: before the text was read, with that, and with all.
    """

    read: int
    said: int
    checksum: int
    seconds: tuple[float, float, float]


def main() -> int:
    """Run the rounds, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("python", type=Path, help=f"an interpreter that has {PACKAGE}: see the head of this file")
    python = parser.parse_args().python
    asked = subprocess.run([python, "-c", "import llama_cpp"], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        parser.error(f"{python} has no {PACKAGE}; the head of {Path(__file__).name} says how to get it")
    bootable = Bootable(ROOT, "chat")
    program = bootable.twin()
    bootable.project.build([bootable.project.graph.find("smollm2.gguf")])
    rounds: dict[str, list[Round]] = {"as built": [], "compiled": [], "llama.cpp": []}
    with tempfile.TemporaryDirectory() as folder:
        disk, model = Path(folder, "chat.img"), Path(folder, "model.gguf")
        shutil.copyfile(bootable.image, disk)
        bootable.project.store.cas.copy_to(bootable.project.output("smollm2.gguf").digest, model, executable=False)
        spec = bootable.spec("run", disk=disk)
        twin.run(replace(spec, mode="bench"), program).require_ok()  # leaves on the disk what it compiled
        spec = replace(spec, writable=False)
        for number in range(1, ROUNDS + 1):
            sys.stderr.write(f"round {number} of {ROUNDS}\n")
            rounds["as built"].append(ours(program, replace(spec, args="jit=0 ")))
            rounds["compiled"].append(ours(program, spec))
            rounds["llama.cpp"].append(theirs(python, model))
    show(rounds)
    return 0


def ours(program: Path, spec: BootSpec) -> Round:
    """What more the twin takes to read the text than a word, and to say many tokens than one."""
    took, read, said, checksum = list[float](), list[int](), list[int](), 0
    for tokens, text in ((1, WORD), (1, TEXT), (1 + TOKENS, TEXT)):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        told = twin.run(replace(spec, args=f"{spec.args}tokens={tokens} tell {text}"), program).require_ok().transcript
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        tests = {each.text("name"): each for each in told.all("test")}
        took.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
        read.append(tests["read"].number("calls"))
        said.append(tests["say"].number("calls"))
        checksum = tests["say"].number("result")
    return Round(read[1] - read[0], said[2] - said[1], checksum, (took[0], took[1], took[2]))


def theirs(python: Path, model: Path) -> Round:
    """What llama.cpp takes, and says of it itself."""
    words = [str(python), "-P", str(PEER), str(model), str(1 + TOKENS), TEXT]
    found = json.loads(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout)
    said = struct.pack(f"<{len(found['said'])}I", *found["said"])
    seconds = (0.0, found["reading"], found["reading"] + found["saying"])
    return Round(len(found["asked"]), len(found["said"]), zlib.crc32(said), seconds)


def show(rounds: dict[str, list[Round]]) -> None:
    """Print tokens a second of each, and the ratio of the last two."""
    read, said = list[float](), list[float]()
    for found in rounds.values():
        begun, all_read, all_said = (min(each.seconds[part] for each in found) for part in range(3))
        read.append(found[0].read / (all_read - begun))
        said.append(found[0].said / (all_said - all_read))
    head = ("tokens a second", *rounds, "compiled to llama.cpp")
    sys.stdout.write("  ".join(head) + "\n")
    for what, rates in ((f"read, of {rounds['llama.cpp'][0].read}", read), (f"said, of {TOKENS}", said)):
        cells = [f"{rate:.1f}".rjust(len(name)) for name, rate in zip(rounds, rates, strict=True)]
        ratio = f"{rates[1] / rates[2]:.2f}x".rjust(len(head[-1]))
        sys.stdout.write("  ".join([what.ljust(len(head[0])), *cells, ratio]) + "\n")
    texts = {name: {each.checksum for each in found} for name, found in rounds.items()}
    for name in ("as built", "compiled"):
        same = "the same tokens as" if texts[name] == texts["llama.cpp"] else "other tokens than"
        sys.stdout.write(f"{name}: said {same} llama.cpp\n")


if __name__ == "__main__":
    sys.exit(main())
