"""The content of a build's files: sources hashed once, outputs as they come.

A source is copied into the store under the digest it was planned with before an action sees it; one that was edited in
between is noticed there. What is looked at is told to `before_read` first, so a snapshot can sign it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.action.action import InputFile
from bfbuild.digest import Digest, digest_bytes, digest_file
from bfbuild.errors import RecipeError
from bfbuild.recipe.graph import File, Graph, Output, Source

if TYPE_CHECKING:
    from bfbuild.action.action import Action
    from bfbuild.store import Store


class Edited(Exception):  # noqa: N818  (an event, not an error)
    """A source no longer has the bytes it was planned with."""


@dataclass
class Files:
    """What kinds see as `Inputs`. Safe to use from several threads."""

    graph: Graph
    root: Path
    store: Store
    before_read: Callable[[str], None]  # told a source's path, or where one might be, before it is looked at
    made: dict[str, InputFile] = field(default_factory=dict)  # output name -> content
    sources: dict[str, InputFile] = field(default_factory=dict)  # path -> content
    _held: dict[Digest, bytes | Path] = field(default_factory=dict)  # content that the store may not have yet
    _kept: set[Digest] = field(default_factory=set)  # content that it has

    def file(self, file: File) -> InputFile:
        """The digest of a source or of an output that was made by now; raise RecipeError for an unreadable source."""
        if isinstance(file, Output):
            return self.made[file.name]
        found = self.sources.get(file.path)
        if found is None:
            path = self.root / file.path
            self.before_read(file.path)
            with _readable(path):
                found = InputFile(digest_file(path), executable=bool(path.stat().st_mode & 0o100))
            self.sources[file.path] = found
            self._held[found.digest] = path
        return found

    def read(self, file: File) -> bytes:
        """The content of a file; raise RecipeError or StoreError where it cannot be read."""
        if isinstance(file, Source):
            self.before_read(file.path)
            with _readable(self.root / file.path):
                return (self.root / file.path).read_bytes()
        return self.store.cas.get_bytes(self.made[file.name].digest)

    def data(self, data: bytes) -> InputFile:
        """A file made of these bytes."""
        digest = digest_bytes(data)
        self._held[digest] = data
        return InputFile(digest)

    def is_source(self, path: str) -> bool:
        """Whether the project has a source file at `path`."""
        self.before_read(path)
        return (self.root / path).is_file()

    def keep(self, action: Action) -> None:
        """Copy what `action` needs into the store; raise Edited where a source has other bytes by now."""
        kept: set[Digest] = set()
        with self.store.cas.batch() as batch:
            for data in action.blobs.values():
                batch.put_bytes(data)
            for file in action.request.inputs.values():
                held = self._held.get(file.digest)
                if held is None or file.digest in self._kept:
                    continue
                put = batch.put_bytes(held) if isinstance(held, bytes) else batch.put_file(held)
                if put != file.digest:
                    raise Edited(str(held))
                kept.add(file.digest)
        self._kept |= kept

    def forget(self, action: Action) -> None:
        """Look at an action's sources again the next time."""
        for place in action.request.inputs:
            self.sources.pop(place, None)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RecipeError("a source cannot be read", facts=[("file", path), ("why", error.strerror)]) from error
