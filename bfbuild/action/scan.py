"""Which files a source really includes, found before the compiler runs.

The scan reads `#include`, `#embed` (C) and `%include`, `incbin` (nasm) and follows them through the declared files. It
does not evaluate conditions, so it may find too much, never too little, with one exception that it refuses: a name
made by a macro. A name that is found nowhere is left to the compiler: it may be the toolchain's own header, or stand in
a branch that is never taken. A name that is found in the project but was not declared is an error, because an action
does not see it; also where a declared file of that name would be found after it, which is not the one that is meant.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bfbuild.errors import Location, RecipeError

if TYPE_CHECKING:
    from pathlib import Path

    from bfbuild.recipe.graph import File

SPACE = rb"(?:[ \t]|\\\r?\n|/\*(?:[^*]|\*(?!/))*\*/)*"  # a comment and a line's continuation are space to C
C_DIRECTIVE = re.compile(
    rb"^(?:.*\*/)?"
    + SPACE
    + rb"#"
    + SPACE
    + rb"(?:include_next|include|embed|import)\b"
    + SPACE
    + rb'(?:"([^"\n]+)"|<([^>\n]+)>|([A-Za-z_]\w*))',
    re.MULTILINE,
)
ASM_DIRECTIVE = re.compile(
    rb"""^[^;\n]*?(?:%[ \t]*include|\bincbin)[ \t]+(?:"([^"\n]+)"|'([^'\n]+)'|([A-Za-z_]\w*))""",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Include:
    """One directive: the name, the line it stands on, and whether the file that includes it is looked beside first."""

    name: str
    line: int
    beside: bool


class MacroName(Exception):  # noqa: N818  (it names what was found)
    """A directive whose file name is a macro."""

    def __init__(self, name: str, line: int) -> None:
        super().__init__(name)
        self.name, self.line = name, line


def c_includes(data: bytes) -> Iterator[Include]:
    """Yield what a C source or header includes; raise MacroName where a macro gives the name."""
    for match in C_DIRECTIVE.finditer(data):
        quoted, angled, macro = match.groups()
        line = data.count(b"\n", 0, match.end()) + 1
        if macro:
            raise MacroName(macro.decode(), line)
        yield Include((quoted or angled).decode(errors="replace"), line, beside=bool(quoted))


def asm_includes(data: bytes) -> Iterator[Include]:
    """Yield what a nasm source includes; nasm looks in its folders only, never beside the including file."""
    for match in ASM_DIRECTIVE.finditer(data):
        double, single, macro = match.groups()
        line = data.count(b"\n", 0, match.start()) + 1
        if macro:
            raise MacroName(macro.decode(), line)
        yield Include((double or single).decode(errors="replace"), line, beside=False)


Directives = Callable[[bytes], Iterable[Include]]
DIRECTIVES: Mapping[str, Directives] = {"c": c_includes, "asm": asm_includes}  # by the kind of action


@dataclass(frozen=True)
class Scanner:
    """Follows includes through the declared files of one recipe.

    `declared` maps a place in the action to its file; `undeclared` says whether the project has a source at a place
    that was not declared.
    """

    includes: Callable[[File], Sequence[Include]]
    declared: Mapping[str, File]
    folders: Sequence[str]
    undeclared: Callable[[str], bool]
    root: Path
    owner: str

    def closure(self, *sources: File) -> list[File]:
        """Return all files that `sources` include, directly or not, sorted by place; raise RecipeError."""
        found: dict[str, File] = {}
        pending = [*sources]
        while pending:
            file = pending.pop()
            for include in self._directives(file):
                place = self._place(file, include)
                if place is not None and place not in found:
                    found[place] = self.declared[place]
                    pending.append(self.declared[place])
        return [found[place] for place in sorted(found)]

    def _directives(self, file: File) -> Sequence[Include]:
        try:
            return self.includes(file)
        except MacroName as error:
            raise RecipeError(
                "an include names its file by a macro, which cannot be followed",
                facts=[("recipe", self.owner), ("macro", error.name)],
                location=Location(self.root / file.place, error.line),
                hint="write the file's name",
            ) from None

    def _place(self, file: File, include: Include) -> str | None:
        folders = [str(PurePosixPath(file.place).parent)] if include.beside else []
        places = [posixpath.normpath(posixpath.join(folder, include.name)) for folder in [*folders, *self.folders]]
        for place in places:
            if place in self.declared:
                return place
            if not place.startswith("..") and self.undeclared(place):
                raise RecipeError(
                    "a source includes a file that its recipe does not declare",
                    facts=[("recipe", self.owner), ("includes", place)],
                    location=Location(self.root / file.place, include.line),
                    hint=f"add it to headers, e.g. headers=glob({str(PurePosixPath(place).parent / '*.h')!r})",
                )
        return None
