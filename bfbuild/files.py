"""The content of a build's files: sources hashed once, outputs as they come.

A source is copied into the store under the digest it was planned with before an action sees it; one that was edited in
between is noticed there. What is looked at is told to `before_read` first, so a snapshot can sign it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.action.action import Edited, InputFile
from bfbuild.digest import Digest, digest_bytes, digest_file
from bfbuild.errors import RecipeError
from bfbuild.recipe.graph import File, Graph, Output, Source

if TYPE_CHECKING:
    from bfbuild.action.action import Action
    from bfbuild.action.scan import Directives, Include
    from bfbuild.store import Store


@dataclass
class Files:
    """What kinds see as `Inputs`. Safe to use from several threads."""

    graph: Graph
    root: Path
    store: Store
    before_read: Callable[[str], None]  # told a source's path, or where one might be, before it is looked at
    made: dict[str, InputFile] = field(default_factory=dict)  # output name -> content
    sources: dict[str, InputFile] = field(default_factory=dict)  # path -> content
    _includes: dict[tuple[Directives, str], Sequence[Include]] = field(default_factory=dict)
    _probed: dict[str, bool] = field(default_factory=dict)
    _held: dict[Digest, bytes | Path] = field(default_factory=dict)  # content that the store may not have yet
    _kept: set[Digest] = field(default_factory=set)  # content that it has

    def file(self, file: File) -> InputFile:
        """The digest of a source or of an output that was made by now; raise RecipeError for an unreadable source."""
        if isinstance(file, Output):
            return self.made[file.name]
        found = self.sources.get(file.path)
        if found is None:
            self.before_read(file.path)
            path = self.root / file.path
            with _readable(path):
                found = self._found(file.path, digest_file(path), path.stat().st_mode)
        return found

    def includes(self, file: File, directives: Directives) -> Sequence[Include]:
        """What a file includes, read once; raise RecipeError or StoreError where it cannot be read, and MacroName."""
        key = (directives, file.place)
        found = self._includes.get(key)
        if found is None:
            if isinstance(file, Source):
                found = tuple(directives(self._source(file.path)))
            else:
                found = tuple(directives(self.store.cas.get_bytes(self.made[file.name].digest)))
            self._includes[key] = found
        return found

    def _source(self, name: str) -> bytes:
        """Read a source, which is small enough to be scanned, and remember its digest on the way."""
        self.before_read(name)
        with _readable(self.root / name), (self.root / name).open("rb") as file:
            data = file.read()
            mode = os.fstat(file.fileno()).st_mode
        self._found(name, digest_bytes(data), mode)
        return data

    def _found(self, name: str, digest: Digest, mode: int) -> InputFile:
        found = self.sources[name] = InputFile(digest, executable=bool(mode & 0o100))
        self._held[digest] = self.root / name
        return found

    def scanned(self, place: str, directives: Directives) -> Sequence[Include] | None:
        """What the file at a place was found to include, where it was asked."""
        return self._includes.get((directives, place))

    def unchanged(self, path: str) -> bool:
        """Whether a source still has the bytes and mode that were read."""
        found = self.sources.get(path)
        if found is None:
            return False
        now = self.root / path
        return now.is_file() and InputFile(digest_file(now), bool(now.stat().st_mode & 0o100)) == found

    def data(self, data: bytes) -> InputFile:
        """A file made of these bytes."""
        digest = digest_bytes(data)
        self._held[digest] = data
        return InputFile(digest)

    def is_source(self, path: str) -> bool:
        """Whether the project has a source file at `path`."""
        found = self._probed.get(path)
        if found is None:
            self.before_read(path)
            found = self._probed[path] = (self.root / path).is_file()
        return found

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
            for key in [key for key in self._includes if key[1] == place]:
                del self._includes[key]


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RecipeError("a source cannot be read", facts=[("file", path), ("why", error.strerror)]) from error
