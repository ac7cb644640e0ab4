"""What a language model is, whatever file it comes from: a configuration, a vocabulary, and matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .data import Data

MOST = {  # what a kernel's loader takes; the product of two of them still fits 32 bits
    "dim": 1 << 15,
    "hidden": 1 << 16,
    "layers": 1 << 10,
    "heads": 1 << 10,
    "kv_heads": 1 << 10,
    "head_size": 1 << 10,
    "vocabulary": 1 << 18,
    "context": 1 << 20,
}
NONE = 0xFFFFFFFF  # where there is no token


class Config(NamedTuple):
    """The shape of a Llama."""

    dim: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    context: int
    epsilon: float
    theta: float

    def check(self, data: Data) -> None:
        """Raise WeightsError where these numbers are no model's."""
        for name, most in MOST.items():
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise data.error(
                    "a model's header cannot be true", [("field", name), ("value", value), ("wanted", f"1 to {most}")]
                )
        facts: list[tuple[str, object]] = []
        if self.heads % self.kv_heads:
            facts = [("heads", self.heads), ("kv heads", self.kv_heads), ("wanted", "a multiple of the kv heads")]
        elif self.head_size % 2:
            facts = [("head size", self.head_size), ("wanted", "an even number: positions turn pairs")]
        elif not 0 <= self.epsilon < 1:
            facts = [("epsilon", self.epsilon), ("wanted", "from 0 to 1")]
        elif not 1 <= self.theta < 1e30:
            facts = [("theta", self.theta), ("wanted", "at least 1")]
        if facts:
            raise data.error("a model's header cannot be true", facts)


class Matrix(NamedTuple):
    """A matrix in its file, row by row; a vector is one of one row.

    `kind` is one of F32, F16, Q8_0, Q4_0, Q4_1 (as GGUF has them), and INT8: bytes with a scale for each `group` of
    them, which lie in one run at `scales`.
    """

    name: str
    kind: str
    rows: int
    columns: int
    offset: int
    scales: int = 0
    group: int = 1


class Weights(NamedTuple):
    """All matrices: those of the whole, and for each layer those of LAYER, in that order."""

    embedding: Matrix
    norm: Matrix
    classifier: Matrix
    layers: list[tuple[Matrix, ...]]


class Vocabulary(NamedTuple):
    """How text becomes tokens and back; see FORMAT.md for the meaning of each field."""

    tokens: list[bytes]
    controls: set[int]
    byte_ids: list[int]
    pairs: list[tuple[int, int, int, int]]  # left, right, rank, merged; sorted
    characters: list[tuple[int, int]]  # code point, token; sorted
    splitter: int
    adds_bos: bool
    adds_space: bool
    bos: int
    eos: int
    unknown: int
    chat: tuple[str, str, str, str] = ("", "", "", "")  # before all, before a question, an answer, the next question


class Model(NamedTuple):
    """A whole model; its matrices are read from `data` when they are written."""

    data: Data
    config: Config
    weights: Weights
    vocabulary: Vocabulary
    frequency_factors: list[float] | None = None  # by which the frequencies of positions are divided


def expected(config: Config) -> list[tuple[str, int, int]]:
    """Return name, rows and columns of a layer's matrices, in the order of the file; the names are llama.cpp's."""
    query, key = config.heads * config.head_size, config.kv_heads * config.head_size
    return [
        ("attn_norm", 1, config.dim),
        ("attn_q", query, config.dim),
        ("attn_k", key, config.dim),
        ("attn_v", key, config.dim),
        ("attn_output", config.dim, query),
        ("ffn_norm", 1, config.dim),
        ("ffn_gate", config.hidden, config.dim),
        ("ffn_down", config.dim, config.hidden),
        ("ffn_up", config.hidden, config.dim),
    ]


def check_shape(data: Data, matrix: Matrix, rows: int, columns: int) -> Matrix:
    """Return the matrix; raise WeightsError where it has another shape."""
    if (matrix.rows, matrix.columns) != (rows, columns):
        raise data.error(
            "a tensor has not the shape that the header says",
            [
                ("tensor", matrix.name),
                ("rows x columns", f"{matrix.rows} x {matrix.columns}"),
                ("wanted", f"{rows} x {columns}"),
            ],
        )
    return matrix
