"""Builds that are stopped in the middle: by Ctrl-C, by kill -9, by another build that wants the same."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.small import ACTIONS, Small, interrupted

SLOW = "import time\ntime.sleep(60)\n"


def processes(small: Small) -> list[int]:
    """Return the processes of this machine that have to do with a project's store, and are not zombies."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(small.cache).encode() in line and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def until(condition: Callable[[], object], words: str) -> None:
    """Wait until something holds, at most 30 s."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, words
        time.sleep(0.02)


@pytest.fixture(params=["auto", "proot"])
def slow(small: Small, request: pytest.FixtureRequest) -> Iterator[tuple[Small, subprocess.Popen[str]]]:
    """Start a build whose last but one action sleeps, at each level; wait until nothing but that is left to do."""
    words = (small.root / "src/shout.py").read_text()
    small.write("src/shout.py", SLOW)
    process = small.start("image", "-j", "2", BAREFLOW_SANDBOX=request.param)
    others = set(ACTIONS) - {"greeting.txt", "small.img"}
    try:
        until(lambda: {trace.label for trace in small.traces()} == others or process.poll(), "the build did not begin")
        until(lambda: processes(small) or process.poll(), "nothing runs")
        assert process.poll() is None, process.communicate()
        small.write("src/shout.py", words)
        yield small, process
    finally:
        process.kill()
        process.communicate()


def goes_on(small: Small, right: str) -> None:
    """The next build is right, and runs only what had not finished."""
    done = small.doit("image")
    assert done.code == 0, done.err
    assert right in done.out
    labels = [trace.label for trace in small.traces()]
    assert sorted(labels) == sorted(ACTIONS), "every action ran once; the one that was stopped left no trace"
    assert list((small.cache / "tmp").iterdir()) == []


@pytest.fixture(scope="module")
def right(built_small: Small) -> str:
    """The image's digest, as it is when nobody disturbs."""
    return built_small.build().output("small.img").digest.hash


def test_ctrl_c_ends_everything_at_once(slow: tuple[Small, subprocess.Popen[str]], right: str) -> None:
    """SIGINT ends the process by SIGINT (a shell says 130), without a traceback; nothing runs on, nothing is lost."""
    small, process = slow
    interrupted(process, within=10)
    assert processes(small) == []
    assert list((small.cache / "tmp").iterdir()) == []
    goes_on(small, right)


def test_kill_9_leaves_no_process_and_a_good_store(slow: tuple[Small, subprocess.Popen[str]], right: str) -> None:
    """What we started dies with us; the next build tidies up, is right, and repeats nothing that had finished."""
    small, process = slow
    process.kill()
    process.communicate()
    until(lambda: not processes(small), "something runs on")
    goes_on(small, right)


def test_builds_at_once_run_no_action_twice(small: Small, right: str) -> None:
    """Three builds start together over one store: all end with the right image, and each action ran once."""
    started = [small.start("image") for _ in range(3)]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in started]
    assert [code for *_, code in ended] == [0, 0, 0], ended
    assert all(right in out for out, *_ in ended)
    assert sorted(trace.label for trace in small.traces()) == sorted(ACTIONS)
    assert list((small.cache / "tmp").iterdir()) == []


def test_a_source_that_is_edited_while_its_action_runs_is_not_recorded_as_built(small: Small) -> None:
    """The action saw the old bytes, so the new ones are still to be built: the next build makes what they say."""
    small.write(
        "src/shout.py",
        "import sys, time\nfrom pathlib import Path\ntext = Path(sys.argv[1]).read_text()\ntime.sleep(1.5)\n"
        "Path(sys.argv[2]).write_text(text + Path(sys.argv[1]).read_text())\n",
    )
    process = small.start("build", "greeting.txt")
    until(lambda: processes(small) or process.poll(), "nothing runs")
    small.write("src/words.txt", "edited\n")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (small.root / "build/greeting.txt").read_text() == "hello\nhello\n", out
    done = small.doit("build", "greeting.txt")
    assert "(input src/words.txt changed)" in done.err
    assert (small.root / "build/greeting.txt").read_text() == "edited\nedited\n"
