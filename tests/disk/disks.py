"""Small disks for the tests of this room: volumes in memory, and files as the writer wants them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from bfbuild.disk.fat16 import writer
from bfbuild.disk.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

SECTORS = 4200  # about the smallest FAT16 volume: 4,133 clusters of one sector
EPOCH = 1_700_000_000  # 2023-11-14 22:13:20 UTC


def sources(files: Mapping[str, bytes]) -> dict[str, Source]:
    """Return files in memory as what the writer takes."""
    return {path: Source.of_bytes(data, path) for path, data in files.items()}


def volume(files: Mapping[str, bytes], *, sectors: int = SECTORS, label: str = "") -> io.BytesIO:
    """Return a volume with these files, in memory."""
    file = io.BytesIO(bytes(sectors * 512))
    writer.write(writer.plan(sources(files), sectors=sectors, label=label), file, offset=0, timestamp=EPOCH)
    return file
