"""What fsck.fat says of a volume: nothing of a sound one, and of one whose power was cut only what harms nobody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Tool

# After a power cut: clusters that belong to no file, copies of the table that differ, a chain longer than its file
# (src/kernel_lib/fs/fs.h). Each with fsck.fat's words for what it would do.
HARMLESS = re.compile(
    r"Reclaimed \d+ unused clusters? \(\d+ bytes\)\.|Leaving filesystem unchanged\."
    r"|FATs differ but appear to be intact\.|Using first FAT\."
    r"|File size is \d+ bytes, cluster chain length is > \d+ bytes\.|Truncating file to \d+ bytes\."
)
HEAD = re.compile(r"fsck\.fat [\d.]+ \(.*\)")


def complaints(tool: Tool, volume: Path) -> list[str]:
    """Return what fsck.fat finds wrong with a volume, without the files that it names; a sound one gives nothing."""
    lines = [line.strip() for line in tool("fsck.fat", "-n", str(volume)).stdout.splitlines()]
    assert HEAD.fullmatch(lines[0]), lines
    return [line for line in lines[1:] if line and not line.startswith("/")]


def harm(tool: Tool, volume: Path) -> list[str]:
    """Return those complaints that a power cut does not excuse."""
    return [line for line in complaints(tool, volume) if not HARMLESS.fullmatch(line)]


def cut_out(disk: Path, volume: Path, lba: int) -> Path:
    """Write the volume that begins at sector `lba` of a disk, and reaches to its end, to a file of its own."""
    with disk.open("rb") as file:
        file.seek(lba * 512)
        volume.write_bytes(file.read())
    return volume
