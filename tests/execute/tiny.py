"""The smallest toolchain: one program of a hundred bytes, so that servers can be filled, emptied and killed quickly."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bfbuild.action.action import Action, InputFile, Request, Tree, make_action
from bfbuild.digest import Digest
from bfbuild.errors import Location
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.store.tree import read_folder

BASE = 0x400000
PATH, TEXT = b"out/a\0", b"made\n"
START = 64 + 56  # the headers of a program with one segment
SIZE = 50  # of the code
CODE = (
    # open(PATH, O_WRONLY | O_CREAT, 0644)
    b"\xb8\x02\0\0\0" + b"\xbf" + struct.pack("<I", BASE + START + SIZE)
    + b"\xbe\x41\0\0\0" + b"\xba\xa4\x01\0\0\x0f\x05"
    # write(it, TEXT)
    + b"\x89\xc7" + b"\xb8\x01\0\0\0" + b"\xbe" + struct.pack("<I", BASE + START + SIZE + len(PATH))
    + b"\xba" + struct.pack("<I", len(TEXT)) + b"\x0f\x05"
    # exit(0)
    + b"\xb8\x3c\0\0\0\x31\xff\x0f\x05"
)  # fmt: skip


def program() -> bytes:
    """An x86-64 program that makes `out/a`."""
    body = CODE + PATH + TEXT
    size = START + len(body)
    sizes = (64, 56, 1, 0, 0, 0)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, BASE + START, 64, 0, 0, *sizes)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x1000)
    return header + segment + body


def unpack(folder: Path) -> Tree:
    """Make the toolchain in an empty folder."""
    (folder / "bin").mkdir(parents=True)
    (folder / "work").mkdir()
    (folder / "bin/tool").write_bytes(program())
    (folder / "bin/tool").chmod(0o755)
    with ThreadPoolExecutor(1) as pool:
        root = read_folder(folder, pool)
    return Tree(root.digest, api.Directory.FromString(root.directories[root.digest]))


def action(tree: Tree, name: str, inputs: Iterable[Digest] = ()) -> Action:
    """Return an action that makes `a`, unlike those of other names."""
    request = Request(
        label=name,
        kind="command",
        location=Location(Path("recipes/a.py"), 1),
        argv=("tool",),
        inputs={str(number): InputFile(digest) for number, digest in enumerate(inputs)},
        outputs=("a",),
        path=("/bin",),
        env={"NAME": name},
    )
    return make_action(request, tree, 0)
