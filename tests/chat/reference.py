"""A Llama in numpy, written from its description alone, and the numbers of a GGUF file by GGUF's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from bfbuild.weights import gguf, llama2c
from bfbuild.weights.data import Data
from bfbuild.weights.model import Config, Matrix
from tests.weights.made import Floats


def numbers(data: Data, matrix: Matrix) -> Floats:
    """Return a tensor's numbers."""
    values, size = gguf.BLOCKS[matrix.kind]
    raw = np.frombuffer(data.at(matrix.offset, matrix.rows * matrix.columns // values * size, ""), np.uint8)
    if matrix.kind in ("F32", "F16"):
        return raw.view("<f4" if matrix.kind == "F32" else "<f2").astype(np.float32).reshape(matrix.rows, -1)
    blocks = raw.reshape(-1, size)
    step = blocks[:, :2].copy().view("<f2").astype(np.float32)
    if matrix.kind == "Q8_0":
        made = step * blocks[:, 2:].view(np.int8)
    else:
        least = blocks[:, 2:4].copy().view("<f2").astype(np.float32) if matrix.kind == "Q4_1" else -8 * step
        packed = blocks[:, size - 16 :]
        made = step * np.concatenate([packed & 15, packed >> 4], axis=1) + least
    return made.astype(np.float32, copy=False).reshape(matrix.rows, matrix.columns)


class Llama:
    """A model that knows what the file says; weights that are not in it as floats are given by their GGUF names."""

    def __init__(self, weights: Path, tokenizer: Path | None = None) -> None:
        data = Data.open(weights)
        model = gguf.read(data) if tokenizer is None else llama2c.read(data, Data.open(tokenizer))
        self.config: Config = model.config
        self.embedding = numbers(data, model.weights.embedding)
        self.norm = numbers(data, model.weights.norm)[0]
        shared = model.weights.classifier == model.weights.embedding
        self.classifier = self.embedding if shared else numbers(data, model.weights.classifier)
        self.layers = [[numbers(data, each) for each in layer] for layer in model.weights.layers]

    def normed(self, x: Floats, factors: Floats) -> Floats:
        """RMSNorm."""
        size = np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + np.float32(self.config.epsilon))
        return np.asarray(x / size * factors, np.float32)

    def turned(self, x: Floats) -> Floats:
        """Rotary embedding, of pairs of neighbours, as complex numbers; [tokens][heads][head_size]."""
        size = self.config.head_size
        angles = np.arange(len(x))[:, None] * self.config.theta ** (-np.arange(0, size, 2) / size)
        pairs = x.reshape(len(x), -1, size // 2, 2).astype(np.float64)
        whole = (pairs[..., 0] + 1j * pairs[..., 1]) * np.exp(1j * angles)[:, None]
        return np.stack([whole.real, whole.imag], axis=-1).reshape(len(x), -1, size).astype(np.float32)

    def logits(self, tokens: Sequence[int]) -> Floats:
        """Read a text from its start, all tokens at once; return the logits behind each of them."""
        x = self.embedding[np.array(tokens)]
        for layer in self.layers:
            x = x + self._attention(self.normed(x, layer[0][0]), layer)
            normed = self.normed(x, layer[5][0])
            gate = normed @ layer[6].T
            x = x + (gate / (1 + np.exp(-gate)) * (normed @ layer[8].T)) @ layer[7].T
        return np.asarray(self.normed(x, self.norm) @ self.classifier.T)

    def _attention(self, normed: Floats, layer: list[Floats]) -> Floats:
        count, size, config = len(normed), self.config.head_size, self.config
        query, key = self.turned(normed @ layer[1].T), self.turned(normed @ layer[2].T)
        value = (normed @ layer[3].T).reshape(count, -1, size)
        later = np.triu(np.ones((count, count), bool), 1)
        found = np.empty((count, config.heads, size), np.float32)
        for head in range(config.heads):
            kv_head = head // (config.heads // config.kv_heads)
            scores = query[:, head] @ key[:, kv_head].T / np.sqrt(np.float32(size))
            scores[later] = -np.inf
            shares = np.exp(scores - scores.max(axis=1, keepdims=True))
            found[:, head] = shares / shares.sum(axis=1, keepdims=True) @ value[:, kv_head]
        return np.asarray(found.reshape(count, -1) @ layer[4].T)


def surprise(logits: Floats, tokens: Sequence[int]) -> float:
    """Return the sum of the logarithms of what the tokens behind the first were expected with."""
    most = logits[:-1].max(axis=1)
    sums = most + np.log(np.exp(logits[:-1] - most[:, None]).sum(axis=1))
    return float((logits[np.arange(len(most)), np.array(tokens[1:])] - sums).astype(np.float64).sum())


def by_scores(text: str, vocabulary: Sequence[str]) -> list[int]:
    """Merge as llama2.c does: the best pair of the whole text, the leftmost of equals, again and again.

    The vocabulary is one of tests.weights.made.tokenizer_bin, whose scores fall with a token's number.
    """
    tokens: list[int] = []
    for character in text.replace("\u2581", " "):
        byte_tokens = [3 + byte for byte in character.encode()]
        tokens += [vocabulary.index(character)] if character in vocabulary[259:] else byte_tokens
    while True:
        places = [
            (-vocabulary.index(vocabulary[a] + vocabulary[b]), at)
            for at, (a, b) in enumerate(pairwise(tokens))
            if vocabulary[a] + vocabulary[b] in vocabulary[259:]
        ]
        if not places:
            return tokens
        score, at = max(places, key=lambda place: (place[0], -place[1]))
        tokens[at : at + 2] = [-score]


def texts_of(tokenizer: bytes) -> list[str]:
    """Return the texts in a tokenizer.bin."""
    texts, at = [], 4
    while at < len(tokenizer):
        size = int.from_bytes(tokenizer[at + 4 : at + 8], "little")
        texts.append(tokenizer[at + 8 : at + 8 + size].decode())
        at += 8 + size
    return texts
