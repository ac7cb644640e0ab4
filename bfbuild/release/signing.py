"""The secret key of whoever sits here: read from its file, and its password asked for where it has one."""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path

from bfbuild.release.keys import PasswordNeeded, SecretKey, read


def secret_key(path: Path) -> SecretKey:
    """Return the key in a file; raise ConfigError, or PasswordNeeded where nobody can be asked."""
    try:
        return read(path)
    except PasswordNeeded:
        if not sys.stdin.isatty():
            raise
    return read(path, getpass(f"password of {path}: "))
