"""A command that answers a question: options may stand anywhere on its line, and errors are shown as ours are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doit.cmd_base import Command
from doit.cmdparse import CmdParse, CmdParseError

from bfbuild.commands.show import guarded
from bfbuild.errors import ConfigError

COMPLAINT = re.compile(r"Error parsing \w+: (?P<why>.*?) \(parsing options: (?P<known>.*)\)\. Got: ", re.DOTALL)


def take_options(parser: CmdParse, words: Sequence[str], values: dict[str, Any]) -> list[str]:
    """Move the options that stand behind names into `values`; return the names. Raise CmdParseError."""
    names: list[str] = []
    rest = words
    while rest:
        names.append(rest[0])
        _, rest = parser.parse_only(rest[1:], values)
    return names


def unreadable(error: CmdParseError) -> ConfigError:
    """The error for a command line that doit cannot read, of what it says with all of its options at once."""
    said = COMPLAINT.match(str(error))
    if said is None:
        return ConfigError("this command line cannot be read", facts=[("why", error)])
    known = [f"--{name}" for name in re.findall(r"'long':'([^']+)'", said["known"])]
    return ConfigError(
        "this command line cannot be read",
        facts=[("why", said["why"]), ("options", ", ".join(known) or "none")],
    )


def refuse(error: CmdParseError) -> int:
    """Show that error, and return the exit code."""

    def tell() -> int:
        raise unreadable(error) from error

    return guarded(tell)


class Told(Command):  # type: ignore[misc]  # doit has no types
    """A doit command that shows a wrong line as ours do."""

    def parse_execute(self, in_args: list[str]) -> Any:
        """As doit does, but for how it tells of what no option is."""
        try:
            return super().parse_execute(in_args)
        except CmdParseError as error:
            return refuse(error)


class Question(Told):
    """A doit command; the subclass gives `doc_*`, `cmd_options` and `answer`."""

    def answer(self, start: Path, names: Sequence[str], options: Mapping[str, Any]) -> int:
        """Answer in the project around `start`, and return the exit code."""
        raise NotImplementedError

    def execute(self, opt_values: dict[str, Any], pos_args: list[str]) -> int:
        """Take the options that stand behind names, where doit stops looking; then answer."""
        names = take_options(self.cmdparser, pos_args, opt_values)
        return guarded(lambda: self.answer(Path.cwd(), names, opt_values))
