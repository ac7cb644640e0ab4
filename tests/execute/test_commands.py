"""What a person sees of a cluster: builds by the commands, the next build after a change, Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.execute.conftest import Member
from tests.execute.test_builds import levels
from tests.execute.test_contract import leftovers
from tests.remote.servers import Server
from tests.scenarios.test_again import image
from tests.small import ACTIONS, Small, interrupted


def until(condition: Callable[[], object], words: str) -> None:
    """Wait until something holds, at most 30 s."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, words
        time.sleep(0.02)


@pytest.fixture
def there(stocked: Server, member: Member) -> Small:
    """A checkout without tools, of which the cluster does all."""
    return member(stocked.url, tools=False)


def test_a_change_is_built_there_without_reading_a_recipe(there: Small) -> None:
    """The short way to a build knows the cluster, too: what the change reaches runs there, and that alone."""
    first = image(there)
    assert first.code == 0, first.err
    assert levels(there) == dict.fromkeys(ACTIONS, "remote")
    there.edit("src/words.txt", "hello", "hello there")
    second = image(there)
    assert second.code == 0, second.err
    assert "2 actions: 2 run (2 at the cluster), 0 hit" in second.err
    assert [(trace.label, trace.sandbox) for trace in there.traces()[len(ACTIONS) :]] == [
        ("greeting.txt", "remote"),
        ("small.img", "remote"),
    ]
    assert first.out != second.out
    assert not list((there.cache / "trees").iterdir())


def test_what_ran_there_is_told_so(there: Small) -> None:
    """Whoever asks how something was made hears that it was made elsewhere."""
    assert there.doit("image").code == 0
    assert "at the cluster" in there.doit("cache", "show", "kernel.elf").out
    assert "remote" in there.doit("cache", "trace", "kernel.elf").out


def test_ctrl_c_ends_what_runs_there(there: Small, stocked: Server) -> None:
    """The build ends at once, without a traceback, and the cluster is not left working in vain."""
    words = (there.root / "src/shout.py").read_text()
    there.write("src/shout.py", "import time; time.sleep(99)\n")
    process = there.start("build", "greeting.txt")
    try:
        until(lambda: working(stocked.folder) or process.poll() is not None, "nothing runs there")
        assert process.poll() is None, process.communicate()
        interrupted(process, within=10)
        until(lambda: not working(stocked.folder), "the cluster goes on")
    finally:
        process.kill()
        process.communicate()
    there.write("src/shout.py", words)
    assert there.doit("build", "greeting.txt").code == 0


def working(folder: Path) -> list[str]:
    """What runs of an action of ours at a server."""
    return leftovers(folder, "src/shout.py")
