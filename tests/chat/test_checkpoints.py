"""Checkpoints of llama2.c, every kind that its header can say, all the way to a guest's text: as numpy has it.

The guest is mostly the twin, which is the kernel's own objects, and sometimes QEMU.
"""

from __future__ import annotations

import itertools
import re
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.chat.reference import Llama, by_scores, texts_of
from tests.weights.made import Floats, Shape, checkpoint, flat, tokenizer_bin

if TYPE_CHECKING:
    from bfbuild.machine.transcript import Transcript
    from tests.chat.conftest import Disk, Open
    from tests.conftest import Boot, Twin

BABYLLAMA = Path(__file__).parents[2] / "../shared/models/babyllama"
VOCABULARY = 320
TEXT = "abcd ha#"
SAID = 6
CLEAR = 0.2  # by how much the likeliest token leads, in deviations of all logits: more than rounding can take away

SHAPES = {
    "even sizes": (Shape(vocabulary=VOCABULARY), 32),
    "odd sizes": (Shape(dim=36, hidden=50, heads=6, kv_heads=3, vocabulary=VOCABULARY), 72),
    "one key for all": (Shape(dim=64, hidden=96, heads=8, kv_heads=1, vocabulary=VOCABULARY), 16),
    "a key for each": (Shape(dim=32, hidden=64, heads=4, kv_heads=4, vocabulary=VOCABULARY), 64),
    "hidden prime": (Shape(dim=32, hidden=61, layers=1, vocabulary=VOCABULARY), 32),
    "heads of two numbers": (Shape(dim=12, hidden=32, layers=3, heads=6, kv_heads=2, vocabulary=VOCABULARY), 12),
    "one head": (Shape(dim=20, hidden=33, layers=1, heads=1, kv_heads=1, vocabulary=VOCABULARY), 20),
    "stories260K": (Shape(dim=64, hidden=172, layers=5, heads=8, kv_heads=4, vocabulary=512, context=512), 4),
}
SOME = [5, 17, 260, 3, 99, 17, 42, 250, 8, 8, 100, 31]
every_header = [
    pytest.param(name, version, shared, id=f"{name}, version {version}, classifier {'shared' if shared else 'own'}")
    for name, version, shared in itertools.product(SHAPES, (0, 1, 2), (False, True))
]


class Made:
    """A made-up checkpoint as files, and as numpy has it."""

    def __init__(self, folder: Path, name: str, version: int, *, shared: bool, seed: int) -> None:
        shape, group = SHAPES[name]
        self.tokenizer = tokenizer_bin(shape.vocabulary)
        self.data, values = checkpoint(shape, version, shared=shared, group=group, seed=seed)
        full = self.data if version < 2 else checkpoint(shape, 0, shared=shared, seed=seed)[0]
        (folder / "full.bin").write_bytes(full)
        (folder / "tokenizer.bin").write_bytes(self.tokenizer)
        self.llama = Llama(folder / "full.bin", folder / "tokenizer.bin")
        if version == 2:  # numbers that were rounded to bytes, in groups
            self._take(values, shape)
        self.asked = [1, *by_scores(f" {TEXT}", texts_of(self.tokenizer))]

    def _take(self, values: dict[str, Floats], shape: Shape) -> None:
        self.llama.embedding = values["token_embd.weight"]
        self.llama.classifier = values.get("output.weight", self.llama.embedding)
        self.llama.layers = [
            [values[name] for name in values if name.startswith(f"blk.{layer}.")] for layer in range(shape.layers)
        ]

    def flat(self) -> bytes:
        """The file that a kernel uses."""
        return flat(self.data, self.tokenizer)

    def said(self) -> list[int]:
        """Return what numpy goes on with, as long as it is sure of each token, and none ends the text."""
        said: list[int] = []
        while len(said) < SAID:
            logits = self.llama.logits(self.asked + said)[-1]
            second, first = np.sort(logits)[-2:]
            token = int(logits.argmax())
            if first - second < CLEAR * logits.std() or token < 3:
                break
            said.append(token)
        return said


def made(folder: Path, name: str, version: int, *, shared: bool) -> tuple[Made, list[int]]:
    """The first checkpoint, by its seed, that is sure of what it says; and these tokens."""
    for seed in itertools.count(1):
        found = Made(folder, name, version, shared=shared, seed=seed)
        said = found.said()
        if len(said) == SAID:
            return found, said
    raise AssertionError


def check(transcript: Transcript, model: Made, said: list[int]) -> None:
    """The guest said these tokens, by its record, and their text stands on its serial line, but for controls."""
    tests = {each.text("name"): each for each in transcript.all("test")}
    assert tests["read"].number("calls") == len(model.asked)
    assert tests["say"].number("calls") == len(said)
    assert tests["say"].number("result") == zlib.crc32(struct.pack(f"<{len(said)}I", *said))
    texts = texts_of(model.tokenizer)
    text = b"".join(bytes([token - 3]) if token < 259 else texts[token].encode() for token in said)
    shown = re.sub(rb"[\x00-\x08\x0b-\x1f\x7f]", b".", text)
    assert TEXT + shown.decode("utf-8", "replace") in transcript.text


@pytest.mark.parametrize(("name", "version", "shared"), every_header)
def test_a_checkpoint_says_in_a_guest_what_it_says_in_numpy(
    start_twin: Twin, disk: Disk, tmp_path: Path, name: str, version: int, *, shared: bool
) -> None:
    """Every version of the header, the classifier shared or not, fewer keys than heads, sizes that no block divides."""
    model, said = made(tmp_path, name, version, shared=shared)
    ended = start_twin("chat", disk(model.flat()), args=f"jit=0 tokens={SAID} tell {TEXT}")
    check(ended.require_ok().transcript, model, said)


@pytest.mark.parametrize(("name", "version", "shared"), [("odd sizes", 0, True), ("one key for all", 2, False)])
def test_the_machine_says_the_same(
    start: Boot, disk: Disk, tmp_path: Path, name: str, version: int, *, shared: bool
) -> None:
    """Two of them in QEMU."""
    model, said = made(tmp_path, name, version, shared=shared)
    ended = start(disk(model.flat()), args=f"jit=0 tokens={SAID} tell {TEXT}")
    check(ended.require_ok().transcript, model, said)


@pytest.mark.parametrize(("name", "version", "shared"), every_header)
def test_the_exact_way_gives_the_logits_of_numpy(
    chat: Open, tmp_path: Path, name: str, version: int, *, shared: bool
) -> None:
    """To rounding, behind each of some tokens."""
    model = Made(tmp_path, name, version, shared=shared, seed=1)
    (tmp_path / "model.bin").write_bytes(model.flat())
    found = chat(tmp_path / "model.bin").logits(SOME, exact=True)
    np.testing.assert_allclose(found, model.llama.logits(SOME), rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(not BABYLLAMA.is_dir(), reason="a real checkpoint for whoever has it")
def test_a_real_checkpoint_speaks_as_in_numpy(chat: Open, start_twin: Twin, disk: Disk) -> None:
    """BabyLlama's characters, greedy from its first token, are numpy's: by the exact way, and in a guest."""
    weights, tokenizer = BABYLLAMA / "model5000.bin", BABYLLAMA / "tok105.bin"
    path = disk(flat(weights.read_bytes(), tokenizer.read_bytes()))
    model = chat(path.with_name("MODEL.BIN"), "quick")
    said = model.follow([1], 199, exact=True)
    assert Llama(weights, tokenizer).logits([1, *said[:-1]]).argmax(axis=1).tolist() == said
    assert b" the " in model.decode(said)
    ended = start_twin("chat", path, args="jit=0 tokens=199 tell ").require_ok()
    assert model.decode(said).decode() in ended.transcript.text
