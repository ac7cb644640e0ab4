"""Builds that share results through a real server: what is executed once is taken by whoever needs it."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.decide import Hit, Miss
from bfbuild.store.trace import Step
from tests.remote.proxy import Proxy, silent
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


def test_an_edit_is_shared_without_a_recipe_being_read(small: Small, fresh: Small, casd: Server) -> None:
    """The quick way asks the server and gives to it like the full one; what was made is what the other takes."""
    shared(small, casd.url)
    assert small.doit("image").code == 0
    small.edit("src/other.c", "3", "4")
    quick = small.doit("image")
    assert f"{casd.url}: 0 taken, " in quick.err
    shared(fresh, casd.url).edit("src/other.c", "3", "4")
    taken = fresh.doit("image")
    assert taken.out == quick.out
    assert "11 actions: 0 run, 11 hit" in taken.err
    fresh.edit("src/other.c", "4", "3")
    assert f"{casd.url}: " in fresh.doit("image").err


def test_why_names_the_server(small: Small, fresh: Small, casd: Server) -> None:
    """What a build took from a server is told as such, also when a later build found it in the store."""
    shared(small, casd.url).build()
    shared(fresh, casd.url).build()
    told = fresh.doit("why", "kernel.elf").out
    assert told.startswith(f"kernel.elf: from {casd.url} in the last build")
    fresh.build()
    told = fresh.doit("why", "kernel.elf").out
    assert told.startswith("kernel.elf: from the store in the last build")
    assert "it was taken from a server on" in told


def test_what_changes_after_results_were_taken_is_told(small: Small, fresh: Small, roots: Roots, casd: Server) -> None:
    """An edit in a checkout where nothing ever ran has its cause, as if all had been made there."""
    shared(small, casd.url).build()
    shared(fresh, casd.url).build()
    roots.lend(fresh.store)
    fresh.edit("src/other.c", "3", "4")
    step = next(step for step in fresh.build().steps if step.recipe.name == "src/other.c.o")
    assert isinstance(step.decision, Miss)
    assert step.decision.reason.text == "input src/other.c changed"
    assert "source src/other.c" in fresh.doit("why", "kernel.elf").out


def test_the_server_can_be_done_without_for_one_command(small: Small, casd: Server) -> None:
    """With BAREFLOW_REMOTE=off nothing is asked and nothing given."""
    shared(small, casd.url)
    alone = small.doit("image", BAREFLOW_REMOTE="off")
    assert alone.code == 0
    assert casd.url not in alone.err
    assert "11 actions: 11 run" in alone.err


def test_what_a_degraded_sandbox_made_is_not_given(small: Small, casd: Server) -> None:
    """Under proot a build takes what it finds, and gives nothing."""
    shared(small, casd.url)
    degraded = small.doit("build", "greeting.txt", BAREFLOW_SANDBOX="proot")
    assert degraded.code == 0
    assert "1 action: 1 run" in degraded.err
    assert ", 0 given, " in degraded.err


@pytest.mark.parametrize("method", ["GetCapabilities", "GetActionResult"])
def test_ctrl_c_does_not_wait_for_a_server_that_says_nothing(small: Small, casd: Server, method: str) -> None:
    """A build that waits for an answer ends at once when it is told to."""
    with Proxy(casd.address) as door:
        door.disturb(method, silent)
        shared(small, door.url)
        process = small.start("image")
        while not any(call == method for call in door.calls):
            assert process.poll() is None
            time.sleep(0.01)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGINT
        assert err == "\nstopped; what was finished is kept\n"
        assert time.monotonic() - began < 10  # a call would have gone on for twice as long
