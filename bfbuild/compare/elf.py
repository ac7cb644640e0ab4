"""ELF files, by section and symbol, read by pyelftools."""

from __future__ import annotations

import io
import struct
from collections import Counter
from dataclasses import dataclass

from bfbuild.compare import raw
from bfbuild.compare.finding import Compare, Finding, change

MAGIC = b"\x7fELF"
SHF_ALLOC = 2  # System V ABI, "Section Attribute Flags"
BOOKKEEPING = (".symtab", ".strtab", ".shstrtab")  # they follow from the rest


@dataclass(frozen=True)
class Section:
    """A section: where it lies in memory, its size there, and its bytes in the file, None where it has none."""

    address: int
    size: int
    content: bytes | None
    allocated: bool


@dataclass(frozen=True)
class Symbol:
    """A function or object: the section it is in, its address or, in an object file, its place in that; its bytes."""

    name: str
    section: str
    address: int
    size: int
    content: bytes


@dataclass(frozen=True)
class Program:
    """An ELF file; a second section or symbol of a name goes by "name (2)"."""

    sections: dict[str, Section]
    symbols: dict[str, Symbol]


def is_one(content: bytes) -> bool:
    """Whether these bytes begin as an ELF file."""
    return content.startswith(MAGIC)


def read(content: bytes) -> Program | None:
    """Return what an ELF file is made of, None where it is damaged."""
    from elftools.common.exceptions import ELFError  # noqa: PLC0415  (slow to import, and most contents are no ELF)
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415

    try:
        return _read(ELFFile(io.BytesIO(content)))
    except (ELFError, struct.error, ValueError, KeyError, TypeError, UnicodeDecodeError, AssertionError):
        return None


def compare(old: bytes, new: bytes, inner: Compare) -> tuple[Finding, ...] | None:
    """Return the sections that differ, each with its symbols that differ; None where one file is damaged."""
    del inner
    before, after = read(old), read(new)
    if before is None or after is None:
        return None
    symbols = _symbols(before, after)
    found = []
    for name in {**before.sections, **after.sections}:
        one, other = before.sections.get(name), after.sections.get(name)
        inside = tuple(symbols.pop(name, ()))
        what = _section(one, other)
        if name not in BOOKKEEPING and (what or inside):
            found.append(Finding("section", name, what or "moved", inside))
    return tuple(found) or _rest(before, after, old, new)


def _rest(before: Program, after: Program, old: bytes, new: bytes) -> tuple[Finding, ...]:
    """What differs although all sections with a meaning are the same."""
    names = [f"-{name}" for name in before.symbols.keys() - after.symbols.keys()]
    names += [f"+{name}" for name in after.symbols.keys() - before.symbols.keys()]
    about = Finding("symbols", "", f"names only: {' '.join(sorted(names))}") if names else None
    return (about,) if about else raw.compare(old, new)


def _section(one: Section | None, other: Section | None) -> str:
    if one is None or other is None:
        only = one or other
        return f"is {'new' if one is None else 'gone'} ({only.size if only else 0:,} bytes)"
    if one.size != other.size:
        return change(one.size, other.size)
    if one.content != other.content:
        count, first = raw.differing(one.content or b"", other.content or b"")
        return f"changed: {count:,} of {one.size:,} bytes, the first at +{first:#x}"
    return ""


def _symbols(before: Program, after: Program) -> dict[str, list[Finding]]:
    """Return what became of symbols, by section: those that grew or shrank most first, those that moved as a number."""
    ranked: dict[str, list[tuple[int, str, Finding]]] = {}
    moved: Counter[str] = Counter()
    for name in {**before.symbols, **after.symbols}:
        one, other = before.symbols.get(name), after.symbols.get(name)
        section = (other or one).section  # type: ignore[union-attr]  # one of them is there
        what, weight = _symbol(one, other)
        if what:
            ranked.setdefault(section, []).append((-weight, name, Finding("symbol", name, what)))
        elif one and other and one.address != other.address:
            moved[section] += 1
    found = {
        section: [finding for _, _, finding in sorted(rows, key=lambda row: row[:2])]
        for section, rows in ranked.items()
    }
    for section, count in moved.items():
        found.setdefault(section, []).append(
            Finding(
                "symbols", "", f"{count:,} moved, otherwise the same" if count > 1 else "1 moved, otherwise the same"
            )
        )
    return found


def _symbol(one: Symbol | None, other: Symbol | None) -> tuple[str, int]:
    """What became of a symbol, and how much that weighs in bytes; nothing where it has the same bytes."""
    if one is None or other is None:
        only = one or other
        size = only.size if only else 0
        return f"is {'new' if one is None else 'gone'} ({size:,} bytes)", size
    if one.size != other.size:
        grew = "grew" if other.size > one.size else "shrank"
        return f"{grew}: {change(one.size, other.size)}", abs(other.size - one.size)
    if one.content != other.content:
        count, first = raw.differing(one.content, other.content)
        return f"changed: {count:,} of {one.size:,} bytes, the first at +{first:#x}", 0
    return "", 0


def _read(elf: object) -> Program:
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415
    from elftools.elf.sections import SymbolTableSection  # noqa: PLC0415

    assert isinstance(elf, ELFFile)
    relative = elf["e_type"] == "ET_REL"
    sections: dict[str, Section] = {}
    names: list[str] = []
    for section in elf.iter_sections():
        content = None if section["sh_type"] in ("SHT_NOBITS", "SHT_NULL") else section.data()
        names.append(_free(section.name, sections))
        if section["sh_type"] != "SHT_NULL":
            allocated = bool(section["sh_flags"] & SHF_ALLOC)
            sections[names[-1]] = Section(section["sh_addr"], section["sh_size"], content, allocated)
    symbols: dict[str, Symbol] = {}
    table = elf.get_section_by_name(".symtab")
    for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
        index = symbol["st_shndx"]
        known = symbol["st_info"]["type"] in ("STT_FUNC", "STT_OBJECT")
        if not known or not symbol["st_size"] or not isinstance(index, int) or index >= len(names):
            continue
        home = sections[names[index]]
        start = symbol["st_value"] - (0 if relative else home.address)
        content = (home.content or b"")[start : start + symbol["st_size"]]
        name = _free(symbol.name, symbols)
        symbols[name] = Symbol(name, names[index], symbol["st_value"], symbol["st_size"], content)
    return Program(sections, symbols)


def _free(name: str, taken: dict[str, Section] | dict[str, Symbol]) -> str:
    """Return a name, numbered where it is taken."""
    if name not in taken:
        return name
    number = 2
    while f"{name} ({number})" in taken:
        number += 1
    return f"{name} ({number})"
