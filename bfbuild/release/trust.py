"""Whose word counts for a result in the store: the keys of [trust] in bareflow.toml, and how many of them must sign.

Only a project that names such keys ever imports this. What is made here is signed where the secret key is at hand; one
under a password is not, since nobody can be asked for it in a build.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bfbuild.errors import ConfigError
from bfbuild.release.keys import SecretKey, read
from bfbuild.release.verify import PublicKey, ed25519_verify

Check = Callable[[bytes, bytes, bytes], bool]  # public key, message, signature


@dataclass(frozen=True)
class Keyring:
    """A store's Trust. `keys` and `revoked` are as bareflow.toml has them. Safe to use from several threads."""

    keys: Sequence[str]
    threshold: int
    revoked: Sequence[str]
    secret: Path

    def sign(self, message: bytes) -> dict[str, bytes]:
        """Sign with the key that is here."""
        key = self._own
        return {key.public.id: key.sign(message)} if isinstance(key, SecretKey) else {}

    def doubt(self, message: bytes, signatures: Mapping[str, bytes]) -> str | None:
        """Return why a result is not believed: what is wrong with its signatures, or how many there are too few."""
        if not signatures:
            return "nobody signed it"
        good, wrong = 0, []
        for number, signature in sorted(signatures.items()):
            key = self._known.get(number)
            if number in self._revoked:
                wrong.append(f"{number} was revoked")
            elif key is None:
                wrong.append(f"{number} is not trusted")
            elif not self._check(key.key, message, signature):
                wrong.append(f"the signature by {number} is not of this result")
            else:
                good += 1
        if good >= self.threshold:
            return None
        return f"{good} of {self.threshold} signatures that it needs{': ' if wrong else ''}{', '.join(wrong)}"

    @property
    def silent(self) -> str | None:
        """Why what is made here will not be believed for its signature; None where it will."""
        if not isinstance(self._own, SecretKey):
            return self._own
        number = self._own.public.id
        return None if number in self._known and number not in self._revoked else f"your key {number} is not trusted"

    @cached_property
    def _own(self) -> SecretKey | str:
        """The key that signs, or why there is none."""
        try:
            return read(self.secret)
        except ConfigError as error:
            return f"{error.headline} ({self.secret})"

    @cached_property
    def _known(self) -> dict[str, PublicKey]:
        return {key.id: key for key in map(PublicKey.parse, self.keys)}

    @cached_property
    def _revoked(self) -> frozenset[str]:
        return frozenset(PublicKey.parse(word).id if len(word) > 16 else word for word in self.revoked)

    @cached_property
    def _check(self) -> Check:
        """What checks a signature: `cryptography` where it is installed, because it is faster."""
        try:
            from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
        except ImportError:
            return ed25519_verify

        def check(public: bytes, message: bytes, signature: bytes) -> bool:
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
            except (InvalidSignature, ValueError):
                return False
            return True

        return check
