"""Matrices as a kernel's vector registers want them: tiles of 16 rows, in which 16 rows' values lie side by side.

FORMAT.md (src/app/chat) describes the bytes. Values stay what they are; scales become integers of one worth for a row,
so that a kernel has no floats to compute before the row's end. What no tile can hold stays a plain matrix.
"""

from __future__ import annotations

import math
import struct
from array import array
from typing import TYPE_CHECKING

from .data import is_finite_16, is_finite_32

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .data import Data
    from .model import Matrix

F32, F16, Q8, Q4 = range(4)  # the types of FORMAT.md
TILE = 16  # rows
BLOCK = 32  # columns
Q8_LANES, Q4_LANES = 9 * TILE, 5 * TILE  # of 32 bits, in a block of a tile
STEP_BITS, SCALE_BITS = 14, 30  # of a row's largest, beside half bytes and beside bytes
LEAST_WORTH = -126  # the exponent of the least normal float
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
    lanes = TILE + matrix.columns // BLOCK * (Q8_LANES if type_ == Q8 else Q4_LANES)
    return -(-matrix.rows // TILE) * 4 * lanes


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
    lanes = array("I", source.tobytes())
    heads = array("H", lanes[0::5].tobytes())
    steps, least = _halves(data, matrix, row, heads[0::2]), _halves(data, matrix, row, heads[1::2])
    rest = [8 * step + value for step, value in zip(steps, least, strict=True)]
    return _tile_q4(matrix.columns // BLOCK, steps, rest, [lanes[unit::5] for unit in range(1, 5)])


def _tile_q4_0(data: Data, matrix: Matrix, row: int, source: array[int]) -> bytes:
    """The same without a least value, which is -8 steps."""
    steps = _halves(data, matrix, row, source[0::9])
    units = [_lanes(source[unit::9], source[unit + 1 :: 9]) for unit in range(1, 9, 2)]
    return _tile_q4(matrix.columns // BLOCK, steps, [0.0] * len(steps), units)


def _halves(data: Data, matrix: Matrix, row: int, numbers: array[int]) -> tuple[float, ...]:
    if not is_finite_16(numbers.tobytes()):
        _refuse(data, matrix, row)
    return struct.unpack(f"<{len(numbers)}e", numbers.tobytes())


def _tile_q4(blocks: int, steps: tuple[float, ...], rest: list[float], units: list[array[int]]) -> bytes:
    """Return a tile of half bytes: a number is step * (half byte - 8) + rest."""
    made = array("I", bytes(4 * (TILE + Q4_LANES * blocks)))
    for number in range(len(steps) // blocks):
        low, high = number * blocks, (number + 1) * blocks
        eighths = [value / 8 for value in rest[low:high]]
        exponent = _worth((*steps[low:high], *eighths), STEP_BITS)
        made[number] = _float(exponent)
        made[TILE + number :: Q4_LANES] = _lanes(
            _integers("h", steps[low:high], exponent), _integers("h", eighths, exponent)
        )
        for unit, lanes in enumerate(units, 2):
            made[unit * TILE + number :: Q4_LANES] = lanes[low:high]
    return made.tobytes()


def _worth(scales: Iterable[float], bits: int) -> int:
    """Return an exponent of two: by its power all scales are integers of so many bits, after rounding."""
    return max(math.frexp(max(map(abs, scales)))[1] - bits, LEAST_WORTH)


def _integers(form: str, scales: Iterable[float], exponent: int) -> array[int]:
    return array(form, [round(math.ldexp(scale, -exponent)) for scale in scales])


def _float(exponent: int) -> int:
    return exponent + 127 << 23


def _tile_q8(data: Data, matrix: Matrix, row: int, source: array[int]) -> bytes:
    scales = _halves(data, matrix, row, source[0::17])
    values = [source[unit::17].tobytes() for unit in range(1, 17)]
    columns = [values[each // 2][each % 2 :: 2] for each in range(BLOCK)]
    return _tile_of(matrix.columns // BLOCK, scales, columns)


def _tile_of(blocks: int, scales: tuple[float, ...], columns: list[bytes]) -> bytes:
    """Return a tile of bytes: `scales` and each of a block's `columns` have one entry for each row and block."""
    made = array("I", bytes(4 * (TILE + Q8_LANES * blocks)))
    firsts = [4 * each + second for each in range(4) for second in range(2)]
    units = [_lanes(*(array("B", columns[first + more]) for more in (0, 16, 2, 18))) for first in firsts]
    for number in range(len(scales) // blocks):
        low, high = number * blocks, (number + 1) * blocks
        exponent = _worth(scales[low:high], SCALE_BITS)
        made[number] = _float(exponent)
        made[TILE + number :: Q8_LANES] = array("I", _integers("i", scales[low:high], exponent).tobytes())
        for unit, lanes in enumerate(units, 2):
            made[unit * TILE + number :: Q8_LANES] = lanes[low:high]
    return made.tobytes()


def _lanes(*parts: array[int]) -> array[int]:
    """Return the parts' numbers side by side, in lanes of 32 bits; the first is the lowest."""
    made = array(parts[0].typecode, bytes(4 * len(parts[0])))
    for place, part in enumerate(parts):
        made[place :: len(parts)] = part
    return array("I", made.tobytes())


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
            tuple(scales[at // matrix.group - first] for at in groups),
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
