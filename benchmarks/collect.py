"""How long a collection takes: a store of a million entries, planned, and then collected.

    .venv/bin/python benchmarks/collect.py [--entries N] [FOLDER]

The store is made in FOLDER, or in a temporary one, by the store's own forms: for each action its description, command,
three folders, a source, an output, what it printed, and its result. There are no traces. Content is as small
as it can be, because neither marking nor removing reads the large. Nine of ten actions are rooted, the rest is garbage.
Making the store takes some minutes; the table tells only what a user waits for.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from bfbuild.digest import ActionDigest, Digest, canonical, digest_bytes
from bfbuild.protos.remote_execution_pb2 import Action, ActionResult, Command, Directory
from bfbuild.store import Store
from bfbuild.store.collect import Limits, collect, plan
from bfbuild.store.results import seal
from bfbuild.store.roots import Root

PER_ACTION = 9  # entries
ROOTED = 0.9
NOTHING = Limits(builds=0, age=-(10**20))


def main() -> int:
    """Make the store, collect it, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("folder", nargs="?", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        for row in measure(folder / "cache", arguments.entries // PER_ACTION):
            sys.stdout.write("  ".join(cell.ljust(24) for cell in row).rstrip() + "\n")
    finally:
        shutil.rmtree(folder)
    return 0


def measure(cache: Path, actions: int) -> list[tuple[str, str]]:
    """Return the rows of the table."""
    store = Store(cache)
    names = [make(cache, number) for number in range(actions)]
    kept = {str(number): name for number, name in enumerate(names[: int(actions * ROOTED)])}
    store.roots.put(Root(name="kept", target="all", checkout=None, made=0, actions=kept, downloads=()))
    entries = sum(usage.files for name, usage in store.usage().items() if name in ("cas", "ac"))
    del store
    store = Store(cache)
    began = clocks()
    plan(store, NOTHING, time.time_ns())
    marked = told(began)
    began = clocks()
    _, done = collect(store, NOTHING, time.time_ns())
    collected = told(began)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return [
        ("entries", f"{entries:,}"),
        ("mark (gc --dry-run)", marked),
        ("mark and remove (gc)", collected),
        ("removed", f"{done.results + done.content:,}"),
        ("memory", f"{memory / 1e6:.0f} MB"),
    ]


def clocks() -> tuple[float, float]:
    """Return wall and processor time, in seconds."""
    return time.perf_counter(), time.process_time()


def told(began: tuple[float, float]) -> str:
    """Return the time since then, for people."""
    wall, processor = (now - then for now, then in zip(clocks(), began, strict=True))
    return f"{wall:.1f} s (processor: {processor:.1f} s)"


def make(cache: Path, number: int) -> ActionDigest:
    """Write what a build leaves of one action, unsynced; return the action."""
    source, output, printed = (put(cache, f"{what} {number}".encode()) for what in ("source", "output", "printed"))
    src = folder(cache, files={"a.c": source})
    work = folder(cache, folders={"src": src})
    root = folder(cache, folders={"usr": digest_bytes(b"tools"), "work": work})
    command = put(cache, canonical(Command(arguments=["cc", str(number)], output_paths=["out/a.o"])))
    name = put(cache, canonical(Action(command_digest=command.to_message(), input_root_digest=root.to_message())))
    action = ActionDigest(name.hash, name.size)
    result = ActionResult(stdout_digest=printed.to_message())
    result.output_files.add(path="out/a.o", digest=output.to_message())
    body = canonical(result)
    write(cache / "ac", action.hash, body + seal(action, body))
    return action


def folder(cache: Path, *, files: dict[str, Digest] | None = None, folders: dict[str, Digest] | None = None) -> Digest:
    """Store a Directory."""
    message = Directory()
    for name, digest in (files or {}).items():
        message.files.add(name=name, digest=digest.to_message())
    for name, digest in (folders or {}).items():
        message.directories.add(name=name, digest=digest.to_message())
    return put(cache, canonical(message))


def put(cache: Path, data: bytes) -> Digest:
    """Store content."""
    digest = Digest(sha256(data).hexdigest(), len(data))
    write(cache / "cas", digest.hash, data)
    return digest


def write(room: Path, name: str, data: bytes) -> None:
    """Write a file where a store has it."""
    fan = room / name[:2]
    fan.mkdir(exist_ok=True)
    file = os.open(fan / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o444)
    os.write(file, data)
    os.close(file)


if __name__ == "__main__":
    sys.exit(main())
