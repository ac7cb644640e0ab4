"""Whether anything touched an unpacked tree since it was found to be right.

Tools are used as they lie there, since hashing a toolchain takes a second. So a tree that is right gets a signature,
over the path, kind, mode, size, inode, mtime and ctime of all that is in it, and who uses a tree compares that first.
Nobody can set a ctime: whatever writes to a file, renames it or changes its mode changes that. What changes bytes below
the file system (a failing disk) is found by hashing alone.

The signature lies beside the folder, wherever that really is. One that is lost, or was copied with its tree, no longer
fits, and means no more than that the tree must be hashed again.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from pathlib import Path


def signature_path(tree: Path) -> Path:
    """Return where the signature of a tree lies."""
    return Path(f"{tree.resolve()}.signature")


def untouched(tree: Path) -> bool:
    """Whether a tree is there, and is as it was when it was signed."""
    try:
        return signature_path(tree).read_text(encoding="ascii") == signature(tree)
    except (OSError, ValueError):
        return False


def signature(tree: Path) -> str:
    """Return what the stats of all that is in a tree come to; raise OSError where it cannot be read."""
    top, pack = str(tree), struct.Struct("<4qQ").pack
    found, folders = {}, [top]
    for folder in folders:  # grows while it is walked
        with os.scandir(folder) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                found[entry.path[len(top) :]] = pack(
                    status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
                )
                if stat.S_ISDIR(status.st_mode):
                    folders.append(entry.path)
    told = (path.encode(errors="surrogateescape") + b"\0" + found[path] for path in sorted(found))
    return hashlib.sha256(b"".join(told)).hexdigest()
