"""Signatures that minisign checks: Ed25519 of the BLAKE2b hash, with a comment that is signed as well."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bfbuild.errors import ConfigError
from bfbuild.release.verify import minisig_text, trusted_comment

if TYPE_CHECKING:
    from bfbuild.release.facts import Identity
    from bfbuild.release.keys import SecretKey


def sign(key: SecretKey, data: bytes, comment: str) -> bytes:
    """Return a signature file."""
    signature = key.sign(hashlib.blake2b(data).digest())
    both = key.sign(signature + comment.encode())
    return minisig_text(key.public.number, signature, comment, both).encode()


def comment(identity: Identity) -> str:
    """Return the trusted comment of SHA256SUMS: which release it is for. Raise ConfigError for a word with a space."""
    for word in (identity.name, identity.version, identity.commit):
        if not word or len(word.split()) != 1 or not word.isprintable():
            raise ConfigError("a release's name and version are single words", facts=[("word", repr(word))])
    return trusted_comment(identity.name, identity.version, identity.commit, identity.epoch)
