"""Names on FAT16: which are legal, their 8.3 forms, and the long-name entries that carry them.

A name that is legal 8.3 in capitals is its own short form and needs no long one. Every other name gets long-name
entries (VFAT, UTF-16) and a short form by [fatgen] "Name generation": capitals, what 8.3 cannot hold as `_`, and a tail
`~N` where something was lost or the form is taken. Everything outside ASCII counts as lost, because a short name's
code page is the reader's guess. The forms depend on nothing but the set of names in the directory.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ..faults import DiskError
from .volume import ATTR_LONG_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME_UNITS = 255  # [fatgen] the longest name, in UTF-16 units
PATH_UNITS = 256  # [fatgen] the longest path is 260 with drive, root and NUL
_ILLEGAL = frozenset('"*/:<>?\\|') | {chr(code) for code in range(32)}
_SHORT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$%'-_@~`!(){}^#&")

_CAPITALS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")

_SLOT = struct.Struct("<B10sBBB12sH4s")
_SLOT_UNITS = 13
_LAST_SLOT = 0x40


def check_path(path: str) -> None:
    """Raise DiskError where a path (parts joined by `/`, none first or last) cannot be written as it is."""
    for name in path.split("/"):
        if reason := _illegal(name):
            raise DiskError(
                "a name is illegal on FAT16", [("path", repr(path)), ("name", repr(name)), ("reason", reason)]
            )
    if (units := _units(path)) > PATH_UNITS:
        facts = [("path", path), ("length", f"{units} UTF-16 units"), ("limit", PATH_UNITS)]
        raise DiskError("a path is too long for FAT16", facts)


def fold(name: str) -> str:
    """Return the form in which two names of a directory must differ: capitals, one for one."""
    return "".join(upper if len(upper := letter.upper()) == 1 else letter for letter in name)


def short_names(names: Iterable[str]) -> dict[str, bytes]:
    """Return the 11-byte short form of each name of a directory, all different."""
    bases = {name: _basis(name) for name in sorted(names)}
    found = {name: base for name, base in bases.items() if _plain(base) == name.translate(_CAPITALS)}
    taken = set(found.values())
    tails: dict[bytes, int] = {}  # where to go on counting; a directory may hold thousands of alike names
    for name, base in bases.items():
        if name in found:
            continue
        number = tails.get(base, 1)
        while (short := _tailed(base, number)) in taken:
            number += 1
        tails[base] = number + 1
        taken.add(short)
        found[name] = short
    return found


def slots(name: str, short: bytes) -> bytes:
    """Return the long-name entries that stand before the entry of `short`; empty where the short form says it all."""
    if _plain(short) == name:
        return b""
    text = name.encode("utf-16-le")
    count = -(-len(text) // (2 * _SLOT_UNITS))
    if len(text) % (2 * _SLOT_UNITS):
        text += b"\0\0"
    text = text.ljust(count * 2 * _SLOT_UNITS, b"\xff")
    parts = []
    for number in range(count, 0, -1):
        part = text[(number - 1) * 2 * _SLOT_UNITS : number * 2 * _SLOT_UNITS]
        order = number | (_LAST_SLOT if number == count else 0)
        parts.append(_SLOT.pack(order, part[:10], ATTR_LONG_NAME, 0, checksum(short), part[10:22], 0, part[22:]))
    return b"".join(parts)


def checksum(short: bytes) -> int:
    """Return the sum that ties long-name entries to their short name ([fatgen] ChkSum)."""
    total = 0
    for byte in short:
        total = ((total >> 1 | total << 7) + byte) & 0xFF
    return total


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _illegal(name: str) -> str | None:
    """Return why a name is illegal, or None."""
    if not name:
        return "it is empty"
    if bad := sorted(_ILLEGAL & set(name)):
        return f"it contains {bad[0]!r}"
    if name != name.strip(" ") or name.endswith("."):
        return "it begins or ends with a space, or ends with a dot"
    if any(0xD800 <= ord(letter) < 0xE000 for letter in name):
        return "it is no Unicode text"
    if (units := _units(name)) > NAME_UNITS:
        return f"it has {units} UTF-16 units, {units - NAME_UNITS} too many"
    return None


def _basis(name: str) -> bytes:
    """Return the short form before any tail ([fatgen] "Basis-name generation")."""
    text = name.translate(_CAPITALS).replace(" ", "").lstrip(".")
    primary, *_ = text.split(".", 1)
    _, dot, extension = text.rpartition(".")
    return _field(primary, 8) + _field(extension if dot else "", 3)


def _field(text: str, width: int) -> bytes:
    return "".join(c if c in _SHORT else "_" for c in text[:width]).ljust(width).encode("ascii")


def _tailed(base: bytes, number: int) -> bytes:
    tail = b"~%d" % number
    return (base[:8].rstrip()[: 8 - len(tail)] + tail).ljust(8) + base[8:]


def _plain(short: bytes) -> str:
    """Return a short form as a name: `KERNEL  BIN` is `KERNEL.BIN`."""
    primary, extension = short[:8].decode("ascii").rstrip(), short[8:].decode("ascii").rstrip()
    return f"{primary}.{extension}" if extension else primary
