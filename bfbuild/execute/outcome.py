"""What one execution did, wherever that was, and what may run an action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from bfbuild.action.action import Action
    from bfbuild.digest import Digest

Level = Literal["bubblewrap", "proot"]  # of a sandbox of this machine
Tools = Callable[[], Path]  # makes sure that a toolchain is unpacked, and says where


@dataclass(frozen=True)
class Made:
    """One output that an action made."""

    digest: Digest
    executable: bool


@dataclass(frozen=True)
class Outcome:
    """What one execution did. Times in ns, memory in bytes; `missing` are declared outputs that were not made."""

    exit_code: int
    stdout: Digest
    stderr: Digest
    outputs: Mapping[str, Made]
    missing: tuple[str, ...]
    level: Level | Literal["remote"]
    wall: int
    user_time: int | None = None  # where known
    system_time: int | None = None  # where known
    max_rss: int | None = None  # where known
    limit: str | None = None  # what stopped it, where a limit did


class Executor(Protocol):
    """Runs actions. Safe to call from several threads."""

    def execute(self, action: Action, tools: Tools) -> Outcome:
        """Run an action whose inputs are in the store, and keep its outputs there; `tools` is for its toolchain."""

    def cancel(self) -> None:
        """End all that is running, and refuse to start more."""
