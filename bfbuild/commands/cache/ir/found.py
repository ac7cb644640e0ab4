"""What the store has of optimized code: the answer to each request, who made it, and what it was found to be worth."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild import config
from bfbuild.action import optimize
from bfbuild.action.action import OUT, read_description
from bfbuild.commands.harvesting import BOOTED
from bfbuild.commands.project import Project
from bfbuild.digest import Digest
from bfbuild.errors import StoreError, nearest
from bfbuild.recipe import profile
from bfbuild.recipe.model import Run
from bfbuild.store.trace import BOOT

if TYPE_CHECKING:
    from bfbuild.action.action import Description
    from bfbuild.recipe.profile import Entry
    from bfbuild.store import Store
    from bfbuild.store.trace import Trace

SHORTEST = 6  # digits of a key
SHOWN = 8


@dataclass(frozen=True)
class Code:
    """One request and its answer. `entry` is what the project's profiles have recorded of it, if anything."""

    trace: Trace
    description: Description
    lines: tuple[str, ...]
    object: Digest
    optimized: Digest
    entry: Entry | None

    @property
    def key(self) -> str:
        """The request's SHA-256."""
        return self.description.inputs[optimize.REQUEST].digest.hash

    @property
    def function(self) -> str:
        """The function's name."""
        return profile.function(self.lines)

    @property
    def processor(self) -> str:
        """The processor's features in short."""
        return profile.processor(self.lines)

    @property
    def version(self) -> str:
        """Which version of the function it is."""
        return profile.version(self.lines)

    @property
    def origin(self) -> str:
        """Who made it."""
        return "boot" if self.trace.sandbox == BOOT else "host"

    @property
    def head(self) -> str:
        """All of that in a line."""
        made = self.trace.reason.text if BOOTED in self.trace.reason.text else "made on the host"
        return f"{self.function} for {self.processor}, key {self.key[:12]}, {made}"


def here() -> Project:
    """Open the project around the current folder."""
    return Project(config.find_root(Path.cwd()))


def codes(store: Store, project: Project) -> list[Code]:
    """Return all code in the store, by function, then processor; what cannot be read is left out.

    The same code of two actions, which had other environments, is there once.
    """
    entries = dict(_entries(project))
    waiting = set(store.results.hashes())
    found: dict[tuple[str, Digest, Digest], Code] = {}
    for trace in store.traces.recent():
        if trace.kind == optimize.KIND and trace.exit_code == 0 and trace.action.hash in waiting:
            waiting.remove(trace.action.hash)
            code = _code(store, trace, entries)
            if code is not None:
                found.setdefault((code.key, code.object, code.optimized), code)
    return sorted(found.values(), key=lambda code: (code.lines, code.key))


def find(store: Store, project: Project, word: str) -> Code:
    """Return the code that a key's first digits or a function mean; raise StoreError where that is none or several."""
    there = codes(store, project)
    is_key = len(word) >= SHORTEST and re.fullmatch(r"[0-9a-f]+", word)
    found = [code for code in there if code.function == word or (is_key and code.key.startswith(word))]
    now = [code for code in found if code.entry is not None]  # not of sources or compilers that were
    if len(found) == 1 or len(now) == 1:
        return (now or found)[0]
    guess = nearest(word, {code.function for code in there})
    if not found:
        raise StoreError(
            f"the store has no optimized code for {word}",
            facts=[("nearest", guess)] if guess else [],
            hint="`doit cache ir ls` lists what it has",
        )
    raise StoreError(
        f"the store has {len(found)} pieces of code for {word}",
        facts=[(code.key[:12], f"{code.processor}, {code.version}") for code in (now or found)[:SHOWN]],
        hint="name one by its key",
    )


def _entries(project: Project) -> Iterator[tuple[str, Entry]]:
    """Yield key and entry of all requests that the project's profiles have recorded."""
    for path in {run.profile for run in project.graph.of_type(Run) if run.profile is not None}:
        if (project.root / path).is_file():
            text = (project.root / path).read_text(encoding="utf-8")
            for source in profile.Profile.from_text(text, path).sources.values():
                for entry in source.entries:
                    request = profile.request_text(source.compiler, source.bitcode, entry.request)
                    yield hashlib.sha256(request).hexdigest(), entry


def _code(store: Store, trace: Trace, entries: dict[str, Entry]) -> Code | None:
    try:
        description = read_description(trace.action, store.cas.get_bytes)
        request = description.inputs[optimize.REQUEST].digest
        _, _, lines = profile.request_lines(store.cas.get_bytes(request))
        result = store.results.get(trace.action)
        outputs = _outputs(result.output_files) if result is not None else {}
        object_, optimized = (outputs[f"{OUT}/{name}"] for name in optimize.OUTPUTS)
    except (StoreError, ValueError, KeyError):
        return None
    return Code(trace, description, lines, object_, optimized, entries.get(request.hash))


def _outputs(files: Iterable[object]) -> dict[str, Digest]:
    return {each.path: Digest.of_message(each.digest) for each in files}  # type: ignore[attr-defined]  # the API's
