"""Shows a build: a live display on a terminal, plain lines elsewhere. Every execution says why it happened."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Protocol

from bfbuild.decide import Miss
from bfbuild.store.trace import REMOTE

if TYPE_CHECKING:
    from types import TracebackType

    from bfbuild.realise import Step
    from bfbuild.store import Store


class Display(Protocol):
    """Shows what is told to it."""

    def line(self, text: str) -> None:
        """Show a line that stays."""

    def state(self, done: int, total: int, running: list[str]) -> None:
        """Show how far the build is, until the next state."""

    def transfer(self, what: str, done: int, total: int) -> None:
        """Show how much of something long is done, in bytes."""

    def close(self) -> None:
        """Take away what does not stay."""


class PlainDisplay:
    """Lines on standard error: for logs, and for those who want no colour."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}

    def line(self, text: str) -> None:
        """Write the line."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def state(self, done: int, total: int, running: list[str]) -> None:
        """Say nothing: the lines tell."""

    def transfer(self, what: str, done: int, total: int) -> None:
        """Say every quarter."""
        quarter = 4 * done // total if total else 4
        if self._told.get(what) != quarter:
            self._told[what] = quarter
            self.line(f"{what}: {done / 1e6:.1f} of {total / 1e6:.1f} MB")

    def close(self) -> None:
        """Leave everything as it is."""


class LiveDisplay:
    """A bar and what is running, by rich; lines scroll above it."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415  (only a terminal pays for rich)
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn  # noqa: PLC0415

        console = Console(stderr=True, highlight=False)
        self._actions = Progress(
            TextColumn("{task.completed:>5}/{task.total}"),
            BarColumn(bar_width=24),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
        )
        self._bytes = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            transient=True,
        )
        self._console = console
        self._task = self._actions.add_task("", total=None, visible=False)
        self._transfers: dict[str, int] = {}
        self._current: Progress | None = None

    def line(self, text: str) -> None:
        """Write the line above the bar."""
        self._console.print(text, markup=False, soft_wrap=True)

    def state(self, done: int, total: int, running: list[str]) -> None:
        """Move the bar."""
        self._show(self._actions)
        names = ", ".join(running[:3])
        self._actions.update(self._task, completed=done, total=total, description=names, visible=True)

    def transfer(self, what: str, done: int, total: int) -> None:
        """Move the bar of `what`."""
        self._show(self._bytes)
        if what not in self._transfers:
            self._transfers[what] = self._bytes.add_task(what, total=total)
        self._bytes.update(self._transfers[what], completed=done, total=total, visible=done < total)  # type: ignore[arg-type]

    def close(self) -> None:
        """Take the bar away."""
        if self._current is not None:
            self._current.stop()
            self._current = None

    def _show(self, progress: object) -> None:
        if self._current is not progress:
            self.close()
            self._current = progress  # type: ignore[assignment]
            progress.start()  # type: ignore[attr-defined]


def display() -> Display:
    """The display that fits where standard error goes."""
    plain = not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or "CI" in os.environ
    return PlainDisplay() if plain else LiveDisplay()


class Progress:
    """Takes the events of a build, counts them and shows them. Safe to call from several threads."""

    def __init__(self, store: Store) -> None:
        self.hits = 0
        self.runs = 0
        self.there = 0  # of these at a cluster
        self._store = store
        self._display = display()
        self._total = 0
        self._done = 0
        self._running: list[str] = []
        self._lock = threading.RLock()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.close()

    def began(self, total: int) -> None:
        """So many recipes will be looked at."""
        self._total = total

    def started(self, label: str) -> None:
        """An action is being executed."""
        with self._lock:
            self._running.append(label)
            self._display.state(self._done, self._total, self._running)

    def finished(self, step: Step) -> None:
        """A recipe's outputs exist."""
        label = step.recipe.name
        with self._lock:
            if label in self._running:
                self._running.remove(label)
            if step.outcome is None or not isinstance(step.decision, Miss):
                self.hits += 1
            else:
                self.runs += 1
                self.there += step.outcome.level == REMOTE
                self._display.line(f"{step.action.request.kind:>8}  {label}  ({step.decision.reason.text})")
                said = self._store.cas.get_bytes(step.outcome.stderr).decode(errors="replace").rstrip()
                if said:
                    self._display.line(said)
            self._advance()

    def failed(self, label: str) -> None:
        """An action failed; what it said comes at the end, so it is not scrolled away."""
        with self._lock:
            self._running.remove(label)
            self._display.line(f"  failed  {label}")
            self._display.state(self._done, self._total, self._running)

    def passed(self, label: str) -> None:
        """A recipe that is no action is done."""
        del label
        with self._lock:
            self._advance()

    def transfer(self, what: str, done: int, total: int) -> None:
        """Something long is on its way: `done` of `total` bytes."""
        with self._lock:
            self._display.transfer(what, done, total)

    def note(self, text: str) -> None:
        """Say something that a person should read."""
        with self._lock:
            self._display.line(text)

    def _advance(self) -> None:
        self._done += 1
        self._display.state(self._done, self._total, self._running)
