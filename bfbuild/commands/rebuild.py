"""One of the two builds of a release, in a process of its own.

    python -m bfbuild.commands.rebuild ORDER ANSWER

It runs in a fresh checkout, moves into other surroundings (release/disturb.py) and makes the targets from nothing: its
store is empty, but for the unpacked toolchains that the user's store lends. What it made goes to that store, and what
came out of each action is told in ANSWER, as release/twice.py reads it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bfbuild.commands.project import Project
from bfbuild.commands.show import guarded
from bfbuild.digest import Digest, canonical
from bfbuild.execute.sandbox import SandboxExecutor
from bfbuild.recipe.model import CLOCK, SANDBOX, Fetch, Toolchain, Wheel
from bfbuild.release import twice
from bfbuild.release.disturb import DisturbedExecutor, Surroundings, enter
from bfbuild.store import Store
from bfbuild.store.lookup import StoreLookup
from bfbuild.store.results import result_blobs
from bfbuild.toolchain.root import Toolchains

if TYPE_CHECKING:
    from bfbuild.digest import ActionDigest


def main(order: Path, answer: Path) -> int:
    """Do what `order` says, and answer."""
    wanted = json.loads(order.read_text(encoding="utf-8"))
    where = Surroundings(**wanted["surroundings"])

    def build() -> int:
        enter(where, Path(wanted["disk"]))
        made = _build(where, wanted)
        answer.write_text(made, encoding="ascii")
        return 0

    return guarded(build)


class Disturbed(Project):
    """A project whose actions see what the surroundings have of their own."""

    def __init__(self, root: Path, environment: Mapping[str, str], where: Surroundings) -> None:
        super().__init__(root, environment)
        self.where = where

    @cached_property
    def trust(self) -> None:
        """Nobody's word is asked for: its store is empty, and what is put there is its own."""

    @cached_property
    def executor(self) -> SandboxExecutor:
        """What runs an action."""
        build = self.config.settings.build
        sandbox = replace(self.sandbox, more=self.where.words(self.toolchains.ensure(CLOCK)))
        kind = DisturbedExecutor if self.where.backwards else SandboxExecutor
        return kind(self.store, sandbox, timeout=build.timeout, memory=build.memory)


def _build(where: Surroundings, wanted: dict[str, Any]) -> str:
    project = Disturbed(Path.cwd(), {**wanted["environment"], "BAREFLOW_CACHE": f"{wanted['disk']}/store"}, where)
    targets = [project.graph.find(name) for name in wanted["targets"]]
    lender = Store(Path(wanted["store"]))
    closure = project.graph.closure(targets)
    _borrow(project, lender, [*(each for each in closure if isinstance(each, Toolchain)), SANDBOX, CLOCK])
    for each in closure:
        if isinstance(each, Fetch | Wheel):
            project.store.cas.put_file(lender.cas.path_of(Digest(each.sha256, each.size)))
    project.build(targets, jobs=where.jobs)
    _hand_over(project, lender, results=wanted["keeps"])
    return twice.to_json(twice.told(project.steps, project.graph, project.files))


def _borrow(project: Project, lender: Store, tools: Iterable[Toolchain]) -> None:
    """Make the new store know unpacked toolchains; their folders stay where they are, held by this process."""
    known = Toolchains(lender, project.config.lock_path, project.config.mirrors, project.progress)
    for recipe in tools:
        tree, folder, record = known.plan(recipe), known.ensure(recipe), known.unpacking(recipe)
        result = None if record is None else lender.results.get(record)
        assert record is not None, "what is planned is on record"
        assert result is not None, "what is planned is on record"
        project.store.cas.put_bytes(canonical(tree.root))
        project.store.results.put(record, result)
        link = project.store.tree_path(tree.digest)
        if not link.is_symlink():
            link.symlink_to(folder)


def _hand_over(project: Project, store: Store, *, results: bool) -> None:
    """Put into the user's store all that is not there: content, and with `results` what is on record of it."""
    wanted: dict[Digest, None] = {}
    for step in project.steps:
        result = project.store.results.get(step.action.digest)
        assert result is not None, "what was built is on record"
        wanted |= dict.fromkeys(step.action.blobs)
        wanted |= dict.fromkeys(file.digest for file in step.action.description.inputs.values())
        wanted |= dict.fromkeys(digest for _, digest in result_blobs(result))
    traces = list(project.store.traces.recent()) if results else []
    wanted |= dict.fromkeys(digest for trace in traces for digest in (trace.stdout, trace.stderr))
    with store.cas.batch() as batch:
        for digest in wanted:
            batch.put_file(project.store.cas.path_of(digest))
    if results:
        for step in project.steps:
            result = project.store.results.get(step.action.digest)
            assert result is not None, "what was built is on record"
            if not _has(store, step.action.digest):  # another answer is to be seen, not replaced
                store.results.put(step.action.digest, result)
        for trace in reversed(traces):
            store.traces.record(trace)
    store.sync()


def _has(store: Store, action: ActionDigest) -> bool:
    try:
        return store.results.get(action) is not None
    except StoreLookup:
        return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
