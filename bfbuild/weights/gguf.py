"""GGUF, versions 2 and 3, little-endian: keys and tensors of a Llama. Nothing that the file says is believed unchecked.

A file has a header, keys with values, one description for each tensor, and the tensors' data. See the "GGUF" page of
ggml's documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from . import vocabulary
from .model import NONE, Config, Matrix, Model, Vocabulary, Weights, check_shape, expected

if TYPE_CHECKING:
    from .data import Data

MAGIC = b"GGUF"
MOST_KEYS = 1 << 16
MOST_TENSORS = 1 << 16
MOST_NAME = 1 << 16
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
SIZES = {"B": 1, "b": 1, "H": 2, "h": 2, "I": 4, "i": 4, "f": 4, "?": 1, "Q": 8, "q": 8, "d": 8}
STRING, ARRAY = 8, 9
KINDS = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 8: "Q8_0"}
BLOCKS = {"F32": (1, 4), "F16": (1, 2), "Q4_0": (32, 18), "Q4_1": (32, 20), "Q8_0": (32, 34)}  # values, bytes


class _Tensor(NamedTuple):
    kind: int
    shape: tuple[int, ...]  # columns first
    offset: int


def read(data: Data) -> Model:
    """Read a model; raise WeightsError where the file is damaged, or holds something else."""
    tensors, values = _header(data)
    architecture = values.text("general.architecture")
    if architecture != "llama":
        raise data.error("a model has an unknown architecture", [("architecture", architecture), ("known", "llama")])
    matrices = _matrices(data, tensors, values)
    config = _config(values, matrices)
    config.check(data)
    return Model(data, config, _weights(data, config, matrices), _vocabulary(values, config), _factors(data, matrices))


def keys(data: Data) -> dict[str, Any]:
    """Return what a file says of itself."""
    return _header(data)[1].values


def _header(data: Data) -> tuple[int, _Keys]:
    """Return the number of tensors, and the keys."""
    data.position = len(MAGIC)
    version = data.number("I", "version")
    if version not in (2, 3):
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big") in (2, 3)
        facts: list[tuple[str, object]] = [("version", version), ("wanted", "2 or 3")]
        raise data.error("a GGUF file is big-endian" if swapped else "a GGUF file has an unknown version", facts)
    tensors, keys = data.number("Q", "number of tensors"), data.number("Q", "number of keys")
    for what, count, most in (("tensors", tensors, MOST_TENSORS), ("keys", keys, MOST_KEYS)):
        if count > most:
            raise data.error("a GGUF file's header cannot be true", [(what, count), ("at most", most)])
    return tensors, _Keys(data, keys)


class _Keys:
    """The keys and values of a file."""

    def __init__(self, data: Data, count: int) -> None:
        self.data = data
        self.values: dict[str, Any] = {}
        for _ in range(count):
            name = _string(data, "a key")
            if name in self.values:
                raise data.error("a GGUF file has a key twice", [("key", name)])
            self.values[name] = _value(data, data.number("I", name), name)

    def get(self, name: str, type_: type, default: Any = None) -> Any:
        """Return a value; raise WeightsError where it is missing without a default, or of another type."""
        value = self.values.get(name, default)
        if value is None:
            raise self.data.error("a GGUF file lacks a key", [("key", name)])
        if not isinstance(value, type_) or (type_ is int and isinstance(value, bool)):
            found = type(value).__name__
            facts = [("key", name), ("type", found), ("wanted", type_.__name__)]
            raise self.data.error("a GGUF file's key has another type", facts)
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string."""
        return str(self.get(name, str, default))

    def number(self, name: str, default: int | None = None) -> int:
        """Return a whole number."""
        return int(self.get(name, int, default))

    def real(self, name: str, default: float | None = None) -> float:
        """Return a number with a fraction."""
        return float(self.get(name, float, default))


def _string(data: Data, what: str) -> str:
    return _bytes(data, what).decode("utf-8", "surrogateescape")


def _bytes(data: Data, what: str) -> bytes:
    size = data.number("Q", what)
    return data.take(size, what)


def _value(data: Data, type_: int, what: str) -> Any:
    if type_ == STRING:
        return _string(data, what)
    if type_ == ARRAY:
        return _array(data, what)
    if type_ not in NUMBERS:
        raise data.error("a GGUF file has a value of an unknown type", [("key", what), ("type", type_)])
    return data.numbers(NUMBERS[type_], what)[0]


def _array(data: Data, what: str) -> list[Any]:
    type_, count = data.number("I", what), data.number("Q", what)
    if type_ == STRING:
        if count > data.left // 8:
            raise data.error("a GGUF file ends too early", [("array", what), ("strings", count)])
        return [_string(data, what) for _ in range(count)]
    if type_ not in NUMBERS:
        raise data.error("a GGUF file has a value of an unknown type", [("key", what), ("type", f"array of {type_}")])
    form = NUMBERS[type_]
    if count > data.left // SIZES[form]:
        raise data.error("a GGUF file ends too early", [("array", what), ("numbers", count)])
    return list(data.numbers(f"{count}{form}", what))


def _matrices(data: Data, count: int, values: _Keys) -> dict[str, Matrix]:
    """Return all tensors by name; each lies inside the file."""
    described: dict[str, _Tensor] = {}
    for _ in range(count):
        name, dimensions = _string(data, "a tensor's name"), data.number("I", "a tensor's dimensions")
        if not 1 <= dimensions <= 4:
            raise data.error("a tensor's shape cannot be true", [("tensor", name), ("dimensions", dimensions)])
        shape = tuple(int(each) for each in data.numbers(f"{dimensions}Q", name))
        if name in described:
            raise data.error("a GGUF file has a tensor twice", [("tensor", name)])
        described[name] = _Tensor(data.number("I", name), shape, data.number("Q", name))
    alignment = values.number("general.alignment", 32)
    if alignment <= 0 or alignment & (alignment - 1):
        raise data.error("a GGUF file's header cannot be true", [("alignment", alignment), ("wanted", "a power of 2")])
    start = -(-data.position // alignment) * alignment
    return {name: _matrix(data, name, each, start) for name, each in described.items()}


def _matrix(data: Data, name: str, tensor: _Tensor, start: int) -> Matrix:
    if tensor.kind not in KINDS:
        facts = [("tensor", name), ("type", tensor.kind), ("known", ", ".join(f"{n} {k}" for n, k in KINDS.items()))]
        raise data.error("a tensor has a type that we do not know", facts)
    kind = KINDS[tensor.kind]
    values, size = BLOCKS[kind]
    columns, rows = (*tensor.shape, 1)[:2]
    if any(each != 1 for each in tensor.shape[2:]) or not columns or not rows or columns % values:
        raise data.error("a tensor's shape cannot be true", [("tensor", name), ("shape", tensor.shape), ("type", kind)])
    offset, length = start + tensor.offset, rows * (columns // values) * size
    if offset + length > data.size:
        facts = [("tensor", name), ("shape", tensor.shape), ("needs", f"{length:,} bytes from {offset:,}")]
        raise data.error("a model file ends too early", facts)
    return Matrix(name, kind, rows, columns, offset)


def _config(values: _Keys, matrices: dict[str, Matrix]) -> Config:
    heads, dim = values.number("llama.attention.head_count"), values.number("llama.embedding_length")
    head_size = values.number("llama.attention.key_length", dim // heads if heads > 0 else 0)
    turned = values.number("llama.rope.dimension_count", head_size)
    scaling = values.text("llama.rope.scaling.type", "none")
    for what, value, known in (
        ("value length", values.number("llama.attention.value_length", head_size), head_size),
        ("rotated dimensions", turned, head_size),
        ("scaling of positions", scaling, "none"),
        ("experts", values.number("llama.expert_count", 0), 0),
    ):
        if value != known:
            raise values.data.error("a model is of a kind that we do not know", [(what, value), ("known", known)])
    embedding = matrices.get("token_embd.weight")
    return Config(
        dim=dim,
        hidden=values.number("llama.feed_forward_length"),
        layers=values.number("llama.block_count"),
        heads=heads,
        kv_heads=values.number("llama.attention.head_count_kv", heads),
        head_size=head_size,
        vocabulary=values.number("llama.vocab_size", embedding.rows if embedding else 0),
        context=values.number("llama.context_length"),
        epsilon=values.real("llama.attention.layer_norm_rms_epsilon"),
        theta=values.real("llama.rope.freq_base", 10_000.0),
    )


def _weights(data: Data, config: Config, matrices: dict[str, Matrix]) -> Weights:
    """Return the matrices by their use; raise WeightsError where one is missing, of another shape, or not known."""
    left = dict(matrices)
    left.pop("rope_freqs.weight", None)  # see _factors

    def take(name: str, rows: int, columns: int) -> Matrix:
        if name not in left:
            raise data.error("a model lacks a tensor", [("tensor", name)])
        return check_shape(data, left.pop(name), rows, columns)

    embedding = take("token_embd.weight", config.vocabulary, config.dim)
    classifier = take("output.weight", config.vocabulary, config.dim) if "output.weight" in left else embedding
    weights = Weights(
        embedding,
        take("output_norm.weight", 1, config.dim),
        classifier,
        [
            tuple(take(f"blk.{layer}.{name}.weight", rows, columns) for name, rows, columns in expected(config))
            for layer in range(config.layers)
        ],
    )
    if left:
        raise data.error("a model has a tensor that we do not know", [("tensor", sorted(left)[0])])
    return weights


def _factors(data: Data, matrices: dict[str, Matrix]) -> list[float] | None:
    """Return by what Llama 3 divides the frequencies of positions."""
    matrix = matrices.get("rope_freqs.weight")
    if matrix is None:
        return None
    if matrix.kind != "F32" or matrix.rows != 1:
        raise data.error("a tensor has a type that we do not know", [("tensor", matrix.name), ("type", matrix.kind)])
    data.position = matrix.offset
    factors = list(data.numbers(f"{matrix.columns}f", matrix.name))
    if not all(1 <= each < 1e6 for each in factors):  # false for NaN
        raise data.error("a tensor's values cannot be true", [("tensor", matrix.name)])
    return factors


def _vocabulary(values: _Keys, config: Config) -> Vocabulary:
    kind = values.text("tokenizer.ggml.model")
    tokens = values.get("tokenizer.ggml.tokens", list)
    types = values.get("tokenizer.ggml.token_type", list, [1] * len(tokens))
    scores = values.get("tokenizer.ggml.scores", list, [0.0] * len(tokens))
    data = values.data
    if not all(isinstance(each, str) for each in tokens) or not len(tokens) == len(types) == len(scores):
        facts = [("tokens", len(tokens)), ("types", len(types)), ("scores", len(scores))]
        raise data.error("a vocabulary's lists do not fit each other", facts)
    if len(tokens) != config.vocabulary:
        facts = [("tokens", len(tokens)), ("in the header", config.vocabulary)]
        raise data.error("a vocabulary has not the size that the header says", facts)
    common = vocabulary.Common(
        data=data,
        tokens=tokens,
        types=[int(each) for each in types],
        bos=values.number("tokenizer.ggml.bos_token_id", NONE),
        eos=values.number("tokenizer.ggml.eos_token_id", NONE),
        unknown=values.number("tokenizer.ggml.unknown_token_id", NONE),
        adds_bos=bool(values.get("tokenizer.ggml.add_bos_token", bool, kind == "llama")),
        template=values.text("tokenizer.chat_template", ""),
    )
    if kind == "gpt2":
        merges = values.get("tokenizer.ggml.merges", list)
        return vocabulary.byte_level(common, merges, values.text("tokenizer.ggml.pre", "gpt-2"))
    if kind == "llama":
        adds_space = bool(values.get("tokenizer.ggml.add_space_prefix", bool, True))
        return vocabulary.sentencepiece(common, [float(each) for each in scores], adds_space=adds_space)
    raise data.error("a vocabulary is of a kind that we do not know", [("kind", kind), ("known", "gpt2, llama")])
