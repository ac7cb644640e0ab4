"""`doit run` boots.

doit has a command of its own called `run`: it is what carries out tasks, also when nobody types it. Ours is that one,
except that typed alone, or with options of the task `run`, it means that task.
"""

from __future__ import annotations

from typing import Any

from doit.cmd_run import Run as DoitRun

BOOT = "run"
BOOT_OPTIONS = ("-i", "--interactive", "--name", "--args", "--screenshot", "--disk")


class Run(DoitRun):  # type: ignore[misc]  # doit has no types
    """doit's command, with a boot as its default where it was typed."""

    def parse_execute(self, in_args: list[str]) -> Any:
        """Insert the task's name where only its options stand."""
        first = in_args[0].partition("=")[0] if in_args else None
        if first in BOOT_OPTIONS:
            return super().parse_execute([BOOT, *in_args])
        return super().parse_execute(in_args)
