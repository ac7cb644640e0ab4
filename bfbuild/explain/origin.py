"""What a piece of an output comes from: the places of an image, the program inside of a place, the object of a symbol.

Everything is found by content. An image's action says which file fills which place. A program is looked for among what
that file was made from, step by step: it is the first ELF whose sections lie in the file as they are, at one distance
from their addresses, whatever a tool has put around them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bfbuild.compare import archive, elf
from bfbuild.disk.faults import DiskError
from bfbuild.disk.spec import parse
from bfbuild.errors import StoreError
from bfbuild.explain.changes import needs_of
from bfbuild.explain.roots import MADE, SPEC

if TYPE_CHECKING:
    from bfbuild.action.action import Description, InputFile
    from bfbuild.digest import ActionDigest
    from bfbuild.disk.spec import Spec
    from bfbuild.explain.records import Records
    from bfbuild.store.trace import Trace

LEAST = 16  # bytes of a section that are found by themselves
LARGEST = 64 << 20  # bytes of a program that is looked into


@dataclass(frozen=True)
class Placed:
    """A program as it lies in some bytes: each section that is there, with its first byte in them."""

    name: str
    program: elf.Program
    places: Mapping[str, int]
    trace: Trace | None
    data: bytes = field(repr=False)

    def section_at(self, offset: int) -> str | None:
        """The section that a byte belongs to."""
        return next(
            (name for name, start in self.places.items() if start <= offset < start + self.program.sections[name].size),
            None,
        )

    def symbol_at(self, section: str, address: int) -> elf.Symbol | None:
        """The symbol of a section that an address belongs to."""
        return next(
            (
                symbol
                for symbol in self.program.symbols.values()
                if symbol.section == section and symbol.address <= address < symbol.address + symbol.size
            ),
            None,
        )


@dataclass
class Origins:
    """Answers from the records of one store."""

    records: Records
    _needs: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def spec(self, image: Trace | None) -> Spec | None:
        """Return what an image was filled with, None where it is no image of ours or that is gone."""
        description = self._description(image.action) if image is not None else None
        file = description.inputs.get(SPEC) if description is not None else None
        if file is None:
            return None
        try:
            return parse(self.records.store.cas.get_bytes(file.digest).decode())
        except (StoreError, DiskError, UnicodeDecodeError):
            return None

    def maker(self, consumer: Trace, place: str) -> Trace | None:
        """Return the execution that made the input `place` (`build/NAME`) of an execution; None for a source."""
        description = self._description(consumer.action)
        file = description.inputs.get(place) if description is not None else None
        return self._made(consumer.label, place, file) if file is not None else None

    def program(self, image: Trace, place: str, content: bytes) -> Placed | None:
        """Return the program that lies in the bytes of an input of `image`: that input, or what it is made of."""
        description = self._description(image.action)
        waiting = deque([(image.label, description, place)])
        seen = {place}
        while waiting:
            label, description, place = waiting.popleft()
            file = description.inputs.get(place) if description is not None else None
            if file is None or file.digest.size > LARGEST:
                continue
            trace = self._made(label, place, file)
            placed = self._placed(place, file, content, trace)
            if placed is not None:
                return placed
            if trace is not None:
                below = self._description(trace.action)
                for each in below.inputs if below is not None else ():
                    if each.startswith(MADE) and each not in seen:
                        seen.add(each)
                        waiting.append((trace.label, below, each))
        return None

    def definers(self, program: Trace | None) -> dict[tuple[str, int], Trace]:
        """Return the execution that made the object which defines a symbol of a linked program, by name and size."""
        found: dict[tuple[str, int], Trace] = {}
        for trace, content in self._objects(program):
            known = elf.read(content)
            for name, symbol in known.symbols.items() if known is not None else ():
                found.setdefault((name, symbol.size), trace)
        return found

    def _objects(self, program: Trace | None) -> Iterator[tuple[Trace, bytes]]:
        """The objects that a program was linked from, those in archives among them, with their content."""
        waiting = deque([program] if program is not None else [])
        while waiting:
            consumer = waiting.popleft()
            description = self._description(consumer.action)
            for place, file in (description.inputs if description is not None else {}).items():
                trace = self._made(consumer.label, place, file) if place.startswith(MADE) else None
                content = self._read(file) if trace is not None else None
                if trace is None or content is None:
                    continue
                if archive.is_one(content):
                    waiting.append(trace)
                elif elf.is_one(content):
                    yield trace, content

    def _placed(self, place: str, file: InputFile, content: bytes, trace: Trace | None) -> Placed | None:
        data = self._read(file)
        program = elf.read(data) if data is not None and elf.is_one(data) else None
        if data is None or program is None:
            return None
        places = find_sections(program, content)
        return Placed(place.removeprefix(MADE), program, places, trace, data) if places else None

    def _made(self, consumer: str, place: str, file: InputFile) -> Trace | None:
        if not self._needs:
            self._needs = needs_of(self.records.builds())
        name = place.removeprefix(MADE)
        label = self.records.maker(self._needs.get(consumer, ()), name) if place.startswith(MADE) else None
        return self.records.made(label, name, file.digest.hash) if label is not None else None

    def _description(self, action: ActionDigest) -> Description | None:
        from bfbuild.action.action import read_description  # noqa: PLC0415  (protobuf is slow to import)

        try:
            return read_description(action, self.records.store.cas.get_bytes)
        except StoreError:
            return None

    def _read(self, file: InputFile) -> bytes | None:
        try:
            return self.records.store.cas.get_bytes(file.digest)
        except StoreError:
            return None


def find_sections(program: elf.Program, content: bytes) -> dict[str, int]:
    """Return the first byte of each section that lies in `content`: the largest by its bytes, the others beside it.

    In an ELF file itself distances differ from those of addresses; there each section is looked for by itself.
    """
    loaded = {name: section for name, section in program.sections.items() if section.allocated and section.content}
    anchor = max(loaded, key=lambda name: loaded[name].size, default=None)
    if anchor is None or loaded[anchor].size < LEAST:
        return {}
    start = content.find(loaded[anchor].content or b"")
    if start < 0:
        return {}
    base = start - loaded[anchor].address
    found = {}
    for name, section in loaded.items():
        at, data = base + section.address, section.content or b""
        if at < 0 or content[at : at + len(data)] != data:
            at = content.find(data) if len(data) >= LEAST else -1
        if at >= 0:
            found[name] = at
    return found
