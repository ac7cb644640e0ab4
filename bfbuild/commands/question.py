"""A command that answers a question: options may stand anywhere on its line, and errors are shown as ours are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doit.cmd_base import Command
from doit.cmdparse import CmdParse

from bfbuild.commands.show import guarded


def take_options(parser: CmdParse, words: Sequence[str], values: dict[str, Any]) -> list[str]:
    """Move the options that stand behind names into `values`; return the names. Raise CmdParseError."""
    names: list[str] = []
    rest = words
    while rest:
        names.append(rest[0])
        _, rest = parser.parse_only(rest[1:], values)
    return names


class Question(Command):  # type: ignore[misc]  # doit has no types
    """A doit command; the subclass gives `doc_*`, `cmd_options` and `answer`."""

    def answer(self, start: Path, names: Sequence[str], options: Mapping[str, Any]) -> int:
        """Answer in the project around `start`, and return the exit code."""
        raise NotImplementedError

    def execute(self, opt_values: dict[str, Any], pos_args: list[str]) -> int:
        """Take the options that stand behind names, where doit stops looking; then answer."""
        names = take_options(self.cmdparser, pos_args, opt_values)
        return guarded(lambda: self.answer(Path.cwd(), names, opt_values))
