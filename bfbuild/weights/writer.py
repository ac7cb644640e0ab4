"""The flat file that a kernel uses in place; FORMAT.md (src/app/chat) describes it, field by field."""

from __future__ import annotations

import struct
import zlib
from array import array
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from . import tiles
from .model import Matrix, Model, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAGIC, VERSION = b"BFLM", 2
HEADER = 128
ALIGNMENT = 64
MOST = (1 << 31) - 1  # bytes of the file
CHECKED_FROM = 16  # what stands before is not under the checksum
BOS, SPACE = 1, 2  # flags


class _Section(NamedTuple):
    """Some bytes of the file: how many, and what yields them."""

    size: int
    pieces: Iterable[bytes]


def write(model: Model, file: BinaryIO) -> None:
    """Write the file; raise WeightsError where a number is none, or all is too large."""
    weights = model.weights
    matrices = [weights.embedding, weights.norm, weights.classifier, *(each for row in weights.layers for each in row)]
    distinct = list(dict.fromkeys(matrices))
    small = [*_vocabulary(model.vocabulary), _frequencies(model)]
    table = _Section(16 * len(matrices), ())
    sections = [*small, table, *(_Section(tiles.size_of(each), tiles.pieces(model.data, each)) for each in distinct)]
    offsets, size = _lay_out(sections)
    if size > MOST:
        raise model.data.error("a model is too large for a kernel", [("bytes", f"{size:,}"), ("at most", f"{MOST:,}")])
    places = dict(zip(distinct, offsets[len(small) + 1 :], strict=True))
    sections[len(small)] = table._replace(pieces=[_entry(each, places[each]) for each in matrices])
    header = _header(model, offsets[: len(small) + 1], size)
    file.write(header)
    crc = zlib.crc32(header[CHECKED_FROM:])
    for piece in _bytes(sections):
        file.write(piece)
        crc = zlib.crc32(piece, crc)
    file.seek(12)
    file.write(struct.pack("<I", crc))


def _lay_out(sections: list[_Section]) -> tuple[list[int], int]:
    offsets, end = [], HEADER
    for section in sections:
        offsets.append(end)
        end += section.size + -section.size % ALIGNMENT
    return offsets, end


def _bytes(sections: list[_Section]) -> Iterator[bytes]:
    for section in sections:
        size = 0
        for piece in section.pieces:
            size += len(piece)
            yield piece
        assert size == section.size
        yield bytes(-size % ALIGNMENT)


def _header(model: Model, offsets: list[int], size: int) -> bytes:
    config, words = model.config, model.vocabulary
    flags = BOS * words.adds_bos | SPACE * words.adds_space
    made = struct.pack(
        "<4sIII8If3I4I9I",
        *(MAGIC, VERSION, size, 0),
        *(config.dim, config.hidden, config.layers, config.heads, config.kv_heads, config.head_size),
        *(config.vocabulary, config.context, config.epsilon),
        *(words.bos, words.eos, words.unknown),
        *(words.splitter, flags, len(words.pairs), len(words.characters)),
        *offsets,
    )
    assert len(made) <= HEADER
    return made + bytes(HEADER - len(made))


def _vocabulary(words: Vocabulary) -> list[_Section]:
    """Where each token begins, the tokens, which are controls, bytes to tokens, merges, characters, chat."""
    starts = [0]
    for token in words.tokens:
        starts.append(starts[-1] + len(token))
    chat = [part.encode() for part in words.chat]
    return [
        _of(array("I", starts).tobytes()),
        _of(b"".join(words.tokens)),
        _of(bytes(int(token in words.controls) for token in range(len(words.tokens)))),
        _of(array("I", words.byte_ids).tobytes()),
        _of(array("I", [number for pair in words.pairs for number in pair]).tobytes()),
        _of(array("I", [number for pair in words.characters for number in pair]).tobytes()),
        _of(struct.pack("<4I", *map(len, chat)) + b"".join(chat)),
    ]


def _of(data: bytes) -> _Section:
    return _Section(len(data), [data])


def _frequencies(model: Model) -> _Section:
    """By how much each pair of a head's values is turned from one position to the next."""
    half = model.config.head_size // 2
    factors = model.frequency_factors or [1.0] * half
    if len(factors) != half:
        raise model.data.error("a tensor has not the shape that the header says", [("tensor", "rope_freqs.weight")])
    theta, size = model.config.theta, model.config.head_size
    return _of(array("f", [theta ** (-2 * i / size) / factor for i, factor in enumerate(factors)]).tobytes())


def _entry(matrix: Matrix, offset: int) -> bytes:
    return struct.pack("<4I", tiles.type_of(matrix), matrix.rows, matrix.columns, offset)
