"""Matrices as a kernel's vector registers want them: tiles of 16 rows, in which 16 rows' values lie side by side.

FORMAT.md (src/app/chat) describes the bytes. Nothing is rounded: a Q4_0 block is a Q4_1 block whose least value is -8
steps, and scales of 16 bits are 32 bits where they stand beside bytes. What no tile can hold stays a plain matrix.
"""

from __future__ import annotations

import struct
from array import array
from typing import TYPE_CHECKING

from .data import is_finite_16, is_finite_32

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .data import Data
    from .model import Matrix

F32, F16, Q8, Q4 = range(4)  # the types of FORMAT.md
TILE = 16  # rows
BLOCK = 32  # columns
Q8_UNITS, Q4_UNITS = 288, 160  # of 16 bits, in a block of a tile
_LESS_8 = bytes(byte ^ 0x88 for byte in range(256))  # a half byte less 8, as a signed one
BAND = 1 << 20  # bytes that are copied at a time


def type_of(matrix: Matrix) -> int:
    """Return the type in which a matrix is written."""
    if matrix.kind in ("F32", "F16"):
        return F32 if matrix.kind == "F32" or matrix.rows == 1 else F16  # vectors are always F32
    if matrix.kind == "INT8":
        return F32 if matrix.columns % BLOCK or matrix.group % BLOCK else Q8
    return Q8 if matrix.kind == "Q8_0" else Q4


def size_of(matrix: Matrix) -> int:
    """Return how many bytes a matrix has when it is written."""
    type_ = type_of(matrix)
    if type_ in (F32, F16):
        return matrix.rows * matrix.columns * (4 if type_ == F32 else 2)
    tiles = -(-matrix.rows // TILE) * (matrix.columns // BLOCK)
    return tiles * 2 * (Q8_UNITS if type_ == Q8 else Q4_UNITS)


def pieces(data: Data, matrix: Matrix) -> Iterator[bytes]:
    """Yield a matrix's bytes; raise WeightsError where a number is infinite or NaN."""
    if matrix.kind == "INT8":
        yield from _grouped(data, matrix) if type_of(matrix) == Q8 else _expanded(data, matrix)
    elif matrix.kind in ("F32", "F16"):
        yield from _plain(data, matrix)
    else:
        tile = {"Q8_0": _tile_q8, "Q4_0": _tile_q4_0, "Q4_1": _tile_q4_1}[matrix.kind]
        size = matrix.columns // BLOCK * {"Q8_0": 34, "Q4_0": 18, "Q4_1": 20}[matrix.kind]
        for row in range(0, matrix.rows, TILE):
            rows = min(TILE, matrix.rows - row)
            band = data.at(matrix.offset + row * size, rows * size, matrix.name)
            yield tile(data, matrix, row, array("H", band))


def _refuse(data: Data, matrix: Matrix, row: int) -> None:
    facts: list[tuple[str, object]] = [("tensor", matrix.name), ("type", matrix.kind), ("rows", f"from {row}")]
    raise data.error("a tensor has numbers that are infinite or none", facts)


def _plain(data: Data, matrix: Matrix) -> Iterator[bytes]:
    size, is_finite = (4, is_finite_32) if matrix.kind == "F32" else (2, is_finite_16)
    total = matrix.rows * matrix.columns * size
    for done in range(0, total, BAND):
        piece = data.at(matrix.offset + done, min(BAND, total - done), matrix.name)
        if not is_finite(piece):
            _refuse(data, matrix, done // size // matrix.columns)
        widen = type_of(matrix) == F32 and matrix.kind == "F16"
        yield array("f", struct.unpack(f"<{len(piece) // 2}e", piece)).tobytes() if widen else piece


def _tile_q4_1(data: Data, matrix: Matrix, row: int, source: array[int]) -> bytes:
    """A row's blocks are step, least value (16 bits each) and 16 bytes; column c is the low half of byte c % 16."""
    blocks = matrix.columns // BLOCK
    made = array("H", bytes(2 * Q4_UNITS * blocks))
    for number in range(len(source) // (10 * blocks)):
        part = source[number * 10 * blocks : (number + 1) * 10 * blocks]
        for unit in range(10):
            values = part[unit::10]
            if unit > 1:
                values = array("H", values.tobytes().translate(_LESS_8))
            made[unit * TILE + number :: Q4_UNITS] = values
        if not (is_finite_16(part[0::10].tobytes()) and is_finite_16(part[1::10].tobytes())):
            _refuse(data, matrix, row + number)
    return made.tobytes()


def _tile_q4_0(data: Data, matrix: Matrix, row: int, source: array[int]) -> bytes:
    """The same without a least value."""
    blocks = len(source) // 9
    wider = array("H", bytes(20 * blocks))
    steps = source[0::9].tobytes()
    try:
        least = struct.pack(f"<{blocks}e", *(-8 * step for step in struct.unpack(f"<{blocks}e", steps)))
    except OverflowError:
        least = b"\xff" * 2 * blocks  # no number, as a step of this size is none
    wider[0::10], wider[1::10] = array("H", steps), array("H", least)
    for unit in range(8):
        wider[2 + unit :: 10] = source[1 + unit :: 9]
    return _tile_q4_1(data, matrix, row, wider)


def _tile_q8(data: Data, matrix: Matrix, row: int, source: array[int]) -> bytes:
    blocks = matrix.columns // BLOCK
    rows = len(source) // (17 * blocks)
    scales = source[0::17].tobytes()
    if not is_finite_16(scales):
        _refuse(data, matrix, row)
    count = rows * blocks
    values = array("H", b"".join(source[unit::17].tobytes() for unit in range(1, 17))).tobytes()
    columns = [values[2 * (each // 2) * count + each % 2 : 2 * (each // 2 + 1) * count : 2] for each in range(BLOCK)]
    return _tile_of(blocks, array("f", struct.unpack(f"<{count}e", scales)), columns)


def _tile_of(blocks: int, scales: array[float], columns: list[bytes]) -> bytes:
    """Return a tile of bytes: `scales` and each of a block's `columns` have one entry for each row and block."""
    made = array("H", bytes(2 * Q8_UNITS * blocks))
    units = [_pairs(columns[each], columns[each + BLOCK // 2]) for each in range(BLOCK // 2)]
    halves = array("H", scales.tobytes())
    for number in range(len(scales) // blocks):
        low, high = number * blocks, (number + 1) * blocks
        for half in range(2):
            made[2 * number + half :: Q8_UNITS] = halves[2 * low + half : 2 * high : 2]
        for unit, values in enumerate(units):
            made[(2 + unit) * TILE + number :: Q8_UNITS] = values[low:high]
    return made.tobytes()


def _pairs(low: bytes, high: bytes) -> array[int]:
    both = bytearray(2 * len(low))
    both[0::2], both[1::2] = low, high
    return array("H", bytes(both))


def _grouped(data: Data, matrix: Matrix) -> Iterator[bytes]:
    """Bytes whose scales stand apart, one for each `group` of them, counted from the matrix's start."""
    columns, blocks = matrix.columns, matrix.columns // BLOCK
    for row in range(0, matrix.rows, TILE):
        rows = min(TILE, matrix.rows - row)
        source = data.at(matrix.offset + row * columns, rows * columns, matrix.name)
        groups = range(row * columns, (row + rows) * columns, BLOCK)
        scales = _scales(data, matrix, row, groups[0] // matrix.group, groups[-1] // matrix.group + 1)
        first = groups[0] // matrix.group
        yield _tile_of(
            blocks,
            array("f", [scales[at // matrix.group - first] for at in groups]),
            [source[each::BLOCK] for each in range(BLOCK)],
        )


def _scales(data: Data, matrix: Matrix, row: int, first: int, last: int) -> tuple[float, ...]:
    piece = data.at(matrix.scales + 4 * first, 4 * (last - first), matrix.name)
    if not is_finite_32(piece):
        _refuse(data, matrix, row)
    return struct.unpack(f"<{last - first}f", piece)


def _expanded(data: Data, matrix: Matrix) -> Iterator[bytes]:
    """Bytes in groups that lie across a tile's blocks, as numbers."""
    for row in range(matrix.rows):
        low, high = row * matrix.columns, (row + 1) * matrix.columns
        first = low // matrix.group
        scales = _scales(data, matrix, row, first, (high - 1) // matrix.group + 1)
        values = array("b", data.at(matrix.offset + low, matrix.columns, matrix.name))
        made = array(
            "f",
            [value * scales[at // matrix.group - first] for at, value in zip(range(low, high), values, strict=True)],
        )
        if not is_finite_32(made.tobytes()):
            _refuse(data, matrix, row)
        yield made.tobytes()
