"""What the client costs beside the server: 1,000 small actions executed by a local buildbox-casd with 2 workers.

    .venv/bin/python -m benchmarks.remote_execution [--actions N] [--jobs N]

A build plans the actions, looks for them in its store, has them executed, and records results and traces, as for those
that run here; the executor sends what the server lacks, follows the execution and fetches what was made. Beside both
stands a bare client, which has sent all that is needed before, says Execute, waits for the end and takes nothing: that
is the server's own time. They take turns, so that what else the machine does hits all of them. Each action has an input
and an output of its own; its program is the smallest there is.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import NamedTuple, Self

from bfbuild.action.action import Action, InputFile, Tree
from bfbuild.commands.progress import Progress
from bfbuild.commands.project import Project
from bfbuild.config import RemoteSection, find_root
from bfbuild.digest import Digest, digest_bytes
from bfbuild.errors import Location
from bfbuild.execute.remote import RemoteExecutor
from bfbuild.realise import Piece, Realiser, Step
from bfbuild.remote.blobs import Blobs
from bfbuild.remote.capabilities import capabilities
from bfbuild.remote.channel import Channel
from bfbuild.remote.operations import Operations
from bfbuild.store import Store
from tests.execute import tiny
from tests.remote import servers

WORKERS = 2
TURNS = 10
LIMIT = 600  # seconds


class Spent(NamedTuple):
    """What some actions took, in seconds."""

    wall: float
    processor: float  # of the client


class Watch:
    """Takes the time of what is done in it."""

    def __enter__(self) -> Self:
        self._wall, self._processor = time.monotonic(), time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.spent = Spent(time.monotonic() - self._wall, time.process_time() - self._processor)


class Silent(Progress):
    """Shows nothing, and counts."""

    def __init__(self) -> None:
        pass

    def began(self, total: int) -> None:
        """Nothing is shown."""

    def started(self, label: str) -> None:
        """Nothing is shown."""

    def finished(self, step: Step) -> None:
        """Nothing is shown."""


@dataclass(frozen=True)
class One:
    """An action as a piece of a build; equal names are equal pieces."""

    name: str

    @property
    def location(self) -> Location:
        """The line that would declare it."""
        return Location(Path("recipes/small.py"), 1)


@dataclass
class Small:
    """So many actions that need nothing of one another; a realise.Work."""

    clients: Clients
    names: Sequence[str]

    def order(self) -> Sequence[Piece]:
        """All of them."""
        return [One(name) for name in self.names]

    def needs(self, piece: Piece) -> Iterable[Piece]:
        """Nothing."""
        del piece
        return ()

    def describe(self, piece: Piece) -> Action:
        """An action with an input of its own."""
        return self.clients.action(piece.name)

    def keep(self, action: Action) -> None:
        """Put its messages into the store, as a build does."""
        with self.clients.store.cas.batch() as batch:
            for data in action.blobs.values():
                batch.put_bytes(data)

    def forget(self, action: Action) -> None:
        """No source is ever edited."""

    def adopt(self, name: str, file: InputFile) -> None:
        """Nothing takes an output."""

    def tools(self, piece: Piece) -> Path:
        """The toolchain."""
        del piece
        return self.clients.root

    def recipe_file(self, piece: Piece) -> str:
        """Where they would be declared."""
        return str(piece.location.path)

    def title(self, piece: Piece) -> str:
        """Its name."""
        return piece.name


def main() -> int:
    """Take turns, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--actions", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=2 * WORKERS, help="on their way at once")
    asked = parser.parse_args()
    tools, each = Project(find_root(Path.cwd())).sandbox.tools, asked.actions // TURNS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "server").mkdir()
        with servers.running(servers.executor(folder / "server", tools, jobs=WORKERS)) as server:
            channel = Channel(RemoteSection(exec=server.url), server.url)
            clients = Clients(
                channel, Store(folder / "cache"), tiny.unpack(folder / "root"), folder / "root", asked.jobs
            )
            clients.executor.execute(clients.action("first"), lambda: clients.root)  # sends the toolchain
            turns = [
                [run([f"{turn}-{title}-{number}" for number in range(each)]) for title, run in clients.all.items()]
                for turn in range(TURNS)
            ]
    _print(list(clients.all), turns, each)
    return 0


class Clients:
    """Who runs actions by the same server: a build, the executor that a build uses, and a bare client."""

    def __init__(self, channel: Channel, store: Store, tree: Tree, root: Path, jobs: int) -> None:
        self.store, self.tree, self.root, self.jobs = store, tree, root, jobs
        self.executor = RemoteExecutor(store, channel, LIMIT, lambda *_: None)
        self.operations, self.blobs = Operations(channel), Blobs(channel, capabilities(channel))
        self.all: dict[str, Callable[[list[str]], Spent]] = {
            "a build": self.build,
            "the executor": self.execute,
            "a bare client": self.bare,
        }

    def action(self, name: str) -> Action:
        """Return an action with an input of its own, which is in the store."""
        return tiny.action(self.tree, name, [self.store.cas.put_bytes(name.encode())])

    def build(self, names: list[str]) -> Spent:
        """Run them as a build does."""
        realiser = Realiser(Small(self, names), self.store, lambda: self.executor, Silent(), self.jobs)
        with Watch() as watch:
            realiser.realise()
        assert len(realiser.steps) == len(names)
        assert all(step.outcome is not None and step.outcome.level == "remote" for step in realiser.steps)
        return watch.spent

    def execute(self, names: list[str]) -> Spent:
        """Send what is needed, follow, and fetch what was made; no more."""
        actions = [self.action(name) for name in names]
        with Watch() as watch, ThreadPoolExecutor(self.jobs) as pool:
            outcomes = list(pool.map(lambda action: self.executor.execute(action, lambda: self.root), actions))
        assert all(outcome.exit_code == 0 and outcome.outputs for outcome in outcomes)
        return watch.spent

    def bare(self, names: list[str]) -> Spent:
        """Execute what the server has all for, and take nothing."""
        actions = [self.action(name) for name in names]
        content: dict[Digest, bytes | Path] = {digest_bytes(name.encode()): name.encode() for name in names}
        for action in actions:
            content |= action.blobs
        self.blobs.give({digest: content[digest] for digest in self.blobs.missing(content)})
        with Watch() as watch, ThreadPoolExecutor(self.jobs) as pool:
            run = partial(self.operations.run, again=True, limit=LIMIT)
            answers = list(pool.map(lambda action: run(action.digest), actions))
        assert all(answer.result.exit_code == 0 and answer.result.output_files for answer in answers)
        return watch.spent


def _print(titles: Sequence[str], turns: Sequence[Sequence[Spent]], each: int) -> None:
    """Print milliseconds for an action, of a worker's time, as several work at once; medians over the turns."""
    sys.stdout.write(
        f"{each * len(turns):,} actions of each, {WORKERS} workers, {os.cpu_count()} processors; ms an action\n"
        f"{'':<14}  a worker's time  beyond the bare client  the client's processor  beyond the bare client\n"
    )
    for number, title in enumerate(titles):
        figures = []
        for field, workers in (("wall", WORKERS), ("processor", 1)):
            own = [getattr(turn[number], field) / each * workers * 1e3 for turn in turns]
            over = [own[at] - getattr(turn[-1], field) / each * workers * 1e3 for at, turn in enumerate(turns)]
            figures += [median(own), median(over)]
        row = "  ".join(f"{figure:{width}.2f}" for figure, width in zip(figures, (15, 22, 22, 22), strict=True))
        sys.stdout.write(f"{title:<14}  {row}\n")


if __name__ == "__main__":
    sys.exit(main())
