"""What a guest says appears as it comes."""

from __future__ import annotations

import pytest

from bfbuild.commands.boot import _Shown


def test_words_come_as_they_are_said_and_lines_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A line's beginning is shown at once, its rest when it is there; records are not shown."""
    shown = _Shown()
    said = []
    for kind, text in (("part", "Once"), ("part", "Once upon"), ("line", "Once upon a time"), ("part", "@b")):
        getattr(shown, kind)(text)
        said.append(capsys.readouterr().out)
    shown.line("@bf done status=0")
    shown.part("@home")
    shown.line("@home again")
    assert said == ["Once", " upon", " a time\n", ""]
    assert capsys.readouterr().out == "@home again\n"
