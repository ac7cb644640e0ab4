"""What holds wherever an action runs: outputs and words, failures, limits, ends; and the few things that differ.

A cluster has its own idea of some things, so that a remote place may say that it did not execute, and leave the action
to this machine (hybrid.py). That is an answer; a wrong outcome is none. What differs is written into each test.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from bfbuild.errors import ActionError
from bfbuild.execute.hybrid import NotExecutedError
from tests.execute.conftest import Place


def test_outputs_and_words_are_kept(place: Place) -> None:
    """What a tool makes and prints is in the store, with modes, times and sizes measured, and its level named.

    How much processor time and memory it took, a cluster does not tell.
    """
    outcome = place.run(
        "import os, sys\nopen('out/deep/a', 'w').write(open('in.txt').read() * 2)\n"
        "open('out/tool', 'w').write('#!')\nos.chmod('out/tool', 0o755)\n"
        "print('said')\nprint('complained', file=sys.stderr)\n",
        "deep/a",
        "tool",
        **{"in.txt": b"content "},
    )
    assert (outcome.exit_code, outcome.missing, outcome.limit, outcome.level) == (0, (), None, place.level)
    assert {name: (place.text(made.digest), made.executable) for name, made in outcome.outputs.items()} == {
        "deep/a": ("content content ", False),
        "tool": ("#!", True),
    }
    assert (place.text(outcome.stdout), place.text(outcome.stderr)) == ("said\n", "complained\n")
    assert 0 < outcome.wall < 20e9
    known = [outcome.user_time, outcome.system_time, outcome.max_rss]
    if place.level == "remote":
        assert known == [None, None, None]
    else:
        assert (outcome.user_time or 0) + (outcome.system_time or 0) > 0
        assert (outcome.max_rss or 0) > 1 << 20
    assert list((place.store.path / "tmp").iterdir()) == []


def test_an_exit_code_is_the_tools(place: Place) -> None:
    """Failure is an outcome, not an exception; a signal is one too."""
    assert place.run("raise SystemExit(7)").exit_code == 7
    assert place.run("import os; os.kill(os.getpid(), 9)").exit_code in (-9, 137, 255)


def test_an_action_sees_the_same_world(place: Place) -> None:
    """Its folder, its variables, the tools' paths; only PWD, which bubblewrap sets to what it is told, may differ."""
    outcome = place.run(
        "import os, sys\nenv = dict(os.environ)\n"
        "print(os.getcwd(), sys.executable, env.pop('PWD'), sorted(env), os.path.exists('/home'), os.listdir('/tmp'))"
    )
    folder = "work" if place.level == "remote" else "/work"
    names = "['HOME', 'LC_ALL', 'PATH', 'PYTHONDONTWRITEBYTECODE', 'SOURCE_DATE_EPOCH', 'TZ']"
    assert place.text(outcome.stdout) == f"/work /usr/bin/python3 {folder} {names} False []\n"


@pytest.mark.parametrize("script", ["pass", "import os; os.mkdir('out/a')"], ids=["nothing", "a folder"])
def test_what_is_no_file_is_no_output(place: Place, script: str) -> None:
    """An output must be a plain file that the action made."""
    outcome = place.run(script, "a")
    assert (outcome.exit_code, outcome.outputs, outcome.missing) == (0, {}, ("a",))


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("import os; os.symlink('/etc/hostname', 'out/a')", "a"),
        ("import os; os.symlink('../in.txt', 'out/a')", "a"),
        ("import os; os.rmdir('out/deep'); os.symlink('/usr/bin', 'out/deep')", "deep/python3"),
    ],
    ids=["a link outside", "a link to an input", "a link in place of a folder"],
)
def test_a_link_is_no_output_and_is_not_followed(place: Place, script: str, output: str) -> None:
    """Nothing is taken from outside of an action's folder. This cluster refuses links instead of leaving them out."""
    if place.level == "remote":
        with pytest.raises(NotExecutedError, match="is not a file or directory") as problem:
            place.run(script, output, **{"in.txt": b"content"})
        assert not problem.value.away
        return
    outcome = place.run(script, output, **{"in.txt": b"content"})
    assert (outcome.exit_code, outcome.outputs, outcome.missing) == (0, {}, (output,))


def test_inputs_in_the_store_cannot_be_harmed(place: Place) -> None:
    """A tool that tries to change its input changes at most its own copy: the next action has the right one."""
    harm = "import os\ntry:\n os.chmod('in.txt', 0o777)\n open('in.txt', 'w').write('harm')\nexcept OSError: pass\n"
    place.run(harm, **{"in.txt": b"content"})
    assert place.text(place.run("print(open('in.txt').read())", **{"in.txt": b"content"}).stdout) == "content\n"
    digest = place.store.cas.put_bytes(b"content")
    assert place.store.cas.get_bytes(digest) == b"content"
    assert place.store.cas.path_of(digest).stat().st_mode & 0o777 == 0o444


def test_time_is_limited(place: Place) -> None:
    """What runs too long is ended with all it started, soon, and the limit is named.

    This cluster does not say when it begins. So it may have been busy, which says nothing about the action.
    """
    place.limit(1)
    began = time.monotonic()
    sleeps = "import time; time.sleep(99)"
    script = f"import subprocess\nsubprocess.Popen(['python3', '-c', '{sleeps}'])\n{sleeps}"
    if place.level == "remote":
        with pytest.raises(NotExecutedError, match="nothing came back within 1 s"):
            place.run(script)
    else:
        outcome = place.run(script)
        assert outcome.limit == "it ran longer than 1 s"
        assert outcome.exit_code != 0
    assert time.monotonic() - began < 10
    assert_nothing_runs(place)


def test_what_was_started_and_left_is_ended(place: Place) -> None:
    """A process that an action leaves behind does not outlive it; proot waits for it as long as an action may take."""
    place.limit(2)
    outcome = place.run("import subprocess\nsubprocess.Popen(['python3', '-S', '-c', 'import time; time.sleep(99)'])\n")
    assert (outcome.limit is None) is (place.level != "proot")
    assert_nothing_runs(place)


def test_cancel_ends_what_runs_and_refuses_more(place: Place) -> None:
    """After it nothing runs, what ran has no outcome, and nothing is started."""
    threading.Timer(0.5, place.executor.cancel).start()
    began = time.monotonic()
    with pytest.raises(ActionError, match="the build was stopped"):
        place.run("import time; time.sleep(99)")
    assert time.monotonic() - began < 10
    with pytest.raises(ActionError, match="the build was stopped"):
        place.run("pass")
    assert_nothing_runs(place)
    assert list((place.store.path / "tmp").iterdir()) == []


def test_a_command_line_that_is_too_long_is_told(place: Place) -> None:
    """What the kernel refuses to start is an error with the kernel's reason; a cluster leaves it to us."""
    script = "#" + "x" * (200 << 10)
    if place.level == "remote":
        with pytest.raises(NotExecutedError, match="Argument list too long"):
            place.run(script)
        return
    with pytest.raises(ActionError, match="cannot be started") as problem:
        place.run(script)
    assert problem.value.facts == [("recipe", "test"), ("why", "Argument list too long")]


def assert_nothing_runs(place: Place) -> None:
    """Wait until no process has to do with a place's folder: what is killed still has to die, which is soon."""
    end = time.monotonic() + 5
    while (found := leftovers(place.folder, "time.sleep")) and time.monotonic() < end:
        time.sleep(0.05)
    assert not found


def leftovers(folder: Path, word: str) -> list[str]:
    """Return the command lines of sandboxes that have a folder mounted, and run something with a word in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(folder) in line and word in line:
                found.append(line)
    return found
