"""A small project that was built once, for all laws; each test works on copies of what it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.laws.laws import outputs
from tests.small import ACTIONS, Roots, Small, ran


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, repository: Path, roots: Roots) -> Small:
    """A project that was built from nothing. Nobody may change it, or what its store has."""
    small = Small.make(tmp_path_factory.mktemp("laws") / "small", repository, roots)
    assert ran(small.build()) == set(ACTIONS)
    return small


@pytest.fixture(scope="session")
def right(built: Small) -> dict[str, str]:
    """The SHA-256 of every output, as the build from nothing made it."""
    return outputs(built.build())


@pytest.fixture
def fresh(tmp_path: Path, repository: Path, roots: Roots) -> Small:
    """The same project, never built."""
    return Small.make(tmp_path / "fresh", repository, roots)


@pytest.fixture
def copy(built: Small, tmp_path: Path, repository: Path, roots: Roots) -> Small:
    """The same project in a folder of its own, with a copy of the store."""
    return built.copy(tmp_path / "copy", repository, roots)
