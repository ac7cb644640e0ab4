"""The chat program's parts, as a process that answers questions about a model."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bfbuild.disk import image
from bfbuild.disk.layout import Layout, Partition, Region
from bfbuild.disk.spec import Spec
from bfbuild.execute.sandbox import Bind
from bfbuild.recipe import model as recipes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bfbuild.commands.project import Project
    from bfbuild.execute.sandbox import Sandbox
    from tests.conftest import Built

TOKENS, LOGITS, SURPRISE = range(3)
SECTORS = 80_000  # about the smallest FAT16 disk for a model that does not fit into a small memory


class Chat:
    """tests/native/chat_tool.c with a model: its header says what can be asked."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self.asked, self.answers = process, process.stdin, process.stdout
        self.state = self.answers.readline().decode().strip()

    def ask(self, letter: str, words: bytes) -> bytes:
        """Ask, and return the answer's words."""
        self.asked.write(letter.encode() + struct.pack("<I", len(words) // 4) + words)
        self.asked.flush()
        head = self.answers.read(4)
        if len(head) < 4:
            pytest.fail((self.process.stderr.read() if self.process.stderr else b"").decode(errors="replace"))
        return self.answers.read(4 * struct.unpack("<I", head)[0])

    def encode(self, text: bytes, letter: str = "E") -> list[int]:
        """Return a text's tokens."""
        answer = self.ask(letter, struct.pack("<I", len(text)) + text + bytes(-len(text) % 4))
        return list(struct.unpack(f"<{len(answer) // 4}I", answer))

    def decode(self, tokens: Sequence[int]) -> bytes:
        """Return the text of tokens."""
        answer = self.ask("D", struct.pack(f"<{len(tokens) + 1}I", len(tokens), *tokens))
        return answer[4 : 4 + struct.unpack_from("<I", answer)[0]]

    def follow(self, tokens: Sequence[int], count: int, *, exact: bool) -> list[int]:
        """Return the likeliest tokens that follow."""
        answer = self.ask("X" if exact else "F", struct.pack(f"<{len(tokens) + 2}I", TOKENS, count, *tokens))
        return list(struct.unpack(f"<{count}I", answer))

    def logits(self, tokens: Sequence[int], *, exact: bool) -> NDArray[np.float32]:
        """Return the logits behind each token."""
        answer = self.ask("X" if exact else "F", struct.pack(f"<{len(tokens) + 2}I", LOGITS, 0, *tokens))
        return np.frombuffer(answer, np.float32).reshape(len(tokens), -1)

    def surprise(self, tokens: Sequence[int], *, exact: bool) -> float:
        """Return the sum of the logarithms of what the tokens behind the first were expected with."""
        answer = self.ask("X" if exact else "F", struct.pack(f"<{len(tokens) + 2}I", SURPRISE, 0, *tokens))
        return float(struct.unpack("<d", answer)[0])


Open = Callable[..., Chat]
Disk = Callable[..., Path]


@pytest.fixture(scope="session")
def chat(
    built: Built, sandbox: Sandbox, toolchain: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Open]:
    """Open a model: `chat(path)`, with the sanitizers, or `chat(path, "quick")` without them."""
    root, base = toolchain("native"), tmp_path_factory.getbasetemp()
    with ExitStack() as stack:

        def start(path: Path, build: str = "watched") -> Chat:
            program = built(f"chat/{build}")[f"chat/{build}"]
            argv = sandbox.wrap([str(program), str(path)], [Bind(base, str(base), writable=True)], root, str(base))
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"ASAN_OPTIONS": "detect_leaks=0"},
            )
            stack.enter_context(process)
            stack.callback(process.stdin.close)  # type: ignore[union-attr]
            return Chat(process)

        yield start


@pytest.fixture(scope="session")
def smollm2(built: Built) -> Path:
    """The model that `./bf chat` talks with, as a kernel reads it: 98 MB, downloaded once."""
    return built("chat/model.bin")["chat/model.bin"]


@pytest.fixture
def disk(built: Built, project: Project, tmp_path: Path) -> Disk:
    """Make the chat program's disk with this file as its model, or without one."""
    layout = project.graph.find("large")
    assert isinstance(layout, recipes.Layout)
    kernel = built("boot/stage1.bin", "boot/stage2.bin", "chat/kernel.bin")
    places = {"STAGE1": "boot/stage1.bin", "STAGE2": "boot/stage2.bin", "KERNEL": "chat/kernel.bin"}
    regions = tuple(Region(each.name, each.lba, each.sectors) for each in layout.regions)
    partition = Partition("DATA", layout["DATA_LBA"], SECTORS - layout["DATA_LBA"])

    def make(model: bytes | None) -> Path:
        files = {}
        if model is not None:
            (tmp_path / "MODEL.BIN").write_bytes(model)
            files = {"MODEL.BIN": str(tmp_path / "MODEL.BIN")}
        path = tmp_path / "chat.img"
        spec = Spec(
            Layout(SECTORS * 512, regions, (partition,)),
            content={name: str(kernel[file]) for name, file in places.items()},
            files={"DATA": files},
        )
        image.build(spec, path, timestamp=0)
        return path

    return make
