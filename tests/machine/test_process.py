"""A child process and its end."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bfbuild.errors import MachineError
from bfbuild.machine.process import COMPLAINT_LIMIT, Child


def python(code: str) -> list[str]:
    """Return a command line that runs Python code."""
    return [sys.executable, "-c", code]


def soon(seconds: float = 20.0) -> float:
    """Return a deadline."""
    return time.monotonic() + seconds


def read_all(child: Child) -> bytes:
    """Return the output up to its end."""
    data = b""
    while piece := child.read(soon()):
        data += piece
    assert piece == b""
    return data


def test_output_end_and_status_come_in_this_order() -> None:
    """A child that ends well has been read to its last byte, on both pipes, before its status is known."""
    with Child(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"), {}) as child:
        assert read_all(child) == b"out\n"
        assert child.wait(soon()) == 7
        assert child.complaints == "err"


def test_a_flood_of_complaints_stops_nothing() -> None:
    """More on standard error than a pipe holds neither blocks the child nor fills our memory."""
    with Child(python(f"import sys; sys.stderr.write('x' * {3 * COMPLAINT_LIMIT}); print('out')"), {}) as child:
        assert read_all(child) == b"out\n"
        assert child.wait(soon()) == 0
        assert len(child.complaints) == COMPLAINT_LIMIT


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(60)",
        "import sys\nwhile True: sys.stderr.write('never a word on the other pipe')",
    ],
)
def test_a_deadline_holds(code: str) -> None:
    """Reading gives up when its time is over, whatever the child does."""
    with Child(python(code), {}) as child:
        start = time.monotonic()
        assert child.read(soon(0.5)) is None
        assert time.monotonic() - start < 5


def test_a_child_that_closed_its_output_is_not_waited_for_without_end() -> None:
    """The end of the output is not the end of the process; waiting for that has its own deadline."""
    with Child(python("import os, time; os.close(1); time.sleep(60)"), {}) as child:
        assert child.read(soon()) == b""
        assert child.wait(soon(0.3)) is None


def test_the_whole_group_ends(tmp_path: Path) -> None:
    """Leaving the block, here by an exception, ends the child's children too, and nothing else."""
    code = (
        "import os, time\n"
        "pid = os.fork()\n"
        "if pid: open('pids', 'w').write(f'{os.getpid()} {pid}'); print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    argv = ["/bin/sh", "-c", f'cd "{tmp_path}" && exec "{sys.executable}" -c "$0"', code]
    with suppress(KeyboardInterrupt), Child(argv, {}) as child:
        assert child.read(soon()) == b"ready\n"
        raise KeyboardInterrupt
    deadline = soon()
    for pid in (tmp_path / "pids").read_text().split():
        while _runs(pid):  # a process lets go of its output a moment before it is dead
            assert time.monotonic() < deadline
            time.sleep(0.01)


def _runs(pid: str) -> bool:
    """Whether a process is neither gone nor waiting to be reaped by whoever adopted it."""
    try:
        return (Path("/proc") / pid / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_the_environment_is_the_one_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of our own environment reaches the child."""
    monkeypatch.setenv("BAREFLOW_TEST", "leak")
    with Child(
        python("import os; print(os.environ.get('BAREFLOW_TEST'), os.environ['GIVEN'])"), {"GIVEN": "x"}
    ) as child:
        assert read_all(child) == b"None x\n"


def test_what_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    """A program that is missing, or is none, is named."""
    (tmp_path / "text").write_text("no program")
    for program, why in ((tmp_path / "none", os.strerror(2)), (tmp_path / "text", os.strerror(13))):
        with pytest.raises(MachineError, match="cannot be started") as caught:
            Child([str(program)], {})
        assert caught.value.facts == [("program", str(program)), ("why", why)]
