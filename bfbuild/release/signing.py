"""The secret key of whoever sits here: its password asked for where it has one, and handed over to the next."""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path

from bfbuild.errors import ConfigError
from bfbuild.release import minisign
from bfbuild.release.keys import PasswordNeeded, SecretKey, read


def secret_key(path: Path) -> SecretKey:
    """Return the key in a file; raise ConfigError, or PasswordNeeded where nobody can be asked."""
    try:
        return read(path)
    except PasswordNeeded:
        if not sys.stdin.isatty():
            raise
    return read(path, getpass(f"password of {path}: "))


def hand_over(folder: Path, old: SecretKey, new: SecretKey) -> Path:
    """Write the new public key and its signature by the old one, for whoever trusts that; return the key's file."""
    path = folder / f"{new.public.id}.pub"
    comment = f"rotation from={old.public.id} to={new.public.id}"
    try:
        path.write_text(new.public.text, encoding="ascii")
        path.with_name(f"{path.name}.minisig").write_bytes(minisign.sign(old, new.public.text.encode(), comment))
    except OSError as error:
        facts: list[tuple[str, object]] = [("file", path), ("why", error.strerror)]
        raise ConfigError("a public key cannot be written", facts=facts) from error
    return path
