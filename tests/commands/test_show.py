"""How commands end: exit codes that mean something, errors on standard error, Ctrl-C as a signal."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bfbuild.commands.show import exit_code, guarded
from bfbuild.errors import (
    ActionError,
    BareflowError,
    ConfigError,
    Errors,
    FetchError,
    LayoutError,
    LockError,
    MachineError,
    RecipeError,
    StoreError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        *((kind("x"), 1) for kind in (ActionError, LayoutError, MachineError)),
        *((kind("x"), 2) for kind in (RecipeError, ConfigError, LockError, FetchError, StoreError)),
        (Errors([RecipeError("x"), RecipeError("y")]), 2),
        (Errors([RecipeError("x"), ActionError("y")]), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BareflowError) else str(value),
)
def test_an_exit_code_tells_failed_from_could_not_be_tried(error: BareflowError, code: int) -> None:
    """What ran and failed is 1; what could not be tried is 2; of several errors the one that ran counts."""
    assert exit_code(error) == code


def test_an_error_is_shown_and_its_code_returned(capsys: pytest.CaptureFixture[str]) -> None:
    """The error goes to standard error, as it was designed; standard output stays clean."""

    def work() -> int:
        raise RecipeError("wrong", facts=[("name", "x")])

    assert guarded(work) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "error: wrong\n  name  x\n")


def test_a_bug_is_not_hidden() -> None:
    """What is no error of ours is raised as it is, with its traceback."""

    def work() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        guarded(work)


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [(True, {}, True), (True, {"NO_COLOR": "1"}, False), (True, {"NO_COLOR": ""}, True), (False, {}, False)],
)
def test_colour_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    terminal: bool,
    environment: dict[str, str],
    coloured: bool,
) -> None:
    """Red on a terminal, nothing in a file, nothing where NO_COLOR is set to anything (no-color.org)."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)

    def work() -> int:
        raise ActionError("failed")

    guarded(work)
    assert (capsys.readouterr().err == "\033[1;31merror: failed\033[0m\n") is coloured


def run(script: str) -> Callable[[], subprocess.CompletedProcess[str]]:
    """Return what runs a script in a process of its own."""
    return lambda: subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )


def test_ctrl_c_ends_the_process_by_its_signal() -> None:
    """A shell sees that SIGINT ended it (130), so scripts and loops stop too; a person sees one line."""
    script = "from bfbuild.commands.show import guarded\ndef work(): raise KeyboardInterrupt\nguarded(work)\n"
    done = run(script)()
    assert done.returncode == -signal.SIGINT
    assert done.stderr == "\nstopped; what was finished is kept\n"


def test_a_reader_that_left_ends_a_command_quietly(tmp_path: Path) -> None:
    """Standard output is closed at the other end: no error, no traceback, also when the interpreter ends."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom bfbuild.commands.show import guarded\n"
        "def work():\n    for _ in range(100_000): sys.stdout.write('line\\n')\n    return 0\n"
        "sys.exit(guarded(work))\n"
    )
    done = subprocess.run(
        ["sh", "-c", f"{{ {sys.executable} {script}; echo $? >&2; }} | head -1"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("line\n", "0\n")
