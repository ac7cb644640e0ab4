"""What a build shows while it works: lines that stay, a display that goes, counts that are right."""

from __future__ import annotations

import sys

import pytest

from bfbuild.commands import progress
from bfbuild.commands.progress import LiveDisplay, PlainDisplay, Progress
from tests.small import ACTIONS, Small


def test_transfers_are_told_by_quarters(capsys: pytest.CaptureFixture[str]) -> None:
    """In a log a download of many pieces is five lines, each with what is done and what is to do."""
    display = PlainDisplay()
    for done in range(0, 2_000_001, 1000):
        display.transfer("fetch llvm", done, 2_000_000)
    assert capsys.readouterr().err.splitlines() == [
        f"fetch llvm: {megabytes} of 2.0 MB" for megabytes in ("0.0", "0.5", "1.0", "1.5", "2.0")
    ]


def test_nothing_to_transfer_is_no_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    """A download of no bytes is done at once."""
    PlainDisplay().transfer("fetch", 0, 0)
    assert capsys.readouterr().err == "fetch: 0.0 of 0.0 MB\n"


@pytest.mark.parametrize(
    ("terminal", "environment", "kind"),
    [
        (True, {"TERM": "xterm"}, LiveDisplay),
        (True, {"TERM": "dumb"}, PlainDisplay),
        (True, {"TERM": "xterm", "CI": "true"}, PlainDisplay),
        (False, {"TERM": "xterm"}, PlainDisplay),
    ],
)
def test_the_display_fits_where_it_goes(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, environment: dict[str, str], kind: type
) -> None:
    """Live on a terminal that can; plain in a file, on a dumb terminal and in CI."""
    monkeypatch.delenv("CI", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert type(progress.display()) is kind


def test_a_build_is_counted(copy: Small) -> None:
    """Hits and executions are counted apart, and together they are all actions of the build."""
    first = copy.build()
    assert (first.progress.hits, first.progress.runs) == (len(ACTIONS), 0)
    copy.edit("src/words.txt", "hello", "good day")
    second = copy.build()
    assert (second.progress.hits, second.progress.runs) == (len(ACTIONS) - 2, 2)


def test_what_ran_is_shown_while_it_runs(copy: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """A display is told what runs, and at the end that nothing does; a failure does not stay among what runs."""
    states: list[tuple[int, int, tuple[str, ...]]] = []
    lines: list[str] = []

    class Display(PlainDisplay):
        def line(self, text: str) -> None:
            lines.append(text)

        def state(self, done: int, total: int, running: list[str]) -> None:
            states.append((done, total, tuple(running)))

    monkeypatch.setattr(progress, "display", Display)
    copy.edit("src/words.txt", "hello", "good day")
    copy.edit("src/other.c", "int", "itn")
    project = copy.open()
    assert isinstance(project.progress, Progress)
    with pytest.raises(Exception, match="an action failed"):
        project.build([project.graph.find("small.img")], keep_going=True)
    assert {label for *_, running in states for label in running} == {"greeting.txt", "src/other.c.o"}
    assert states[-1][2] == ()
    assert {total for _, total, _ in states} == {len(ACTIONS) + 1}
    assert sorted(lines) == ["  failed  src/other.c.o", " command  greeting.txt  (input src/words.txt changed)"]
