"""What the laws compare with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.laws.laws import outputs
from tests.small import Roots, Small


@pytest.fixture(scope="session")
def right(built_small: Small) -> dict[str, str]:
    """The SHA-256 of every output, as the build from nothing made it."""
    return outputs(built_small.build())


@pytest.fixture
def fresh(tmp_path: Path, repository: Path, roots: Roots) -> Small:
    """A small project that was never built, to compare with."""
    return Small.make(tmp_path / "fresh", repository, roots)
