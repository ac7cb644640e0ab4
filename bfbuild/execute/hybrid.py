"""Actions on this machine and at a cluster at once: whichever place is free takes the next one, this machine first.

An action runs here only where its tools are unpacked here, so a fresh checkout fetches no packages for what the cluster
does. When the cluster cannot be reached, or does not run what it is given, that is said once, and this machine does the
rest of the build alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bfbuild.errors import ActionError

if TYPE_CHECKING:
    from bfbuild.action.action import Action
    from bfbuild.digest import Digest
    from bfbuild.execute.outcome import Executor, Outcome, Tools

REFUSALS = 3  # in a row: a cluster that runs nothing is as good as away


class NotExecutedError(Exception):
    """A cluster did not execute an action, which says nothing about the action; `away`: nor will it the next."""

    def __init__(self, why: str, *, away: bool) -> None:
        super().__init__(why)
        self.away = away


@dataclass
class HybridExecutor:
    """Runs up to `jobs` actions here, and up to `remote_jobs` at the cluster. Safe to call from several threads."""

    local: Callable[[], Executor]  # made when the first action runs here
    remote: Executor  # raises NotExecutedError
    jobs: int
    remote_jobs: int
    is_here: Callable[[Digest], bool]  # whether a toolchain is unpacked on this machine
    note: Callable[[str], None]  # tells people something once
    _here: int = 0  # actions that run on this machine
    _there: int = 0  # and at the cluster
    _refused: int = 0  # in a row
    _warned: bool = False
    _cancelled: bool = False
    _local: Executor | None = None
    _free: threading.Condition = field(default_factory=threading.Condition)
    _starting: threading.Lock = field(default_factory=threading.Lock)

    def execute(self, action: Action, tools: Tools) -> Outcome:
        """Run an action at the first place that is free; what the cluster does not run is run here."""
        if self._takes_cluster(action.description.toolchain):
            try:
                outcome = self.remote.execute(action, tools)
            except NotExecutedError as problem:
                self._missed(action, problem)
            else:
                self._refused = 0
                return outcome
            finally:
                self._leave(there=True)
            self._take_here()
        try:
            return self._started_local().execute(action, tools)
        finally:
            self._leave(there=False)

    def cancel(self) -> None:
        """End all that is running at either place, and refuse to start more."""
        with self._free:
            self._cancelled = True
            self._free.notify_all()
        self.remote.cancel()
        if self._local is not None:
            self._local.cancel()

    def _takes_cluster(self, toolchain: Digest) -> bool:
        """Wait for a free place and take it; return whether that is at the cluster."""
        here = self.is_here(toolchain)
        with self._free:
            self._free.wait_for(lambda: self._cancelled or self._has_room(here=here) or self._there < self.remote_jobs)
            self._require_going_on()
            if self._has_room(here=here):
                self._here += 1
                return False
            self._there += 1
            return True

    def _take_here(self) -> None:
        with self._free:
            self._free.wait_for(lambda: self._cancelled or self._here < self.jobs)
            self._require_going_on()
            self._here += 1

    def _has_room(self, *, here: bool) -> bool:
        return (here or self.remote_jobs == 0) and self._here < self.jobs

    def _require_going_on(self) -> None:
        if self._cancelled:
            raise ActionError("the build was stopped")

    def _leave(self, *, there: bool) -> None:
        with self._free:
            if there:
                self._there -= 1
            else:
                self._here -= 1
            self._free.notify_all()

    def _missed(self, action: Action, problem: NotExecutedError) -> None:
        """Say what is wrong with the cluster where nobody did yet; use it no more where that is hopeless."""
        with self._free:
            self._require_going_on()
            self._refused += 1
            hopeless = problem.away or self._refused >= REFUSALS
            first, self._warned = not self._warned or (hopeless and self.remote_jobs > 0), True
            if hopeless:
                self.remote_jobs = 0
                self._free.notify_all()
        if first:
            rest = "the rest is run here" if hopeless else f"{action.request.label} is run here"
            self.note(f"warning: the cluster does not execute: {problem}: {rest}")

    def _started_local(self) -> Executor:
        with self._starting:
            if self._local is None:
                self._local = self.local()
        self._require_going_on()
        return self._local
