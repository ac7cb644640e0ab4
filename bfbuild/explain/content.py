"""From what a person types to content: a target, TARGET@BUILD, the start of a digest, or the path of a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.digest import Digest, digest_bytes
from bfbuild.errors import RecipeError

if TYPE_CHECKING:
    from bfbuild.explain.records import Records
    from bfbuild.store.trace import Build, Trace

SHORTEST = 6  # digits of a digest
SHOWN = 8


@dataclass(frozen=True)
class Content:
    """Some bytes, and the execution that made them as its output `output`, where one is on record."""

    name: str  # as people call it
    data: bytes
    digest: Digest
    trace: Trace | None = None
    output: str = ""


def find(records: Records, word: str, folder: Path) -> Content:
    """Return what `word` means, a path being relative to `folder`; raise RecipeError or StoreError where nothing is."""
    target, at, build = word.rpartition("@")
    if at:
        return _of_target(records, target, records.build(build))
    if (folder / word).is_file():
        return _of_file(records, word, folder / word)
    digits = word.partition("/")[0]
    if len(digits) >= SHORTEST and set(digits) <= set("0123456789abcdef"):
        found = list(records.store.cas.digests(digits))
        if len(found) == 1:
            return _of_digest(records, word, found[0])
        if found:
            facts = [("digest", digest) for digest in found[:SHOWN]]
            raise RecipeError(f"{len(found)} contents in the store start with {word}", facts=facts, hint="more digits")
    return _of_target(records, word, None)


def _of_target(records: Records, word: str, build: Build | None) -> Content:
    """What a target was in a build, by default the last one that looked at it."""
    label = records.label(word)
    builds = [build] if build is not None else records.builds()
    step = next((step for each in builds for step in each.steps if step.label == label), None)
    trace = records.success(step) if step is not None else None
    if trace is None:
        facts = [("target", label), *([("build", build.id)] if build is not None else [])]
        raise RecipeError("what this target was is not on record", facts=facts, hint="doit image")
    name = word.removeprefix("build/")
    output = name if name in trace.outputs else next(iter(trace.outputs))
    digest = trace.outputs[output]
    return Content(output, records.store.cas.get_bytes(digest), digest, trace, output)


def _of_file(records: Records, word: str, path: Path) -> Content:
    data = path.read_bytes()
    digest = digest_bytes(data)
    name = word.split("build/", 1)[-1]
    return _recorded(records, Content(name, data, digest), [name])


def _of_digest(records: Records, word: str, digest: Digest) -> Content:
    return _recorded(records, Content(word, records.store.cas.get_bytes(digest), digest), [])


def _recorded(records: Records, content: Content, likely: list[str]) -> Content:
    """Add the execution that made some content; an output of a `likely` label is found at once."""
    histories = [*(records.store.traces.history(label) for label in likely), records.store.traces.recent()]
    for trace in (trace for history in histories for trace in history):
        for output, digest in trace.outputs.items():
            if digest == content.digest:
                return Content(output, content.data, digest, trace, output)
    return content
