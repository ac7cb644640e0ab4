"""A store of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bfbuild.store import Store
from bfbuild.store.archive import write

from .made import make, root_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a new, empty store in the test's folder."""
    return Store(tmp_path / "cache")


@pytest.fixture
def other(tmp_path: Path) -> Store:
    """Return another empty store."""
    return Store(tmp_path / "other")


@pytest.fixture
def archive(store: Store, tmp_path: Path) -> Path:
    """Return the archive of one action with its tools."""
    write(store, root_of(make(store, "a")), tmp_path / "a.tar.xz")
    return tmp_path / "a.tar.xz"
