"""The chat program beside llama.cpp: the same model file, one thread, on this processor, in turns.

    python3 -m venv FOLDER
    CMAKE_ARGS=-DGGML_NATIVE=ON FOLDER/bin/pip install --no-binary llama-cpp-python llama-cpp-python==0.3.36
    .venv/bin/python benchmarks/llama_cpp.py FOLDER/bin/python

Building llama.cpp takes some six minutes, and needs CMake and a C++ compiler; nothing of ours needs it. Ours is the
program's twin (src/twin): as it was built, for SSE2, and with the code that it compiled for this processor in a run
before. The best of several rounds counts, since other work only ever makes one slower. Both are asked for the likeliest
token each time, and whether they said the same is told; so close to each other, rounding may decide between two words.
"""

from __future__ import annotations

import argparse
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bfbuild.commands.boot import Bootable
from bfbuild.machine import twin
from bfbuild.machine.boots import AOT
from bfbuild.machine.native import Clock

ROOT = Path(__file__).parent.parent
PEER = Path(__file__).with_name("llama_peer.py")
PACKAGE = "llama-cpp-python"
ROUNDS = 15
TOKENS = 32
TEXT = (
    "Once upon a time there was a girl who lived in a small house at the edge of a forest. Every morning she went to"
    " the river with her dog, and they looked for stones that shone. One day they found"
)


@dataclass(frozen=True)
class Round:
    """What one contestant did: tokens and seconds of both parts, and a checksum of what it said."""

    read: int
    reading: float
    said: int
    saying: float
    checksum: int


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
    with tempfile.TemporaryDirectory() as folder:
        disk, model = Path(folder, "chat.img"), Path(folder, "model.gguf")
        shutil.copyfile(bootable.image, disk)
        bootable.project.store.cas.copy_to(bootable.project.output("smollm2.gguf").digest, model, executable=False)
        spec = bootable.spec("run", disk=disk)
        twin.run(replace(spec, mode="bench"), program).require_ok()  # leaves on the disk what it compiled
        clock = Clock(replace(spec, mode="run", args=AOT), program)
        rounds: dict[str, list[Round]] = {"as built": [], "compiled": [], "llama.cpp": []}
        first = clock.read()
        for number in range(1, ROUNDS + 1):
            sys.stderr.write(f"round {number} of {ROUNDS}\n")
            for name, words in (("as built", "jit=0 "), ("compiled", "")):
                wanted = replace(spec, writable=False, args=f"{words}tokens={TOKENS} tell {TEXT}")
                said = twin.run(wanted, program).require_ok().transcript
                rounds[name].append(ours({each.text("name"): each for each in said.all("test")}))
            rounds["llama.cpp"].append(theirs(python, model))
        last = clock.read()
    show(rounds, cycles_per_s=(last[1] - first[1]) / (last[0] - first[0]))
    return 0


def ours(tests: dict[str, Any]) -> Round:
    """What the twin says of its run, in cycles."""
    first, say = tests["first_token"], tests["say"]
    return Round(
        read=tests["read"].number("calls"),
        reading=first.number("cycles"),
        said=say.number("calls"),
        saying=say.number("cycles"),
        checksum=say.number("result"),
    )


def theirs(python: Path, model: Path) -> Round:
    """What llama.cpp did, in seconds."""
    words = [str(python), "-P", str(PEER), str(model), str(TOKENS), TEXT]
    found = json.loads(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout)
    said = struct.pack(f"<{len(found['said'])}I", *found["said"])
    return Round(len(found["asked"]), found["reading"], len(found["said"]), found["saying"], zlib.crc32(said))


def show(rounds: dict[str, list[Round]], cycles_per_s: float) -> None:
    """Print tokens a second of each, and the ratio of the last two."""
    seconds = {"as built": cycles_per_s, "compiled": cycles_per_s, "llama.cpp": 1.0}
    rows = []
    for what, count, took in (("read", "read", "reading"), ("said", "said", "saying")):
        rates = [
            max(getattr(each, count) * seconds[name] / getattr(each, took) for each in found)
            for name, found in rounds.items()
        ]
        tokens = getattr(rounds["llama.cpp"][0], count)
        rows.append((f"{what}, of {tokens}", *(f"{rate:.1f}" for rate in rates), f"{rates[1] / rates[2]:.2f}x"))
    head = ("tokens a second", *rounds, "compiled to llama.cpp")
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in (head, *rows):
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
    texts = {name: {each.checksum for each in found} for name, found in rounds.items()}
    for name in ("as built", "compiled"):
        same = "the same tokens as" if texts[name] == texts["llama.cpp"] else "other tokens than"
        sys.stdout.write(f"{name}: said {same} llama.cpp\n")


if __name__ == "__main__":
    sys.exit(main())
