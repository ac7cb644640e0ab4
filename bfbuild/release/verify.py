#!/usr/bin/env python3
"""Says whether dist/ is what it claims to be: `python3 verify.py dist/`, with Python 3.9's standard library alone.

    1 signature   SHA256SUMS is signed by a key that is trusted and not revoked, for just this name, version and date
    2 files       every file is listed in SHA256SUMS with its hash, none is missing and none is too many
    3 provenance  every statement is signed by that key; the release's has exactly these files as subjects; each file of
                  an image is made by an action that has a statement
    4 sandbox     every action ran in bubblewrap
    5 lock        bareflow.lock is the one that the release was built from
    6 sbom        both SBOMs list the same files of images with their hashes; written anew from them and its layout an
                  image comes out the same, to the byte
    7 forms       the qcow2 and VDI forms of an image hold the same disk, and nothing besides
    8 archive     the closure archive has plain names alone, contents that hash to their names, and every locked package
    9 rebuild     with --rebuild: building it again, with the bfbuild of a checkout, gives the same bytes

A keyless signature by sigstore (SHA256SUMS.sigstore.json) is not checked here, which is said: it takes sigstore's own
tools, or `./bf verify --identity`.

It trusts nothing that it reads: sizes are bounded, names are plain, JSON of another shape is an error and no crash.
It is one file so that it can be carried anywhere, which is why it is longer than others and imports none of ours.

Exit codes: 0 it is what it claims, 1 it is not, 2 that could not be tried.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import lzma
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

SUMS, MINISIG, PUBLIC = "SHA256SUMS", "SHA256SUMS.minisig", "release.pub"
BUNDLE = "SHA256SUMS.sigstore.json"  # a keyless signature, where there is one
UNLISTED = frozenset({SUMS, MINISIG, BUNDLE})
PROVENANCE, RELEASE, LOCK = "provenance.intoto.jsonl", "release.json", "bareflow.lock"
CYCLONEDX, SPDX = "sbom.cdx.json", "sbom.spdx.json"
STATEMENT, PREDICATE = "https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"
RELEASE_TYPE, ACTION_TYPE = "urn:bareflow:release:1", "urn:bareflow:action:1"
PAYLOAD = "application/vnd.in-toto+json"
MADE = "build/"  # how an action names what another one made
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
CHUNK = 1 << 20
LARGEST = 256 << 20  # bytes of a document or disk that is read into memory
LARGEST_ARCHIVE = 32 << 30  # bytes that an archive may unpack to
_NOT_FOR_A_RELEASE = ("BAREFLOW_VERSION", "SOURCE_DATE_EPOCH", "VIRTUAL_ENV")
_OTHER_SHAPES = (  # what reading a document raises that is not as a release has it
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
    *(MemoryError, RecursionError, struct.error),
)
CHECKS = ("signature", "files", "provenance", "sandbox", "lock", "sbom", "forms", "archive", "rebuild")


class Refused(Exception):  # noqa: N818  (an answer, not an accident)
    """A check failed; `facts` say what was expected and what was found."""

    def __init__(self, headline: str, *facts: tuple[str, object], hint: str = "") -> None:
        super().__init__(headline)
        self.headline, self.facts, self.hint = headline, facts, hint


# Ed25519 by the plain method of RFC 8032, sections 5.1 and 6: not in constant time, which checking does not need.

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)  # of -1
_Point = tuple[int, int, int, int]  # x/z, y/z, z, xy/z
_ZERO: _Point = (0, 1, 1, 0)


def _add(p: _Point, q: _Point) -> _Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _point(data: bytes) -> _Point | None:
    """Decode a point; None for bytes that are none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if len(data) != 32 or y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return (x, y, 1, x * y % _P)


_y = 4 * pow(5, _P - 2, _P) % _P
_BASE = _point(_y.to_bytes(32, "little")) or _ZERO


def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is that of `message` by the owner of `public`."""
    key, r = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or key is None or r is None or s >= _ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _ORDER
    x, y, z, t = key
    minus = (-x % _P, y, z, -t % _P)
    both = _add(_BASE, minus)
    made = _ZERO  # s * BASE - h * key, both at once
    for bit in range(max(s.bit_length(), h.bit_length()) - 1, -1, -1):
        made = _add(made, made)
        in_s, in_h = s >> bit & 1, h >> bit & 1
        if in_s or in_h:
            made = _add(made, both if in_s and in_h else _BASE if in_s else minus)
    return (made[0] * r[2] - r[0] * made[2]) % _P == 0 and (made[1] * r[2] - r[1] * made[2]) % _P == 0


# Keys and signatures as minisign has them.


class PublicKey(NamedTuple):
    """An Ed25519 public key and the eight bytes by which signatures name it."""

    number: bytes
    key: bytes

    @property
    def id(self) -> str:
        """As minisign prints it."""
        return self.number[::-1].hex().upper()

    @property
    def line(self) -> str:
        """The key as one word."""
        return base64.b64encode(b"Ed" + self.number + self.key).decode()

    @property
    def text(self) -> str:
        """The key as a file."""
        return f"untrusted comment: minisign public key {self.id}\n{self.line}\n"

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Read a key, or a file that has one in its second line; raise ValueError."""
        words = [line for line in text.splitlines() if line and not line.startswith("untrusted comment:")]
        data = unbase64(words[0]) if len(words) == 1 else b""
        if len(data) != 42 or data[:2] != b"Ed":
            raise ValueError(f"no minisign public key: {text[:60]!r}")
        return cls(data[2:10], data[10:])


def unbase64(text: str) -> bytes:
    """Decode base64 that has one spelling only; raise ValueError."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return data


def minisig_text(number: bytes, signature: bytes, comment: str, both: bytes) -> str:
    """Return a signature file; `both` is the signature of the signature and the trusted comment."""
    key = PublicKey(number, b"")
    first = base64.b64encode(b"ED" + number + signature).decode()
    return (
        f"untrusted comment: signature by key {key.id}\n{first}\n"
        f"trusted comment: {comment}\n{base64.b64encode(both).decode()}\n"
    )


def minisig_check(text: str, data: bytes, keys: Sequence[PublicKey]) -> tuple[PublicKey, str]:
    """Return the key that signed `data` and the trusted comment; raise Refused. The file has one spelling only."""
    lines = text.split("\n")
    try:
        if len(lines) != 5 or not lines[2].startswith("trusted comment: "):
            raise ValueError("it has other lines")
        first, both, comment = unbase64(lines[1]), unbase64(lines[3]), lines[2][len("trusted comment: ") :]
        number, signature = first[2:10], first[10:]
        if len(first) != 74 or len(both) != 64 or minisig_text(number, signature, comment, both) != text:
            raise ValueError("it is not as a release has it")
    except ValueError as error:
        raise Refused("the signature is malformed", ("file", MINISIG), ("why", error)) from error
    key = next((key for key in keys if key.number == number), None)
    if key is None:
        known = ", ".join(key.id for key in keys)
        raise Refused(
            "the signature is by a key that is not trusted",
            ("signed by", PublicKey(number, b"").id),
            ("trusted", known),
            hint="a new key must be learned from the project itself, not from what it signed",
        )
    if not ed25519_verify(key.key, hashlib.blake2b(data).digest(), signature):
        raise Refused("the signature does not fit SHA256SUMS", ("key", key.id), hint="one of the two was changed")
    if not ed25519_verify(key.key, signature + comment.encode(), both):
        raise Refused("the signature does not fit its trusted comment", ("key", key.id), ("comment", comment))
    return key, comment


def trusted_comment(name: str, version: str, commit: str, epoch: int) -> str:
    """Return what the signature of SHA256SUMS says besides: which release it is for, so that an old one is seen."""
    return f"release={name} version={version} commit={commit} epoch={epoch}"


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return what a DSSE signature is of: the pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


# What an image must be: it is written anew from its files, which the SBOMs list, and its layout.

_SECTOR, _TABLE, _MARK = 512, 440, b"\x55\xaa"  # sector 0 belongs to the partition table from that byte on
_CLUSTERS = ((8_400, 1), (32_680, 2), (262_144, 4), (524_288, 8), (1_048_576, 16), (2_097_152, 32))
_ROOT_ENTRIES, _END = 512, 0xFFFF  # entries of the root folder; what ends a chain of clusters
_DIRECTORY, _FILE, _LABEL, _LONG = 0x10, 0x20, 0x08, 0x0F
_CAPITALS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SHORT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$%'-_@~`!(){}^#&")
_PARTITION = re.compile(
    r"[A-Z0-9_]+ lba=(\d+) sectors=(\d+) type=(\d+) bootable=([01]) filesystem=(fat16|none) label=([ -~]{0,11})"
)


class _Part(NamedTuple):
    """What the SBOM says of a file of an image."""

    image: str
    place: str
    path: str | None
    offset: int
    size: int
    digest: str

    @classmethod
    def of(cls, component: dict[str, Any], words: dict[str, str]) -> _Part:
        """Read it from a component with these properties."""
        digest = next((each["content"] for each in component.get("hashes", []) if each["alg"] == "SHA-256"), "")
        numbers = [words.get(f"bareflow:{each}", "") for each in ("offset", "size")]
        if not all(each.isdecimal() for each in numbers):
            raise Refused("the SBOM does not say where a file of an image lies", ("file", component.get("name")))
        place, path = words.get("bareflow:place", ""), words.get("bareflow:path")
        return cls(words["bareflow:image"], place, path, int(numbers[0]), int(numbers[1]), digest)

    @property
    def name(self) -> str:
        """As SPDX has it."""
        return f"./{self.image}/{self.place}" + (f"/{self.path}" if self.path is not None else "")


class _Partition(NamedTuple):
    """What the SBOM says of an entry of the partition table."""

    lba: int
    sectors: int
    type: int
    bootable: int
    filesystem: str
    label: str


class _Disk(NamedTuple):
    """What the SBOM says of an image as a whole; `time` is that of all files in it."""

    size: int
    time: int
    partitions: tuple[_Partition, ...]

    @classmethod
    def of(cls, words: dict[str, str]) -> _Disk:
        """Read it from a component's properties."""
        found = [_PARTITION.fullmatch(words.get(f"bareflow:partition:{number}", "")) for number in range(1, 5)]
        partitions = [
            _Partition(int(each[1]), int(each[2]), int(each[3]), int(each[4]), each[5], each[6])
            for each in found
            if each is not None
        ]
        if len(partitions) != sum(name.startswith("bareflow:partition:") for name in words):
            raise Refused("the SBOM has a partition that is none", ("image", words["bareflow:disk"]))
        return cls(int(words["bareflow:size"]), int(words["bareflow:time"]), tuple(partitions))


def _check_written(image: bytes, name: str, parts: Sequence[_Part], disk: _Disk) -> None:
    """Raise Refused unless these files, and nothing besides, make this image, byte for byte."""
    made = bytearray(len(image))
    volumes = {each.lba * _SECTOR: each for each in disk.partitions if each.filesystem == "fat16"}
    raw = {part.offset: part for part in parts if part.path is None}
    files: dict[int, dict[str, _Part]] = {start: {} for start in volumes}
    for part in parts:
        if part.path is not None:
            files.setdefault(part.offset, {})[part.path] = part
    if len(raw) + sum(map(len, files.values())) != len(parts) or files.keys() != volumes.keys():
        raise Refused("the SBOM has a file that is not in the image", ("image", name))
    position = content = 0
    for start in sorted([*raw, *volumes]):
        end = start + (raw[start].size if start in raw else volumes[start].sectors * _SECTOR)
        if start < position or end > len(image):
            raise Refused("the SBOM has something where there is no room", ("image", name), ("byte", start))
        position = end
        if start in raw:
            data = _raw(image[start:end], raw[start], bool(disk.partitions))
            content = zlib.crc32(data, content)
        else:
            data, number = _fat16(image[start:end], volumes[start], files[start], disk.time)
            content = zlib.crc32(number.to_bytes(4, "little"), content)
        made[start:end] = data
    if disk.partitions:
        table = b"".join(map(_entry_of_table, disk.partitions)).ljust(64, b"\0")
        made[_TABLE:_SECTOR] = struct.pack("<IH", content or 1, 0) + table + _MARK
    if disk.size != len(image) or made != image:
        first = next((at for at, byte in enumerate(image) if made[at] != byte), len(image))
        raise Refused("bytes of the image follow from no file of the SBOM", ("image", name), ("first byte", first))


def _raw(found: bytes, part: _Part, table: bool) -> bytes:
    """Return what was put into a place of the disk: the first sector before a table was written into it."""
    forms = [found]
    if table and part.offset == 0 and len(found) > _TABLE:
        code, rest = found[:_TABLE].ljust(_SECTOR, b"\0"), found[_SECTOR:]
        forms = [(code + rest)[: len(found)], (code[: -len(_MARK)] + _MARK + rest)[: len(found)]]
    for form in forms:
        if sha256(form) == part.digest:
            return form
    raise Refused("the SBOM is for other bytes of the image", ("file", part.name), ("at byte", part.offset))


def _entry_of_table(each: _Partition) -> bytes:
    first, last = (_chs(lba) for lba in (each.lba, each.lba + each.sectors - 1))
    return struct.pack("<B3sB3sII", 0x80 * each.bootable, first, each.type, last, each.lba, each.sectors)


def _chs(lba: int) -> bytes:
    """Return a sector's address as cylinder, head and sector, or the last that there is."""
    track, sector = divmod(lba, 63)
    cylinder, head, sector = min((track // 255, track % 255, sector + 1), (1023, 254, 63))
    return bytes((head, sector | cylinder >> 8 << 6, cylinder & 0xFF))


def _fat16(found: bytes, of: _Partition, files: dict[str, _Part], seconds: int) -> tuple[bytes, int]:
    """Return a file system of these files, and its number; their contents are taken from where they must lie."""
    per = next((each for limit, each in _CLUSTERS if of.sectors <= limit), 64)
    fat = -(-(of.sectors - 1 - _ROOT_ENTRIES * 32 // _SECTOR) // (_SECTOR // 2 * per + 2))
    root, size = (1 + 2 * fat) * _SECTOR, per * _SECTOR
    data = root + _ROOT_ENTRIES * 32 - 2 * size  # where a cluster 0 would begin
    tree = {folder: _names(children) for folder, children in _tree(files).items()}
    lengths = {folder: 64 + sum(len(long) + 32 for long, _ in tree[folder].values()) for folder in [*tree][1:]}
    lengths.update((path, files[path].size) for path in sorted(files))
    firsts, table = {"": 0}, [0xFFF8, _END]
    for path, length in lengths.items():
        count = -(-length // size)
        if data + (len(table) + count) * size > len(found):
            raise Refused("the SBOM has more files than there is room for", ("file", path))
        firsts[path] = len(table) if count else 0
        table += [*range(len(table) + 1, len(table) + count), _END][:count]
    made, number = bytearray(len(found)), 0
    for path, part in sorted(files.items()):
        place = slice(data + firsts[path] * size, data + firsts[path] * size + part.size)
        if sha256(found[place]) != part.digest:
            raise Refused("the SBOM is for other bytes of a file", ("file", part.name))
        made[place] = found[place]
        number = zlib.crc32(found[place], zlib.crc32(b"%b\0%d\0" % (path.encode(), part.size), number))
    for folder, names in tree.items():
        at = data + firsts[folder] * size if folder else root
        above = firsts[folder.rpartition("/")[0]]
        heads = [(b".", _DIRECTORY, firsts[folder]), (b"..", _DIRECTORY, above)]
        if not folder:
            heads = [(of.label.encode("ascii"), _LABEL, 0)] if of.label else []
        entries = [_entry(short, kind, first, 0, seconds) for short, kind, first in heads]
        for path, (long, short) in names.items():
            kind, length = (_FILE, files[path].size) if path in files else (_DIRECTORY, 0)
            entries.append(long + _entry(short, kind, firsts[path], length, seconds))
        listing = b"".join(entries)
        made[at : at + len(listing)] = listing
    chains = struct.pack(f"<{len(table)}H", *table)
    for at in (_SECTOR, (1 + fat) * _SECTOR):
        made[at : at + len(chains)] = chains
    made[:_SECTOR] = _boot_sector(of, per, fat, number)
    return bytes(made), number


def _tree(files: Iterable[str]) -> dict[str, list[str]]:
    """Return folder -> paths in it, in order; the root comes first."""
    found: dict[str, set[str]] = {"": set()}
    for path in files:
        if not all(path.split("/")):
            raise Refused("the SBOM has a file without a name", ("file", path))
        while path:
            parent = path.rpartition("/")[0]
            found.setdefault(parent, set()).add(path)
            path = parent  # noqa: PLW2901  (climbs to the root)
    return {folder: sorted(found[folder]) for folder in sorted(found, key=lambda folder: folder.split("/"))}


def _names(paths: Iterable[str]) -> dict[str, tuple[bytes, bytes]]:
    """Return path -> (entries that carry its long name, its short form) for the paths of a folder."""
    names = {path.rpartition("/")[2]: path for path in paths}
    forms = {name: _short(name) for name in sorted(names)}
    shorts = {name: form for name, form in forms.items() if _plain(form) == name.translate(_CAPITALS)}
    taken, tails = set(shorts.values()), dict.fromkeys(forms.values(), 0)
    for name, form in forms.items():
        while name not in shorts:
            tails[form] += 1
            tail = b"~%d" % tails[form]
            short = (form[:8].rstrip()[: 8 - len(tail)] + tail).ljust(8) + form[8:]
            if short not in taken:
                shorts[name] = short
                taken.add(short)
    return {path: (_long(name, shorts[name]), shorts[name]) for name, path in names.items()}


def _short(name: str) -> bytes:
    """Return the first eight and three letters of a name that a short form can have."""
    text = name.translate(_CAPITALS).replace(" ", "").lstrip(".")
    fields = (text.split(".")[0][:8].ljust(8), (text.rpartition(".")[2] if "." in text else "")[:3].ljust(3))
    return "".join(each if each in _SHORT or each == " " else "_" for each in "".join(fields)).encode("ascii")


def _plain(short: bytes) -> str:
    """Return a short form as a name."""
    stem, end = short[:8].decode("ascii").rstrip(), short[8:].decode("ascii").rstrip()
    return f"{stem}.{end}" if end else stem


def _long(name: str, short: bytes) -> bytes:
    """Return the entries before that of a short form, with the name as it is; none where the form is the name."""
    if _plain(short) == name:
        return b""
    checksum = 0
    for byte in short:
        checksum = ((checksum >> 1 | checksum << 7) + byte) & 0xFF
    text = name.encode("utf-16-le")
    count = -(-len(text) // 26)
    text = (text + b"\0\0")[: 26 * count].ljust(26 * count, b"\xff")
    entries = []
    for number in range(count, 0, -1):
        part = text[26 * number - 26 : 26 * number]
        order = number | (0x40 if number == count else 0)
        entries.append(struct.pack("<B10sBBB12sH4s", order, part[:10], _LONG, 0, checksum, part[10:22], 0, part[22:]))
    return b"".join(entries)


def _entry(short: bytes, kind: int, first: int, size: int, seconds: int) -> bytes:
    """Return an entry of a folder; its time is moved into the years that FAT knows."""
    at = time.gmtime(max(315_532_800, min(seconds, 4_354_819_198)))
    day, clock = (at[0] - 1980) << 9 | at[1] << 5 | at[2], at[3] << 11 | at[4] << 5 | at[5] // 2
    name = short.ljust(11)
    return struct.pack("<11sBBBHHHHHHHI", name, kind, 0, 0, clock, day, day, 0, clock, day, first, size)


def _boot_sector(of: _Partition, per: int, fat: int, number: int) -> bytes:
    short = of.sectors < 1 << 16
    head = struct.pack(
        "<3s8sHBHBHHBHHHIIBBBI11s8s5s",
        *(
            b"\xeb\x3c\x90",
            b"BAREFLOW",
            _SECTOR,
            per,
            1,
            2,
            _ROOT_ENTRIES,
            of.sectors if short else 0,
            0xF8,
            fat,
            63,
            255,
        ),
        *(of.lba, 0 if short else of.sectors, 0x80, 0, 0x29, number),
        *((of.label or "NO NAME").ljust(11).encode("ascii"), b"FAT16   ", b"\xcd\x18\xf4\xeb\xfd"),
    )
    return head.ljust(_SECTOR - len(_MARK), b"\0") + _MARK


def qcow2_blocks(data: bytes) -> Iterator[bytes]:
    """Yield the clusters of a qcow2 disk; raise Refused for one that refers to others, or holds more than its disk."""
    head = struct.unpack_from(">4sIQIIQIIQQIIQQQQII", data)
    magic, version, backing, _, bits, size, encrypted, entries, l1, counts, counted, snapshots = head[:12]
    block = 1 << 16
    if (magic, version, bits) != (b"QFI\xfb", 3, 16) or any((backing, encrypted, snapshots, *head[12:16])):
        raise Refused("a qcow2 disk is not as a release has it")
    if counted * block > len(data) or 8 * entries > len(data):
        raise Refused("a qcow2 disk has tables that are larger than itself")
    used = {0, *range(counts >> 16, (counts >> 16) + counted), *range(l1 >> 16, -(-(l1 + 8 * entries) // block))}
    used |= {each >> 16 for each in struct.unpack_from(f">{counted * block // 8}Q", data, counts) if each}
    for table in struct.unpack_from(f">{entries}Q", data, l1):
        at = (table & ~(1 << 63)) >> 16
        used.add(at)
        for entry in struct.unpack_from(f">{block // 8}Q", data, at * block) if at else (0,) * (block // 8):
            place = (entry & ~(1 << 63)) >> 16
            used.add(place)
            if size > 0:
                yield data[place * block : (place + 1) * block] if place else bytes(block)
            elif place:
                raise Refused("a qcow2 disk holds more than its size")
            size -= block
    if used != set(range(len(data) // block)) or len(data) % block or data[head[17] : block].strip(b"\0"):
        raise Refused("a qcow2 disk holds more than its disk")


def vdi_blocks(data: bytes) -> Iterator[bytes]:
    """Yield the blocks of a VDI disk; raise Refused for one that is a difference, or holds more than its disk."""
    signature, version, _, kind, _ = struct.unpack_from("<5I", data, 64)
    table, start = struct.unpack_from("<2I", data, 340)
    size, block, extra, count, allocated = struct.unpack_from("<Q4I", data, 368)
    if (signature, version, kind, block, extra) != (0xBEDA107F, 0x00010001, 1, 1 << 20, 0) or size > count * block:
        raise Refused("a VDI disk is not as a release has it")
    places = struct.unpack_from(f"<{count}I", data, table)
    there = [place for place in places if place != 0xFFFFFFFF]
    end = start + allocated * block if allocated else table + 4 * count
    if (
        len(there) != allocated
        or sorted(there) != [*range(len(there))]
        or len(data) != end
        or data[table + 4 * count : start].strip(b"\0")
    ):
        raise Refused("a VDI disk holds more than its disk")
    for place in places:
        yield bytes(block) if place == 0xFFFFFFFF else data[start + place * block : start + (place + 1) * block]


# The checks.


def sha256(data: bytes) -> str:
    """Return the hash as text."""
    return hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    try:
        if path.is_symlink() or not path.is_file():
            raise Refused("a file is missing, or is no plain file", ("file", path.name))
        if path.stat().st_size > LARGEST:
            raise Refused("a file is larger than any of a release", ("file", path.name))
        return path.read_bytes()
    except OSError as error:
        raise Refused("a file cannot be read", ("file", path.name), ("why", error.strerror)) from error


def _json(data: bytes, what: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refused("a document is no JSON", ("file", what), ("why", error)) from error


class Release:
    """One dist/ as it is looked at. Each check raises Refused, or returns a line for people."""

    def __init__(self, folder: Path, keys: Sequence[PublicKey], revoked: Sequence[str], expect: str) -> None:
        self.folder, self.keys, self.revoked, self.expect = folder, keys, revoked, expect
        self.sums: dict[str, str] = {}
        self.key: PublicKey | None = None
        self.facts: dict[str, Any] = {}  # of release.json
        self.statement: dict[str, Any] = {}  # the release's
        self.actions: list[dict[str, Any]] = []  # their statements

    def signature(self) -> str:
        """Check who signed SHA256SUMS, and for which release."""
        text = _read(self.folder / MINISIG).decode("utf-8", "replace")
        self.key, comment = minisig_check(text, _read(self.folder / SUMS), self.keys)
        if self.key.id in self.revoked or self.key.line in self.revoked:
            raise Refused("the key that signed was revoked", ("key", self.key.id), hint="get a release by a newer key")
        facts = _json(_read(self.folder / RELEASE), RELEASE)
        self.facts = facts if isinstance(facts, dict) else {}
        name, version, commit = (str(self.facts.get(each)) for each in ("name", "version", "commit"))
        epoch = self.facts.get("source_date_epoch")
        claimed = trusted_comment(name, version, commit, epoch if isinstance(epoch, int) else -1)
        if comment != claimed:
            raise Refused(
                "SHA256SUMS was signed for another release: it is an old one, or was put here from elsewhere",
                ("signed", comment),
                ("release", claimed),
            )
        if self.expect and version != self.expect:
            raise Refused("this is another version", ("expected", self.expect), ("signed", version))
        day = time.strftime("%Y-%m-%d", time.gmtime(epoch))
        return f"by key {self.key.id}: {name} {version} of {day}, commit {commit[:12]}"

    def files(self) -> str:
        """Check that the folder has just the files that SHA256SUMS lists, with these bytes."""
        names: list[str] = []
        for line in _read(self.folder / SUMS).decode("utf-8", "replace").splitlines():
            found = re.fullmatch(rf"([0-9a-f]{{64}})  ({NAME.pattern})", line)
            if found is None or found[2] in UNLISTED:
                raise Refused("SHA256SUMS has a line that is none", ("line", line[:100]))
            self.sums[found[2]] = found[1]
            names.append(found[2])
        if names != sorted(set(names)):
            raise Refused("SHA256SUMS is out of order or names a file twice")
        there = {path.name for path in self.folder.iterdir()} - UNLISTED
        for what, wrong in (("is missing", self.sums.keys() - there), ("is not listed", there - self.sums.keys())):
            if wrong:
                raise Refused(f"a file of the release {what}", ("file", ", ".join(sorted(wrong)[:5])))
        with ThreadPoolExecutor() as pool:
            hashes = dict(pool.map(lambda name: (name, self._hash(self.folder / name)), self.sums))
        for name, expected in self.sums.items():
            if hashes[name] != expected:
                raise Refused(
                    "a file has other bytes than were signed",
                    *(("file", name), ("signed", expected), ("found", hashes[name])),
                    hint="download it again; if it stays so, do not use it",
                )
        return f"{len(self.sums)} files have the bytes that were signed"

    @staticmethod
    def _hash(path: Path) -> str:
        if path.is_symlink() or not path.is_file():
            raise Refused("a file of the release is no plain file", ("file", path.name))
        sha = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                sha.update(chunk)
        return sha.hexdigest()

    def provenance(self) -> str:
        """Check every statement, and that the release's is about just these files."""
        lines = _read(self.folder / PROVENANCE).splitlines()
        statements = [self._opened(line, number) for number, line in enumerate(lines, 1)]
        kinds = [_definition(each).get("buildType") for each in statements]
        if kinds[:1] != [RELEASE_TYPE] or set(kinds[1:]) != {ACTION_TYPE}:
            raise Refused("the provenance is not one statement for the release and one for each action")
        self.statement, self.actions = statements[0], statements[1:]
        subjects = _digests(self.statement.get("subject"))
        listed = {name: digest for name, digest in self.sums.items() if name != PROVENANCE}
        if subjects != listed:
            wrong = sorted({name for name, _ in subjects.items() ^ listed.items()})
            raise Refused("the provenance is for other bytes than these", ("files", ", ".join(wrong[:5])))
        external = _definition(self.statement).get("externalParameters", {})
        for word in ("name", "version", "commit"):
            if external.get(word) != self.facts.get(word):
                raise Refused("the provenance is for another release", (word, external.get(word)))
        named = dict(self._dependencies("urn:bareflow:action:"))
        known = {
            _definition(each).get("externalParameters", {}).get("label"): str(
                _definition(each).get("internalParameters", {}).get("action")
            ).split("/")[0]
            for each in self.actions
        }
        if named != known or len(self.actions) != len(known):
            wrong = sorted(str(name) for name, _ in named.items() ^ known.items())
            raise Refused("the release does not name just the actions that have statements", ("actions", wrong[:5]))
        return f"{len(statements)} statements are signed, the first is about these {len(subjects)} files"

    def _opened(self, line: bytes, number: int) -> dict[str, Any]:
        """Return the statement in an envelope, signed by the key that signed SHA256SUMS."""
        where = ("statement", number)
        outer = _json(line, PROVENANCE)
        try:
            payload = unbase64(outer["payload"])
            signatures = [unbase64(each["sig"]) for each in outer["signatures"]]
            kind = outer["payloadType"]
        except (ValueError, TypeError, KeyError) as error:
            raise Refused("a statement has no envelope", where, ("why", error)) from error
        key = self.key
        if (
            kind != PAYLOAD
            or key is None
            or not any(ed25519_verify(key.key, pae(kind, payload), each) for each in signatures[:8])
        ):
            raise Refused("a statement is not signed by the release's key", where)
        statement = _json(payload, PROVENANCE)
        if not isinstance(statement, dict) or (statement.get("_type"), statement.get("predicateType")) != (
            STATEMENT,
            PREDICATE,
        ):
            raise Refused("a statement is no SLSA provenance v1 in an in-toto statement v1", where)
        return statement

    def _dependencies(self, scheme: str) -> Iterator[tuple[str, str]]:
        """Yield (name, digest) of what the release depends on whose URI begins so."""
        for each in _definition(self.statement).get("resolvedDependencies", []):
            if str(each.get("uri", "")).startswith(scheme):
                yield str(each.get("name")), str(each.get("digest", {}).get("sha256"))

    def sandbox(self) -> str:
        """Check that nothing ran outside of the real sandbox."""
        levels = {"the release": _definition(self.statement).get("internalParameters", {}).get("sandbox")}
        levels[RELEASE] = self.facts.get("sandbox")
        for each in self.actions:
            label = _definition(each).get("externalParameters", {}).get("label")
            levels[str(label)] = _definition(each).get("internalParameters", {}).get("sandbox")
        for label, level in levels.items():
            if level != "bubblewrap":
                raise Refused("something was not built in the sandbox", ("what", label), ("level", level))
        return f"{len(self.actions)} actions ran in bubblewrap"

    def lock(self) -> str:
        """Check that the lock is the one of the provenance, and that it has each of its packages."""
        data = _read(self.folder / LOCK)
        named = {
            each.get("name"): each.get("digest", {}).get("sha256")
            for each in _definition(self.statement).get("resolvedDependencies", [])
        }
        if named.get(LOCK) != sha256(data):
            raise Refused("the release was built from another lock", ("built", named.get(LOCK)), ("here", sha256(data)))
        packages = list(self._dependencies("pkg:deb/"))
        for name, digest in packages:
            if digest.encode() not in data:
                raise Refused("the lock does not have a package that was used", ("package", name), ("sha256", digest))
        return f"it has all {len(packages)} packages that were used"

    def sbom(self) -> str:
        """Check that each file of each image stands in both SBOMs, and was made by an action or is a source."""
        bom = _json(_read(self.folder / CYCLONEDX), CYCLONEDX)
        parts: dict[str, list[_Part]] = {}
        disks: dict[str, _Disk] = {}
        purls = set()
        for component in bom.get("components", []):
            purls.add(component.get("purl"))
            words = {each.get("name"): str(each.get("value")) for each in component.get("properties", [])}
            if "bareflow:image" in words:
                parts.setdefault(words["bareflow:image"], []).append(_Part.of(component, words))
            elif "bareflow:disk" in words:
                disks[words["bareflow:disk"]] = _Disk.of(words)
        listed = {part.name: part.digest for each in parts.values() for part in each}
        self._check_spdx(listed)
        known = {digest for each in self.actions for digest in _digests(each.get("subject")).values()}
        used = {
            str(e.get("digest", {}).get("sha256")) for s in self.actions for e in _definition(s)["resolvedDependencies"]
        }
        images = sorted(name for name in self.sums if name.endswith(".img"))
        if set(images) != set(disks) or not parts.keys() <= set(images):
            raise Refused("the SBOM is about other images", ("here", images), ("sbom", sorted({*disks, *parts})))
        for image in images:
            if self.sums[image] not in known:
                raise Refused("no action made an image", ("image", image))
            _check_written(_read(self.folder / image), image, parts.get(image, []), disks[image])
        for name, digest in listed.items():
            if digest not in known | used:
                raise Refused("nothing says where a file of the image comes from", ("file", name))
        for each in _definition(self.statement).get("resolvedDependencies", []):
            if str(each.get("uri", "")).startswith("pkg:deb/") and each["uri"] not in purls:
                raise Refused("a package that was used is not in the SBOM", ("package", each["name"]))
        return f"{len(listed)} files of images are in both, and make each byte of these"

    def _check_spdx(self, listed: dict[str, str]) -> None:
        """Check that the other SBOM has the same files of images."""
        found = {}
        for each in _json(_read(self.folder / SPDX), SPDX).get("files", []):
            if each["fileTypes"] == ["BINARY"]:
                hashes = [sum_["checksumValue"] for sum_ in each["checksums"] if sum_["algorithm"] == "SHA256"]
                found[each["fileName"]] = hashes[0]
        if found != listed:
            wrong = sorted({name for name, _ in found.items() ^ listed.items()})
            raise Refused("a file of the image is not in the SBOM, or another is", ("files", ", ".join(wrong[:5])))

    def forms(self) -> str:
        """Check that the other forms of an image are the same disk."""
        readers = {".qcow2": qcow2_blocks, ".vdi": vdi_blocks}
        found = [(name, Path(name).suffix) for name in sorted(self.sums) if Path(name).suffix in readers]
        for name, form in found:
            image = _read(self.folder / f"{Path(name).stem}.img")
            done = 0
            for block in readers[form](_read(self.folder / name)):
                if image[done : done + len(block)].ljust(len(block), b"\0") != block:
                    raise Refused("a form of an image is another disk", ("file", name), ("near byte", done))
                done += len(block)
                if done >= len(image) + len(block):
                    raise Refused("a form of an image is a longer disk", ("file", name))
            if done < len(image):
                raise Refused("a form of an image is another disk", ("file", name), ("ends at", done))
        return f"{len(found)} forms of images are the same disks"

    def contents(self) -> set[str]:
        """Return the hashes of what is in the closure archive; raise Refused for a name or content that is wrong."""
        names = [name for name in self.sums if name.startswith("closure.")]
        if len(names) != 1:
            raise Refused("there is not one closure archive", ("files", ", ".join(names) or "none"))
        with (self.folder / names[0]).open("rb") as file:
            return _archived(_unpacked(file), names[0])

    def archive(self, found: set[str]) -> str:
        """Check that the closure archive, in which that was found, has every locked package."""
        for name, digest in self._dependencies("pkg:deb/"):
            if digest not in found:
                raise Refused("the closure archive lacks a package", ("package", name), ("sha256", digest))
        return f"{len(found)} contents have their names, all packages among them"

    def rebuild(self, checkout: Path) -> str:
        """Build the release's commit again, in a clone of a checkout; all but signatures must be equal bytes."""
        commit, version = str(self.facts.get("commit")), str(self.facts.get("version"))
        if not re.fullmatch("[0-9a-f]{40,64}", commit) or not re.fullmatch("[0-9A-Za-z][0-9A-Za-z.+~-]*", version):
            raise Refused("the release names no commit and version that could be built", ("commit", commit))
        with tempfile.TemporaryDirectory(prefix="bareflow-verify-") as folder:
            clone = Path(folder) / "clone"
            own = {name: each for name, each in os.environ.items() if name not in _NOT_FOR_A_RELEASE}
            environment = {**own, "BAREFLOW_KEY": f"{folder}/none"}  # it is compared, not published
            environment.setdefault("BAREFLOW_CACHE", str(checkout.absolute() / "cache"))  # for its tools
            for command in (
                ["git", "clone", "--quiet", "--no-checkout", str(checkout.absolute()), str(clone)],
                ["git", "-C", str(clone), "checkout", "--quiet", "--detach", commit],
                [str(clone / "bf"), "release", "--version", version],
            ):
                where = clone if command[0] != "git" else None
                done = subprocess.run(command, cwd=where, env=environment, stdout=sys.stderr, check=False)
                if done.returncode:
                    raise Refused("it could not be built again", ("command", " ".join(command)))
            names = sorted(self.sums.keys() - {PROVENANCE, PUBLIC})
            for name in names:
                again = self._hash(clone / "dist" / name)
                if again != self.sums[name]:
                    raise Refused("building it again gave other bytes", ("file", name), ("again", again))
        return f"{len(names)} files came out the same"


def _definition(statement: dict[str, Any]) -> dict[str, Any]:
    predicate = statement.get("predicate")
    found = predicate.get("buildDefinition") if isinstance(predicate, dict) else None
    return found if isinstance(found, dict) else {}


def _digests(subjects: Any) -> dict[str, str]:
    """Return name -> SHA-256 of subjects."""
    if not isinstance(subjects, list):
        raise Refused("a statement has no subjects")
    return {str(each.get("name")): str(each.get("digest", {}).get("sha256")) for each in subjects}


def _unpacked(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of an xz stream, taking little memory whatever it says."""
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=64 << 20)
    left = LARGEST_ARCHIVE
    while not unpacker.eof:
        data = file.read(CHUNK) if unpacker.needs_input else b""
        if unpacker.needs_input and not data:
            raise ValueError("it is cut off")
        piece = unpacker.decompress(data, CHUNK)
        left -= len(piece)
        if left < 0:
            raise ValueError("it has no end")
        yield piece
    if unpacker.unused_data or file.read(1):
        raise ValueError("there is more behind its end")


_MEMBER = re.compile(r"bareflow\.json|(ac|cas|signatures)/([0-9a-f]{2})/(\2[0-9a-f]{62})|trace/([0-9a-f]{64})\.json")


def _archived(chunks: Iterator[bytes], name: str) -> set[str]:
    """Return the hashes of all contents in an archive; raise Refused for a member that is not as an archive has it."""
    stream, found, member = _Stream(chunks), set(), "(the first)"
    try:
        while True:
            header = stream.read(512)
            if header == bytes(512):
                stream.finish()
                break
            member = header[:100].rstrip(b"\0").decode("ascii", "backslashreplace")
            match = _MEMBER.fullmatch(member)
            if match is None or header[156:157] != b"0" or header[345:500].strip(b"\0"):
                raise Refused("the closure archive has a member that is unsafe", ("archive", name), ("member", member))
            size = int(header[124:135], 8)
            digest = stream.hash(size)
            stream.read(-size % 512)
            if match[1] == "cas" and digest != match[3]:
                raise Refused("the closure archive has content under a wrong name", ("member", member))
            found.add(digest)
    except (ValueError, lzma.LZMAError, MemoryError) as error:
        raise Refused("the closure archive is damaged", ("archive", name), ("at", member), ("why", error)) from error
    return found


class _Stream:
    """Bytes that come in chunks, taken as they are wanted."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._left = chunks, memoryview(b"")  # a view, because most reads are far shorter than a chunk

    def _piece(self, most: int) -> memoryview:
        while not self._left:
            try:
                self._left = memoryview(next(self._chunks))
            except StopIteration:
                raise ValueError("it ends too early") from None
        piece, self._left = self._left[:most], self._left[most:]
        return piece

    def read(self, size: int) -> bytes:
        """Return so many bytes."""
        pieces = []
        while size > 0:
            pieces.append(self._piece(size))
            size -= len(pieces[-1])
        return b"".join(pieces)

    def finish(self) -> None:
        """Raise ValueError unless one more block of zeros is all that is left."""
        if self.read(512) != bytes(512) or self._left or any(self._chunks):
            raise ValueError("there is more behind its end")

    def hash(self, size: int) -> str:
        """Return the SHA-256 of so many bytes."""
        sha = hashlib.sha256()
        while size > 0:
            piece = self._piece(size)
            sha.update(piece)
            size -= len(piece)
        return sha.hexdigest()


# The command.


class Answer(NamedTuple):
    """What became of one check; `headline` says what was found, `refused` is None where it is well."""

    check: str
    headline: str
    refused: Refused | None = None


def check(release: Release, rebuild: Path | None = None, identity: Callable[[Path], str] | None = None) -> list[Answer]:
    """Make all checks; what is behind one of the first that failed would mean nothing, and is left out.

    `identity` checks the keyless signature in the folder it is given, for whoever has sigstore's package.
    """
    answers = [_answer(name, getattr(release, name)) for name in CHECKS[:2]]
    answers += [_answer("identity", lambda: identity(release.folder))] if identity is not None else []
    if any(answer.refused for answer in answers):
        return answers
    with ThreadPoolExecutor(1) as pool:
        contents = pool.submit(release.contents)  # meanwhile: unpacking and hashing let others run
        answers.append(_answer("provenance", release.provenance))
        if answers[-1].refused is None:
            answers += [_answer(name, getattr(release, name)) for name in CHECKS[3:-2]]
            answers.append(_answer("archive", lambda: release.archive(contents.result())))
            answers += [_answer("rebuild", lambda: release.rebuild(rebuild))] if rebuild is not None else []
    return answers


def _answer(name: str, run: Callable[[], str]) -> Answer:
    try:
        return Answer(name, run())
    except Refused as refused:
        return Answer(name, refused.headline, refused)
    except OSError as error:
        away = Refused("a file cannot be read", ("file", error.filename), ("why", error.strerror))
        return Answer(name, away.headline, away)
    except _OTHER_SHAPES as error:
        shape = Refused("a document is not as a release has it", ("why", f"{type(error).__name__}: {error}"))
        return Answer(name, shape.headline, shape)


def main(words: Sequence[str] | None = None, identity: Callable[[Path], str] | None = None) -> int:
    """Answer the command line."""
    parser = argparse.ArgumentParser(prog="verify.py", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("dist", type=Path, help="the folder of the release")
    parser.add_argument("--key", action="append", default=[], help="a public key you trust, or its file; repeatable")
    parser.add_argument("--revoked", action="append", default=[], help="a key (or its number) that counts no more")
    parser.add_argument("--expect", default="", metavar="VERSION", help="the version that you want")
    parser.add_argument("--rebuild", type=Path, metavar="CHECKOUT", help="build it again there and compare")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args(words)
    try:
        keys = [_key(word) for word in options.key]
        own = not keys
        if not options.dist.is_dir():
            raise ValueError(f"{options.dist} is no folder")
        if own:
            keys = [_key(str(options.dist / PUBLIC))]
        revoked = [_key(word).line if Path(word).is_file() else word for word in options.revoked]
    except (OSError, ValueError) as error:
        print(f"error: it cannot be tried: {error}", file=sys.stderr)  # noqa: T201
        return 2
    release = Release(options.dist, keys, revoked, options.expect)
    answers = check(release, options.rebuild, identity)
    print(_told_json(release, answers, own) if options.json else _told(release, answers, own))  # noqa: T201
    return int(any(answer.refused for answer in answers))


def _key(word: str) -> PublicKey:
    path = Path(word)
    return PublicKey.parse(path.read_text(encoding="utf-8") if len(word) < 200 and path.is_file() else word)


def _told(release: Release, answers: Sequence[Answer], own: bool) -> str:
    lines = []
    identity = next((answer for answer in answers if answer.check == "identity"), None)
    for answer in answers:
        lines.append(f"{'FAILED' if answer.refused else 'ok':<6}  {answer.check:<10}  {answer.headline}")
        if answer.refused:
            rows = [*answer.refused.facts, *([("hint", answer.refused.hint)] if answer.refused.hint else [])]
            width = max([len(label) for label, _ in rows], default=0)
            lines += [f"        {label:<{width}}  {value}" for label, value in rows]
    if identity is None and _keyless(release):
        lines += [
            "",
            f"NOTE: {BUNDLE} was not checked: it says who signed, and takes the package sigstore:",
            "      ./bf verify DIST --identity WHO --issuer URL",
        ]
    if own and (identity is None or identity.refused):
        lines += [
            "",
            f"WARNING: the key {release.keys[0].id} came with the release itself, so its signature proves that nothing",
            "         was damaged on the way, but not who made it. Get the key from the project: --key KEY.",
        ]
    bad = [answer.check for answer in answers if answer.refused]
    lines += ["", f"It is NOT what it claims to be: {', '.join(bad)}." if bad else "It is what it claims to be."]
    return "\n".join(lines)


def _keyless(release: Release) -> bool:
    return os.path.lexists(release.folder / BUNDLE)


def _told_json(release: Release, answers: Sequence[Answer], own: bool) -> str:
    checks = [
        {
            "check": answer.check,
            "ok": answer.refused is None,
            "headline": answer.headline,
            "facts": {label: str(value) for label, value in answer.refused.facts} if answer.refused else {},
        }
        for answer in answers
    ]
    key = release.key.id if release.key is not None else None
    good = not any(answer.refused for answer in answers)
    unchecked = [BUNDLE] if _keyless(release) and all(answer.check != "identity" for answer in answers) else []
    told = {"ok": good, "key": key, "key_from_release": own, "not_checked": unchecked, "checks": checks}
    return json.dumps(told, indent=1)


if __name__ == "__main__":
    sys.exit(main())
