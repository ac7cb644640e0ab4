"""`doit run` boots.

doit has a command of its own called `run`: it is what carries out tasks, also when nobody types it. Ours is that one,
except that typed alone, or with options of the task `run`, it means that task.
"""

from __future__ import annotations

from typing import Any

from doit.cmd_run import Run as DoitRun
from doit.cmdparse import CmdParseError

from bfbuild.commands.question import refuse

BOOT = "run"


class Run(DoitRun):  # type: ignore[misc]  # doit has no types
    """doit's command, with a boot as its default where it was typed."""

    def parse_execute(self, in_args: list[str]) -> Any:
        """Insert the task's name where only options stand that are not doit's; tell what no option is as we do."""
        first = in_args[0].partition("=")[0] if in_args else ""
        try:
            return super().parse_execute(
                [BOOT, *in_args] if first.startswith("-") and not self._knows(first) else in_args
            )
        except CmdParseError as error:
            return refuse(error)

    def _knows(self, option: str) -> bool:
        """Whether an option, perhaps one with its value or a long one in short, is doit's."""
        if option.startswith("--"):
            return any(long.startswith(option.removeprefix("--")) for long in self.cmdparser.get_long())
        return self.cmdparser.get_option(option[:2])[0] is not None
