"""`doit info [TARGET]`: what a program is made of, by section and by symbol, read from its ELF file by pyelftools."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from bfbuild.commands.question import Question
from bfbuild.errors import RecipeError

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

SHOWN = 20  # symbols
SHF_ALLOC = 2  # System V ABI, "Section Attribute Flags"


class Info(Question):
    """The doit command."""

    doc_purpose = "show the sizes of a program by section and symbol"
    doc_usage = "[TARGET]"
    doc_description = "TARGET is the name of a linked program; all of them without one. They are built first."
    cmd_options = (
        {"name": "json", "long": "json", "type": bool, "default": False, "help": "for machines"},
        {"name": "symbols", "long": "symbols", "type": int, "default": SHOWN, "help": "how many symbols to show"},
    )

    def answer(self, start: Path, names: Sequence[str], options: Mapping[str, Any]) -> int:
        """Answer the command line."""
        return info(start, names, as_json=options["json"], symbols=options["symbols"])


def info(start: Path, names: Sequence[str], *, as_json: bool, symbols: int) -> int:
    """Build the named programs, or all, and print what they are made of."""
    from bfbuild import config  # noqa: PLC0415  (after doit has shown that the command is meant)
    from bfbuild.commands.build import build  # noqa: PLC0415
    from bfbuild.commands.outputs import BUILD  # noqa: PLC0415
    from bfbuild.commands.project import Project  # noqa: PLC0415
    from bfbuild.recipe.model import Link  # noqa: PLC0415

    project = Project(config.find_root(start))
    links = [project.graph.find(name) for name in names] or list(project.graph.of_type(Link))
    if not links:
        raise project.nothing_to("show")
    build(project, links)
    paths = {link.name: project.root / BUILD / link.name for link in links}
    if as_json:
        import json  # noqa: PLC0415

        found = {name: {"sections": section_sizes(path), "symbols": symbol_sizes(path)} for name, path in paths.items()}
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        sys.stdout.write("\n".join(_text(name, path, symbols) for name, path in paths.items()))
    return 0


def section_sizes(path: Path) -> dict[str, int]:
    """Return the bytes in memory of each allocated section, in the order of the file."""
    with path.open("rb") as file:
        sections = _elf(file, path).iter_sections()
        return {s.name: s["sh_size"] for s in sections if s["sh_flags"] & SHF_ALLOC and s["sh_size"]}


def symbol_sizes(path: Path) -> dict[str, int]:
    """Return the bytes of each function and object, largest first, then by name."""
    with path.open("rb") as file:
        found = dict(_symbols(_elf(file, path)))
    return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))


def _symbols(elf: ELFFile) -> Iterator[tuple[str, int]]:
    from elftools.elf.sections import SymbolTableSection  # noqa: PLC0415

    table = elf.get_section_by_name(".symtab")
    for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
        if symbol["st_size"] and symbol["st_info"]["type"] in ("STT_FUNC", "STT_OBJECT"):
            yield symbol.name, symbol["st_size"]


def _elf(file: BinaryIO, path: Path) -> ELFFile:
    from elftools.common.exceptions import ELFError  # noqa: PLC0415
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415

    try:
        return ELFFile(file)
    except ELFError as error:
        raise RecipeError("this target is no ELF program", facts=[("file", path), ("why", error)]) from error


def _text(name: str, path: Path, symbols: int) -> str:
    sections, sizes = section_sizes(path), symbol_sizes(path)
    lines = [name, *(f"  {size:>9}  {section}" for section, size in sections.items())]
    lines += [
        f"  {sum(sections.values()):>9}  in all",
        "",
        f"  the largest {min(symbols, len(sizes))} of {len(sizes)} symbols",
    ]
    lines += [f"  {size:>9}  {symbol}" for symbol, size in list(sizes.items())[:symbols]]
    return "\n".join(lines) + "\n"
