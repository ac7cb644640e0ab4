"""What commands that only ask need of a project: its folder, its lock and its records; no recipe is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bfbuild import config
from bfbuild.explain.records import Records
from bfbuild.store import Store


class Known(NamedTuple):
    """A project as its records know it; `lock` is relative to `root`."""

    root: Path
    lock: str
    records: Records


def known(start: Path, store: Store | None = None) -> Known:
    """Open the records of the project around `start`, in its own store unless one is given; raise ConfigError."""
    root = config.find_root(start)
    loaded = config.load(root)
    records = Records(store or Store(loaded.cache_dir), loaded.settings.project.name)
    return Known(root, loaded.settings.toolchain.lock, records)
