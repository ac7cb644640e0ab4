"""Builds that share results through a real server: what is executed once is taken by whoever needs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.decide import Hit
from bfbuild.store.trace import Step
from tests.remote.servers import Server
from tests.small import ACTIONS, Roots, Small, ran

if TYPE_CHECKING:
    from bfbuild.commands.project import Project


def shared(small: Small, url: str, more: str = "") -> Small:
    """Have a project use a server."""
    small.write("bareflow.toml", f'[project]\nname = "small"\n[remote]\ncache = "{url}"\n{more}')
    return small


@pytest.fixture
def fresh(tmp_path: Path, repository: Path) -> Small:
    """Another checkout whose store knows nothing, not even the toolchains."""
    return Small.make(tmp_path / "fresh", repository, Roots({}, {}, {}))


@pytest.fixture(params=["casd", "buildgrid"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the servers."""
    found: Server = request.getfixturevalue(request.param)
    return found


def recorded(project: Project) -> dict[str, Step]:
    """What the newest build's record says of each action."""
    return {step.label: step for step in next(project.store.traces.builds()).steps}


def test_a_fresh_checkout_takes_everything(small: Small, fresh: Small, server: Server) -> None:
    """What one machine made is the other's image, byte for byte, with nothing executed and no toolchain unpacked."""
    made = shared(small, server.url).build()
    assert ran(made) == set(ACTIONS)
    taken = shared(fresh, server.url).build()
    assert ran(taken) == set()
    assert list((fresh.cache / "trees").iterdir()) == []
    assert taken.output("small.img") == made.output("small.img")
    assert {step.reason for step in recorded(taken).values()} == {server.url}
    assert all(isinstance(step.decision, Hit) and step.decision.source == server.url for step in taken.steps)


def test_what_was_taken_is_a_hit_without_the_server(small: Small, fresh: Small, casd: Server) -> None:
    """A result from a server is in the store: the next build needs nobody, and its record names no server."""
    shared(small, casd.url).build()
    shared(fresh, casd.url).build()
    casd.stop()
    again = fresh.build()
    assert ran(again) == set()
    assert {step.reason for step in recorded(again).values()} == {""}


def test_only_what_changed_is_sent(small: Small, casd: Server) -> None:
    """A build after one edit sends less than twice what it made anew."""
    shared(small, casd.url).build()
    small.edit("src/other.c", "3", "4")
    project = small.build()
    changed = {made.digest for step in project.steps if step.outcome for made in step.outcome.outputs.values()}
    assert project.cache is not None
    assert 0 < project.cache.channel.sent < 2 * sum(digest.size for digest in changed)
