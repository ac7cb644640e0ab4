"""`doit where IMAGE OFFSET|SYMBOL|PATH`: from a byte of an image to its symbol and recipe, and the other way round."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bfbuild.commands.question import Question
from bfbuild.errors import RecipeError, nearest

if TYPE_CHECKING:
    from bfbuild.explain.where import File, Image, Made, Spot

NUMBER = re.compile(r"0x[0-9a-fA-F]+|[0-9]+")
SECTOR = 512


class Where(Question):
    """The doit command."""

    doc_purpose = "tell what a byte of an image is and what made it; or where a symbol or file lies"
    doc_usage = "IMAGE OFFSET|SYMBOL|PATH"
    doc_description = """IMAGE is a target or a file. OFFSET is a number of bytes, decimal or 0x..., PATH one on a FAT16
file system of the image, SYMBOL a function or object of a program in it."""
    cmd_options = ({"name": "json", "long": "json", "type": bool, "default": False, "help": "for machines"},)

    def answer(self, start: Path, names: Sequence[str], options: Mapping[str, Any]) -> int:
        """Answer the command line."""
        return where(start, names, as_json=options["json"])


def where(start: Path, names: Sequence[str], *, as_json: bool) -> int:
    """Print what was found; raise RecipeError where the image has nothing of this name."""
    from bfbuild.commands.known import known  # noqa: PLC0415  (after doit has shown that the command is meant)
    from bfbuild.explain.content import find  # noqa: PLC0415
    from bfbuild.explain.origin import Origins  # noqa: PLC0415
    from bfbuild.explain.where import Image  # noqa: PLC0415

    if len(names) != 2:
        raise RecipeError("where takes an image and a place", hint="doit where kernel.img 0x1410")
    records = known(start).records
    content = find(records, names[0], start)
    spots, files = _find(Image(Origins(records), content), names[1])
    if as_json:
        import json  # noqa: PLC0415

        found = {"image": content.name, "spots": list(map(asdict, spots)), "files": list(map(asdict, files))}
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        blocks = [*(_spot(content.name, each) for each in spots), *(_file(each) for each in files)]
        sys.stdout.write(
            "\n\n".join("\n".join(f"{name:<8}  {value}" for name, value in rows) for rows in blocks) + "\n"
        )
    return 0


def _find(image: Image, word: str) -> tuple[list[Spot], list[File]]:
    if NUMBER.fullmatch(word):
        offset = int(word, 0) if word.startswith("0x") else int(word)
        if offset >= len(image.data):
            facts = [("offset", f"{offset:,}"), ("image", f"{len(image.data):,} bytes")]
            raise RecipeError("the image is not so long", facts=facts)
        return [image.at(offset)], []
    files = image.file(word)
    spots = [] if files else image.symbol(word)
    if not files and not spots:
        guess = nearest(word, [*image.files(), *image.symbols()])
        raise RecipeError(
            "the image has no symbol and no file of this name",
            facts=[("wanted", word), *([("nearest", guess)] if guess else [])],
        )
    return spots, files


def _spot(image: str, spot: Spot) -> list[tuple[str, str]]:
    """The rows of a byte, from the outside in."""
    rows = [("byte", f"{spot.offset:,} ({spot.offset:#x}) of {image}, sector {spot.offset // SECTOR}")]
    rows.append(("place", f"{spot.place}, byte {spot.place_offset:,}" if spot.place else "none"))
    if spot.part is not None:
        rows.append(("part", spot.part))
    if spot.content is not None:
        rows.append(("content", f"{_made(spot.content)}, byte {spot.content_offset:,}"))
    if spot.program is not None and spot.address is not None:
        rows.append(("program", _made(spot.program)))
        rows.append(("section", f"{spot.section}, address {spot.address:#x}"))
    if spot.symbol is not None:
        rows.append(("symbol", f"{spot.symbol} + {spot.symbol_offset} of {spot.symbol_size} bytes"))
    if spot.object is not None:
        rows.append(("object", _made(spot.object)))
    return rows


def _file(file: File) -> list[tuple[str, str]]:
    rows = [("file", f"{file.path}, {file.size:,} bytes, on {file.place}")]
    if file.content is not None:
        rows.append(("content", _made(file.content)))
    return rows + [
        ("bytes", f"{length:,} from {first:,} ({first:#x}), sector {first // SECTOR}") for first, length in file.runs
    ]


def _made(made: Made) -> str:
    return made.name if made.recipe is None else f"{made.name} ({made.recipe})"
