"""Small models for tests, written as GGUF files and as llama2.c checkpoints, and readers of what becomes of them.

The reader of the flat file follows FORMAT.md with numpy, and shares no code with the writer.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bfbuild.weights import gguf, llama2c, writer
from bfbuild.weights.data import Data

Floats = NDArray[np.float32]
KINDS = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 8}


class Shape(NamedTuple):
    """A small Llama."""

    dim: int = 32
    hidden: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    vocabulary: int = 300
    context: int = 64

    @property
    def head_size(self) -> int:
        return self.dim // self.heads


def matrices(shape: Shape) -> dict[str, tuple[int, int]]:
    """Return each tensor's rows and columns, by GGUF's names; `output.weight` among them."""
    query, key = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    layer = {
        "attn_norm": (1, shape.dim),
        "attn_q": (query, shape.dim),
        "attn_k": (key, shape.dim),
        "attn_v": (key, shape.dim),
        "attn_output": (shape.dim, query),
        "ffn_norm": (1, shape.dim),
        "ffn_gate": (shape.hidden, shape.dim),
        "ffn_down": (shape.dim, shape.hidden),
        "ffn_up": (shape.hidden, shape.dim),
    }
    named = {f"blk.{number}.{name}.weight": each for number in range(shape.layers) for name, each in layer.items()}
    whole = {"token_embd.weight": (shape.vocabulary, shape.dim), "output_norm.weight": (1, shape.dim)}
    return whole | named | {"output.weight": (shape.vocabulary, shape.dim)}


def quantized(kind: str, values: Floats) -> tuple[bytes, Floats]:
    """Return a tensor's bytes, and the numbers that they stand for."""
    if kind == "F32":
        return values.tobytes(), values
    if kind == "F16":
        halves = values.astype(np.float16)
        return halves.tobytes(), halves.astype(np.float32)
    blocks = values.reshape(-1, 32)
    if kind == "Q8_0":
        steps = (np.abs(blocks).max(axis=1) / 127).astype(np.float16)
        whole = np.rint(blocks / np.maximum(steps, 1e-7)[:, None].astype(np.float32)).clip(-128, 127).astype(np.int8)
        data = _rows(steps, whole)
        numbers = steps.astype(np.float32)[:, None] * whole
    else:
        low = blocks.min(axis=1) if kind == "Q4_1" else -np.abs(blocks).max(axis=1)
        steps = ((blocks.max(axis=1) if kind == "Q4_1" else -low) - low) / np.float32(15)
        steps, low = steps.astype(np.float16), low.astype(np.float16)
        if kind == "Q4_0":
            low = (steps * np.float16(-8)).astype(np.float16)
        wide = low.astype(np.float32)[:, None]
        whole = np.rint((blocks - wide) / np.maximum(steps, 1e-7)[:, None].astype(np.float32)).clip(0, 15)
        packed = (whole[:, :16] + 16 * whole[:, 16:]).astype(np.uint8)
        data = _rows(steps, low, packed) if kind == "Q4_1" else _rows(steps, packed)
        numbers = steps.astype(np.float32)[:, None] * whole + wide
    return data, numbers.astype(np.float32).reshape(values.shape)


def _rows(*parts: NDArray[Any]) -> bytes:
    """Return the parts' first rows as bytes, then their second ones, and so on."""
    return np.concatenate([part.view(np.uint8).reshape(len(part), -1) for part in parts], axis=1).tobytes()


def tokens(count: int) -> list[str]:
    """Return a byte-level vocabulary: three tokens that are no text, 256 bytes, and merges of letters."""
    from bfbuild.weights.vocabulary import byte_characters  # noqa: PLC0415

    texts = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *byte_characters()]
    texts += [f"{a}{b}" for a in "abcdefgh" for b in "abcdefgh"]
    return (texts + [f"#{number}" for number in range(count)])[:count]


def keys(shape: Shape) -> dict[str, Any]:
    """Return what a GGUF file of that shape says of itself."""
    texts = tokens(shape.vocabulary)
    return {
        "general.architecture": "llama",
        "llama.block_count": shape.layers,
        "llama.context_length": shape.context,
        "llama.embedding_length": shape.dim,
        "llama.feed_forward_length": shape.hidden,
        "llama.attention.head_count": shape.heads,
        "llama.attention.head_count_kv": shape.kv_heads,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.freq_base": 10000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": texts,
        "tokenizer.ggml.token_type": [3 if number < 3 else 1 for number in range(len(texts))],
        "tokenizer.ggml.merges": [f"{text[0]} {text[1]}" for text in texts if len(text) == 2 and text.isalpha()],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.chat_template": "<|im_start|>user",
    }


def value(of: Any) -> bytes:
    """Return a value as GGUF has it: its type and its bytes."""
    if isinstance(of, bool):
        return struct.pack("<I?", 7, of)
    if isinstance(of, int):
        return struct.pack("<II", 4, of)
    if isinstance(of, float):
        return struct.pack("<If", 6, of)
    if isinstance(of, str):
        return struct.pack("<I", 8) + text(of)
    head = (
        struct.pack("<IIQ", 9, {str: 8, float: 6, int: 5}[type(of[0])], len(of)) if of else struct.pack("<IIQ", 9, 5, 0)
    )
    return head + b"".join(text(each) if isinstance(each, str) else value(each)[4:] for each in of)


def text(of: str) -> bytes:
    """Return a string as GGUF has it."""
    data = of.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(data)) + data


class Tensor(NamedTuple):
    """A tensor's type, rows, columns and bytes."""

    kind: str
    rows: int
    columns: int
    data: bytes


def gguf_file(values: Mapping[str, Any], tensors: Sequence[tuple[str, Tensor]], version: int = 3) -> bytes:
    """Return a GGUF file."""
    data = [tensor.data + bytes(-len(tensor.data) % 32) for _, tensor in tensors]
    kinds = [(name, tensor.kind, tensor.rows, tensor.columns) for name, tensor in tensors]
    return gguf_head(values, kinds, list(map(len, data)), version) + b"".join(data)


def gguf_head(
    values: Mapping[str, Any], kinds: Sequence[tuple[str, str, int, int]], sizes: Sequence[int], version: int = 3
) -> bytes:
    """Return what stands before the tensors of a GGUF file: of each its name, type, rows and columns, and its size."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(kinds), len(values))
    head += b"".join(text(name) + value(each) for name, each in values.items())
    at = 0
    for (name, kind, rows, columns), size in zip(kinds, sizes, strict=True):
        shape = (columns, rows) if rows > 1 else (columns,)
        head += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", KINDS[kind], at)
        at += size
    return head + bytes(-len(head) % 32)


def small(shape: Shape, kind: str, seed: int = 1, *, shared: bool = False) -> tuple[bytes, dict[str, Floats]]:
    """Return a GGUF file of made-up weights, and what they are."""
    random = np.random.default_rng(seed)
    tensors, numbers = [], {}
    for name, (rows, columns) in matrices(shape).items():
        if shared and name == "output.weight":
            continue
        wanted = random.normal(1 if rows == 1 else 0, 0.2, (rows, columns)).astype(np.float32)
        own = kind if rows > 1 and columns % 32 == 0 else "F32"
        data, numbers[name] = quantized(own, wanted)
        tensors.append((name, Tensor(own, rows, columns, data)))
    return gguf_file(keys(shape), tensors), numbers


def flat(weights: bytes, tokenizer: bytes | None = None) -> bytes:
    """Return the flat file of a model; raise WeightsError."""
    data, out = Data(io.BytesIO(weights), "weights"), io.BytesIO()
    model = gguf.read(data) if tokenizer is None else llama2c.read(data, Data(io.BytesIO(tokenizer), "tokenizer"))
    writer.write(model, out)
    return out.getvalue()


def sealed(data: bytes, words: Mapping[int, int], size: int | None = None) -> bytes:
    """Return a flat file cut to a size, with words changed by their offsets, and the checksum of what that makes."""
    made = bytearray(data[:size])
    struct.pack_into("<I", made, 8, len(made))
    for at, word in words.items():
        struct.pack_into("<I", made, at, word)
    struct.pack_into("<I", made, 12, zlib.crc32(made[16:]))
    return bytes(made)


HEADER = (
    *("magic", "version", "size", "crc", "dim", "hidden", "layers", "heads", "kv_heads", "head_size", "vocabulary"),
    *("context", "epsilon", "bos", "eos", "unknown", "splitter", "flags", "merges", "characters"),
    *("starts_at", "bytes_at", "controls_at", "byte_tokens_at", "merges_at", "characters_at", "chat_at"),
    *("frequencies_at", "table_at"),
)


class Flat:
    """A flat file, read by FORMAT.md."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.header: dict[str, Any] = dict(zip(HEADER, struct.unpack_from("<4s11If16I", data), strict=True))
        assert self.header["magic"] == b"BFLM"
        assert self.header["size"] == len(data)
        assert self.header["crc"] == zlib.crc32(data[16:])

    def matrix(self, index: int) -> Floats:
        """Return a matrix of the table as numbers."""
        kind, rows, columns, at = struct.unpack_from("<4I", self.data, self.header["table_at"] + 16 * index)
        if kind < 2:
            type_ = np.dtype("<f4") if kind == 0 else np.dtype("<f2")
            return np.frombuffer(self.data, type_, rows * columns, at).reshape(rows, columns).astype(np.float32)
        tiles, blocks, size = -(-rows // 16), columns // 32, 576 if kind == 2 else 320
        whole = np.frombuffer(self.data, np.uint8, tiles * (64 + blocks * size), at).reshape(tiles, -1)
        worths = whole[:, :64].copy().view("<f4")
        raw = whole[:, 64:].reshape(tiles, blocks, size)
        made = np.zeros((tiles, blocks, 16, 32), np.float32)
        for row in range(16):
            worth = worths[:, row, None]
            scale = raw[..., 4 * row : 4 * row + 4].copy()
            step, rest = scale.view("<i2")[..., 0].astype(np.float64), scale.view("<i2")[..., 1].astype(np.float64)
            for unit in range(8 if kind == 2 else 4):
                lane = raw[..., 64 + 64 * unit + 4 * row : 68 + 64 * unit + 4 * row]
                if kind == 2:
                    first = 4 * (unit // 2) + unit % 2
                    for part, column in enumerate((first, first + 16, first + 2, first + 18)):
                        made[..., row, column] = worth * scale.view("<i4")[..., 0] * lane[..., part].view(np.int8)
                else:
                    for part, column in enumerate(4 * unit + part // 2 + part % 2 * 16 for part in range(8)):
                        half_byte = (lane[..., part // 2] >> part % 2 * 4 & 15).astype(np.float64)
                        made[..., row, column] = worth * (step * (half_byte - 8) + 8 * rest)
        return made.transpose(0, 2, 1, 3).reshape(tiles * 16, columns)[:rows]

    def numbers(self, name: str, count: int) -> list[int]:
        """Return numbers that stand at an offset of the header."""
        return list(struct.unpack_from(f"<{count}I", self.data, self.header[f"{name}_at"]))

    def token(self, number: int) -> bytes:
        """Return a token's bytes."""
        starts = self.numbers("starts", self.header["vocabulary"] + 1)
        at = self.header["bytes_at"]
        return self.data[at + starts[number] : at + starts[number + 1]]


def checkpoint(
    shape: Shape, version: int, *, shared: bool, group: int = 32, seed: int = 1
) -> tuple[bytes, dict[str, Floats]]:
    """Return a llama2.c checkpoint (version 0 is the legacy one), and the numbers in it by GGUF's names."""
    random = np.random.default_rng(seed)
    numbers = {
        name: random.normal(1 if each[0] == 1 else 0, 0.2, each).astype(np.float32)
        for name, each in matrices(shape).items()
        if not (shared and name == "output.weight")
    }
    names = {each: [f"blk.{i}.{each}.weight" for i in range(shape.layers)] for each in _LAYER}
    header = [shape.dim, shape.hidden, shape.layers, shape.heads, shape.kv_heads, shape.vocabulary, shape.context]
    last = [] if shared else ["output.weight"]
    attention, hidden = ["attn_q", "attn_k", "attn_v", "attn_output"], ["ffn_gate", "ffn_down", "ffn_up"]
    norms = [*names["attn_norm"], *names["ffn_norm"], "output_norm.weight"]
    if version == 0:
        header[5] *= 1 if shared else -1
        order = ["token_embd.weight", *names["attn_norm"], *(n for each in attention for n in names[each])]
        order += [*names["ffn_norm"], *(n for each in hidden for n in names[each]), "output_norm.weight"]
        body = b"".join(numbers[name].tobytes() for name in order)
        body += bytes(shape.context * shape.head_size * 4) + b"".join(numbers[name].tobytes() for name in last)
        return struct.pack("<7i", *header) + body, numbers
    head = struct.pack("<Ii7iB", 0x616B3432, version, *header, shared)
    order = ["token_embd.weight", *(n for each in [*attention, *hidden] for n in names[each]), *last]
    body = b"".join(numbers[name].tobytes() for name in norms)
    if version == 1:
        body += b"".join(numbers[name].tobytes() for name in order)
    else:
        head += struct.pack("<i", group)
        for name in order:
            data, numbers[name] = _grouped(numbers[name], group)
            body += data
    return head + bytes(256 - len(head)) + body, numbers


_LAYER = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_down", "ffn_up")


def _grouped(values: Floats, group: int) -> tuple[bytes, Floats]:
    groups = values.reshape(-1, group)
    scales = (np.abs(groups).max(axis=1) / 127).astype(np.float32)
    whole = np.rint(groups / scales[:, None]).astype(np.int8)
    return whole.tobytes() + scales.tobytes(), (whole * scales[:, None]).astype(np.float32).reshape(values.shape)


def tokenizer_bin(count: int) -> bytes:
    """Return llama2.c's tokenizer.bin: three tokens that are no text, 256 bytes, single letters, and pairs of them."""
    texts = ["<unk>", "\n<s>\n", "\n</s>\n", *(f"<0x{byte:02X}>" for byte in range(256))]
    texts += [" ", *"abcdefgh", *(f"{a}{b}" for a in " abcdefgh" for b in "abcdefgh")]
    texts = (texts + [f"#{number}" for number in range(count)])[:count]
    made = struct.pack("<i", max(len(each) for each in texts))
    for number, each in enumerate(texts):
        made += struct.pack("<fi", -float(number), len(each.encode())) + each.encode()
    return made
