"""A Llama in numpy, written from its description alone, and the numbers of a GGUF file by GGUF's."""

from __future__ import annotations

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
    return made.astype(np.float32).reshape(matrix.rows, matrix.columns)


class Llama:
    """A model that knows all it was told: `llama.logits(tokens)` are those behind the last."""

    def __init__(self, weights: Path, tokenizer: Path | None = None) -> None:
        data = Data.open(weights)
        model = gguf.read(data) if tokenizer is None else llama2c.read(data, Data.open(tokenizer))
        self.config: Config = model.config
        self.embedding = numbers(data, model.weights.embedding)
        self.norm = numbers(data, model.weights.norm)[0]
        self.classifier = numbers(data, model.weights.classifier)
        self.layers = [[numbers(data, each) for each in layer] for layer in model.weights.layers]
        self.past: list[tuple[list[Floats], list[Floats]]] = [([], []) for _ in self.layers]

    def normed(self, x: Floats, factors: Floats) -> Floats:
        """RMSNorm."""
        size = np.sqrt(np.mean(x * x) + np.float32(self.config.epsilon))
        return np.asarray(x / size * factors, np.float32)

    def turned(self, x: Floats, position: int) -> Floats:
        """Rotary embedding, of pairs of neighbours, as complex numbers."""
        size = self.config.head_size
        angles = position * self.config.theta ** (-np.arange(0, size, 2) / size)
        pairs = x.reshape(-1, size // 2, 2).astype(np.float64)
        whole = (pairs[..., 0] + 1j * pairs[..., 1]) * np.exp(1j * angles)
        return np.stack([whole.real, whole.imag], axis=-1).reshape(-1, size).astype(np.float32)

    def logits(self, tokens: list[int]) -> Floats:
        """Read tokens; return the logits behind the last one."""
        for token in tokens:
            x = self.embedding[token]
            for layer, past in zip(self.layers, self.past, strict=True):
                x = x + self._attention(x, layer, *past)
                normed = self.normed(x, layer[5][0])
                gate = layer[6] @ normed
                x = x + layer[7] @ (gate / (1 + np.exp(-gate)) * (layer[8] @ normed))
        return np.asarray(self.classifier @ self.normed(x, self.norm))

    def _attention(self, x: Floats, layer: list[Floats], keys: list[Floats], values: list[Floats]) -> Floats:
        normed, size = self.normed(x, layer[0][0]), self.config.head_size
        query = self.turned(layer[1] @ normed, len(keys))
        keys.append(self.turned(layer[2] @ normed, len(keys)))
        values.append((layer[3] @ normed).reshape(-1, size))
        group = self.config.heads // self.config.kv_heads
        found = []
        for head in range(self.config.heads):
            scores = np.array([key[head // group] for key in keys]) @ query[head] / np.sqrt(np.float32(size))
            shares = np.exp(scores - scores.max())
            found.append(shares / shares.sum() @ np.array([each[head // group] for each in values]))
        return layer[4] @ np.concatenate(found).astype(np.float32)
