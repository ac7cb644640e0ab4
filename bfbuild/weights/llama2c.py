"""llama2.c's checkpoints: the legacy one of fp32 numbers, version 1 (fp32), version 2 (int8 in groups), tokenizer.bin.

What the headers say is checked against the sizes of the files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import vocabulary
from .model import NONE, Config, Matrix, Model, Vocabulary, Weights, expected

if TYPE_CHECKING:
    from .data import Data

MAGIC = 0x616B3432  # "ak42"
HEADER = 256  # bytes of a versioned header
EPSILON, THETA = 1e-5, 10_000.0
BOS, EOS, UNKNOWN, FIRST_BYTE = 1, 2, 0, 3
MOST_GROUP = 1 << 16


class _Header(NamedTuple):
    version: int
    config: Config
    shared: bool  # the classifier is the embedding
    group: int  # of int8 numbers with one scale
    start: int  # of the weights


def read(data: Data, tokenizer: Data) -> Model:
    """Read a checkpoint and its tokenizer; raise WeightsError where one of them cannot be true."""
    header = _header(data)
    config = header.config
    config.check(data)
    place = _Place(data, header)
    weights = place.quantized() if header.version == 2 else place.full()
    if place.offset != data.size:
        facts: list[tuple[str, object]] = [("bytes that it needs", f"{place.offset:,}"), ("version", header.version)]
        headline = "a model file ends too early" if place.offset > data.size else "a checkpoint is longer than it says"
        raise data.error(headline, [*facts, *_shape(config)])
    return Model(data, config, weights, _vocabulary(tokenizer, config))


def _shape(config: Config) -> list[tuple[str, object]]:
    return [(name, value) for name, value in config._asdict().items() if isinstance(value, int)]


def _header(data: Data) -> _Header:
    data.position = 0
    if data.number("I", "header") != MAGIC:
        data.position = 0
        numbers = [int(each) for each in data.numbers("7i", "header")]
        return _Header(0, _config(numbers), numbers[5] > 0, 1, data.position)
    version = data.number("i", "version")
    if version not in (1, 2):
        raise data.error("a checkpoint has an unknown version", [("version", version), ("known", "legacy, 1, 2")])
    numbers, shared = [int(each) for each in data.numbers("7i", "header")], data.number("B", "header")
    group = data.number("i", "header") if version == 2 else 1
    if not 1 <= group <= MOST_GROUP or shared > 1 or numbers[5] < 0:
        facts = [("group", group), ("shared classifier", shared), ("vocabulary", numbers[5])]
        raise data.error("a model's header cannot be true", facts)
    return _Header(version, _config(numbers), shared == 1, group, HEADER)


def _config(numbers: list[int]) -> Config:
    dim, hidden, layers, heads, kv_heads, vocabulary_size, context = numbers
    whole = heads > 0 and dim % heads == 0
    return Config(
        dim=dim,
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_size=dim // heads if whole else 0,
        vocabulary=abs(vocabulary_size),  # in the legacy header its sign says whether the classifier is shared
        context=context,
        epsilon=EPSILON,
        theta=THETA,
    )


class _Place:
    """Gives matrices their places, in the order of the file."""

    def __init__(self, data: Data, header: _Header) -> None:
        self.data, self.header, self.config = data, header, header.config
        self.offset = header.start
        self.shapes = {name: (rows, columns) for name, rows, columns in expected(header.config)}

    def full(self) -> Weights:
        """Version 1 has all norms first; in the legacy file they stand before their matrices."""
        config, norms = self.config, {}
        if self.header.version == 1:
            norms = {name: self.layered(name) for name in ("attn_norm", "ffn_norm")}
            norm = self.floats("norm", 1, config.dim)
            embedding = self.floats("embedding", config.vocabulary, config.dim)
        else:
            embedding = self.floats("embedding", config.vocabulary, config.dim)
            norms["attn_norm"] = self.layered("attn_norm")
        layers = norms | {name: self.layered(name) for name in ("attn_q", "attn_k", "attn_v", "attn_output")}
        if self.header.version == 0:
            layers["ffn_norm"] = self.layered("ffn_norm")
        layers |= {name: self.layered(name) for name in ("ffn_gate", "ffn_down", "ffn_up")}
        if self.header.version == 0:
            norm = self.floats("norm", 1, config.dim)
            self.offset += (
                2 * config.context * (config.head_size // 2) * 4
            )  # cosines and sines, which follow from theta
        classifier = embedding if self.header.shared else self.floats("classifier", config.vocabulary, config.dim)
        return Weights(embedding, norm, classifier, self.by_layer(layers))

    def quantized(self) -> Weights:
        """Version 2: norms as fp32, then each matrix as bytes with its scales behind it."""
        config = self.config
        layers = {name: self.layered(name) for name in ("attn_norm", "ffn_norm")}
        norm = self.floats("norm", 1, config.dim)
        embedding = self.grouped("embedding", config.vocabulary, config.dim)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_down", "ffn_up"):
            rows, columns = self.shapes[name]
            layers[name] = [self.grouped(f"{name} {layer}", rows, columns) for layer in range(config.layers)]
        shared = self.header.shared
        classifier = embedding if shared else self.grouped("classifier", config.vocabulary, config.dim)
        return Weights(embedding, norm, classifier, self.by_layer(layers))

    def floats(self, name: str, rows: int, columns: int) -> Matrix:
        matrix = Matrix(name, "F32", rows, columns, self.offset)
        self.offset += rows * columns * 4
        return matrix

    def layered(self, name: str) -> list[Matrix]:
        rows, columns = self.shapes[name]
        return [self.floats(f"{name} {layer}", rows, columns) for layer in range(self.config.layers)]

    def grouped(self, name: str, rows: int, columns: int) -> Matrix:
        count, group = rows * columns, self.header.group
        if count % group:
            facts = [("tensor", name), ("numbers", count), ("in groups of", group)]
            raise self.data.error("a model's header cannot be true", facts)
        matrix = Matrix(name, "INT8", rows, columns, self.offset, self.offset + count, group)
        self.offset += count + count // group * 4
        return matrix

    def by_layer(self, layers: dict[str, list[Matrix]]) -> list[tuple[Matrix, ...]]:
        return [tuple(layers[name][layer] for name in self.shapes) for layer in range(self.config.layers)]


def _vocabulary(data: Data, config: Config) -> Vocabulary:
    """Read `tokenizer.bin`: the longest token's length, then score, length and text of each token."""
    data.number("i", "longest token")
    tokens, scores = [], []
    for token in range(config.vocabulary):
        (score,) = data.numbers("f", f"token {token}")
        size = data.number("i", f"token {token}")
        tokens.append(data.take(size, f"token {token}").decode("utf-8", "surrogateescape"))
        scores.append(score)
    if data.left:
        facts = [("bytes behind it", data.left), ("tokens", config.vocabulary)]
        raise data.error("a tokenizer has more tokens than the model", facts)
    common = vocabulary.Common(
        data=data,
        tokens=tokens,
        types=[_type(token, text) for token, text in enumerate(tokens)],
        bos=BOS if len(tokens) > BOS else NONE,
        eos=EOS if len(tokens) > EOS else NONE,
        unknown=UNKNOWN,
        adds_bos=len(tokens) > BOS,
        template="",
    )
    return vocabulary.sentencepiece(common, scores, adds_space=True)


def _type(token: int, text: str) -> int:
    if token in (BOS, EOS, UNKNOWN):
        return vocabulary.CONTROL
    is_byte = FIRST_BYTE <= token < FIRST_BYTE + 256 and text == f"<0x{token - FIRST_BYTE:02X}>"
    return vocabulary.BYTE if is_byte else vocabulary.NORMAL
