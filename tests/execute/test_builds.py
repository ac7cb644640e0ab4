"""Whole builds at a cluster: the same bytes as here, wherever each action ran and whatever becomes of the cluster."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from bfbuild.commands.project import Project
from bfbuild.errors import ActionError, render
from tests.execute.conftest import HASTY, Member
from tests.release.attest.made import KEY
from tests.remote.proxy import Proxy, before, refuse
from tests.remote.servers import Server
from tests.remote.test_trust import ONE, Team
from tests.small import ACTIONS, Roots, Small, ran


def build(small: Small, name: str = "small.img") -> tuple[Project, list[str]]:
    """Build, and return what was said beside it."""
    project, notes = small.open(), list[str]()
    project.patience = HASTY
    project.progress.note = notes.append  # type: ignore[assignment, method-assign]
    project.build([project.graph.find(name)])
    return project, notes


def made(project: Project) -> dict[str, tuple[str, bool]]:
    """Return what came of each recipe."""
    return {name: (file.digest.hash, file.executable) for name, file in project.files.made.items()}


def levels(small: Small) -> dict[str, str]:
    """Return where each action ran."""
    return {trace.label: trace.sandbox for trace in small.traces()}


def test_local_and_remote_results_are_the_same(stocked: Server, member: Member, built_small: Small) -> None:
    """Every action of a build, each output's bytes and mode, executed all here, all there, and some here, some there.

    Where no toolchain is here all runs there, and none is unpacked for it.
    """
    here, there, both = built_small.open(), member(stocked.url, tools=False), member(stocked.url)
    here.build([here.graph.find("small.img")])
    remote, _ = build(there)
    mixed, _ = build(both)
    assert made(remote) == made(here)
    assert made(mixed) == made(here)
    assert levels(there) == dict.fromkeys(ACTIONS, "remote")
    assert set(levels(both)) == set(ACTIONS)
    assert "bubblewrap" in levels(both).values()
    assert not list((there.cache / "trees").iterdir())
    assert all(step.outcome is None for step in build(there)[0].steps), "the second time all is in the store"


def test_a_cluster_that_is_away_at_the_start_is_told_once(executor: Server, member: Member) -> None:
    """The build is made here, as if there were none."""
    executor.stop()
    small = member(executor.url)
    _, notes = build(small)
    assert levels(small) == dict.fromkeys(ACTIONS, "bubblewrap")
    told = [note for note in notes if "the cluster" in note]
    assert len(told) == 1
    assert told[0].startswith("warning: the cluster does not execute: ")
    assert told[0].endswith(": the rest is run here")


def test_a_cluster_that_goes_away_in_the_middle(stocked: Server, member: Member, built_small: Small) -> None:
    """What was under way there is run here, and all that follows; the result is the same, and it is said once."""
    with Proxy(stocked.address) as door:
        small = member(door.url)
        door.disturb("Execute", before(door.stop, number=2))
        project, notes = build(small)
    here = built_small.open()
    here.build([here.graph.find("small.img")])
    assert made(project) == made(here)
    assert len([note for note in notes if "the cluster" in note]) == 1
    assert set(levels(small)) == set(ACTIONS)


def test_a_cluster_that_executes_nothing_it_is_given(stocked: Server, member: Member) -> None:
    """It says why for the first action, and that it is used no more; the build is made here."""
    with Proxy(stocked.address) as door:
        small = member(door.url)
        door.disturb("Execute", refuse(grpc.StatusCode.FAILED_PRECONDITION, "no worker has this"))
        _, notes = build(small)
    assert levels(small) == dict.fromkeys(ACTIONS, "bubblewrap")
    told = [note for note in notes if "the cluster" in note]
    assert [note.rpartition(": ")[2] for note in told][-1] == "the rest is run here"
    assert all("no worker has this (FAILED_PRECONDITION)" in note for note in told)
    assert len(told) <= 2


def test_what_fails_there_is_told_as_such_and_tried_again(stocked: Server, member: Member) -> None:
    """The error says where it ran. Nothing is recorded for it: put right, it is built; unchanged, it runs once more."""
    small = member(stocked.url, tools=False)
    small.edit("src/shout.py", "import sys", "import nothing, sys")
    for _ in range(2):
        with pytest.raises(ActionError) as problem:
            build(small)
        assert "ran      at the cluster" in render(problem.value)
        assert "No module named 'nothing'" in render(problem.value)
    assert [trace.exit_code for trace in small.traces() if trace.label == "greeting.txt"] == [1, 1]
    small.edit("src/shout.py", "import nothing, sys", "import sys")
    build(small)


def test_nobody_vouches_for_what_a_cluster_executed(
    stocked: Server, tmp_path: Path, repository: Path, roots: Roots, casd: Server
) -> None:
    """Where signatures count it is used, unsigned though we have a key, not believed later, and that is said once."""
    small = Team(tmp_path, repository, roots, casd.url).member("one", KEY, KEY)
    small.edit("bareflow.toml", "[keys]", f'exec = "{stocked.url}"\n[keys]')
    for tree in (small.cache / "trees").iterdir():
        tree.unlink()
    for _ in range(2):
        project, notes = build(small, ONE)
        assert ran(project) == {ONE}
        assert len([note for note in notes if "nobody signs what a cluster executes" in note]) == 1
    (step,) = project.steps
    assert levels(small) == {ONE: "remote"}
    assert small.store.signatures.get(step.action.digest) == {}
