"""What the tests of this folder share: projects to harm, how many rounds, and what was counted.

    pytest tests/faults                 a seeded few of the rounds
    ROUNDS=200 pytest tests/faults      200 of each kind; ROUNDS=all takes every write of a build in turn

Both print what was counted at the end.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.witness import Witness, changes_that_need_room, loads
from tests.small import Roots, Small

if TYPE_CHECKING:
    from tests.conftest import Built

FEW = "10"
_counted = pytest.StashKey[list[str]]()


@dataclass(frozen=True)
class Trial:
    """Projects that were never built, what must come out of them, and how often to try."""

    folder: Path
    make: Callable[[Path], Small]
    right: str  # the image's digest, as it is when nobody disturbs
    library: Path
    tell: Callable[[str], None]  # a figure, to be printed when all tests are done

    def small(self, name: object) -> Small:
        """Return one more project."""
        return self.make(self.folder / str(name))

    def watch(self, small: Small) -> Witness:
        """Return the witness of what happens to a project."""
        return Witness(self.library, small.root, self.folder / "log")

    def changes(self) -> int:
        """Return how many changes of the disk a build makes that need room on it."""
        small = self.small("count")
        witness = self.watch(small)
        assert small.doit("image", "-j", "2", **witness.environment()).code == 0
        return changes_that_need_room(witness.log)

    def rounds(self, most: int) -> Sequence[int]:
        """Return the rounds to go, of those that there are: numbers from 1 to `most`, the same ones every time."""
        wanted = os.environ.get("ROUNDS", FEW)
        count = most if wanted == "all" else min(int(wanted), most)
        return sorted(random.Random("rounds").sample(range(1, most + 1), count))


@pytest.fixture(scope="session")
def make(repository: Path, roots: Roots) -> Callable[[Path], Small]:
    """Make a project that was never built."""
    return lambda path: Small.make(path, repository, roots)


@pytest.fixture
def trial(
    tmp_path: Path, make: Callable[[Path], Small], built_small: Small, library: Path, request: pytest.FixtureRequest
) -> Trial:
    """Projects to harm."""
    return Trial(
        folder=tmp_path,
        make=make,
        right=built_small.build().output("small.img").digest.hash,
        library=library,
        tell=request.config.stash.setdefault(_counted, []).append,
    )


@pytest.fixture(scope="session")
def library(built: Built) -> Path:
    """The library that sees what a process does to a disk."""
    name = "native/disk_witness.so"
    path = built(name)[name]
    if not loads(path):
        pytest.skip("this machine's C library does not load the locked one's libraries")
    return path


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand on what was counted, where tests run in several processes."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["counted"] = session.config.stash.get(_counted, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what another process counted."""
    node.config.stash.setdefault(_counted, []).extend(node.workeroutput.get("counted", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was counted."""
    if counted := config.stash.get(_counted, []):
        terminalreporter.section("what was counted")
        for each in counted:
            terminalreporter.write_line(each)
