"""Who vouches for results: signatures/<aa>/<hash of the action>, a line for each key: its number, and the signature.

A signature is Ed25519, of the words "bareflow-result-1", the action's hash and the record's canonical ActionResult. So
it is about what an action makes, and says nothing of where bytes lay or who carried them; a record that is put in the
place of another leaves its signatures behind. They are beside the results, which any reader of the API reads as before.

Whose signatures count, and how many, is for a `Trust` to say. Without one, nothing here is asked.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Protocol

from bfbuild.store.disk import disk_errors, hashed_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bfbuild.digest import ActionDigest
    from bfbuild.store.disk import Scratch

Signed = dict[str, bytes]  # by the number of the key
MOST = 64  # signatures that are kept of one result
_LINE = re.compile(r"([0-9A-F]{16}) ([A-Za-z0-9+/]{86}==)")


class Trust(Protocol):
    """Whose signatures count."""

    def sign(self, message: bytes) -> Signed:
        """Sign what was made here, where there is a key for it."""

    @property
    def silent(self) -> str | None:
        """Why what is made here will not be believed for its signature; None where it will."""

    def doubt(self, message: bytes, signatures: Mapping[str, bytes]) -> str | None:
        """Say why these signatures are not enough, in a few words; None where they are."""


class Signatures:
    """The signatures in one folder, which need not exist."""

    def __init__(self, path: Path, scratch: Scratch) -> None:
        self.path = path
        self._scratch = scratch

    def get(self, action: ActionDigest) -> Signed:
        """Return the signatures of a result, unchecked; none where they cannot be read."""
        try:
            return parse(self.path_of(action).read_bytes())
        except (OSError, ValueError):
            return {}

    def add(self, action: ActionDigest, signatures: Mapping[str, bytes]) -> None:
        """Keep signatures beside those there are, in the place of others by the same keys. Raise StoreError."""
        if signatures:
            data = text({**self.get(action), **signatures})
            self._scratch.publish([(self._scratch.write(data), self.path_of(action))])

    def sweep(self, results: Path) -> None:
        """Remove the signatures of results that are gone; raise StoreError."""
        for entry in hashed_files(self.path):
            if not (results / entry.name[:2] / entry.name).exists():
                with disk_errors("remove from the store", self.path):
                    (self.path / entry.name[:2] / entry.name).unlink(missing_ok=True)

    def path_of(self, action: ActionDigest) -> Path:
        """Return where the signatures lie, or would lie."""
        return self.path / action.hash[:2] / action.hash


def message(action: ActionDigest, body: bytes) -> bytes:
    """Return what is signed; `body` is a record without its seal."""
    return b"bareflow-result-1\n%b\n%b" % (action.hash.encode(), body)


def text(signatures: Mapping[str, bytes]) -> bytes:
    """Return the file of signatures."""
    lines = (f"{number} {base64.b64encode(each).decode()}\n" for number, each in sorted(signatures.items()))
    return "".join(lines).encode()


def parse(data: bytes) -> Signed:
    """Read a file of signatures; raise ValueError for any other."""
    found: Signed = {}
    for line in data.decode("ascii").splitlines():
        match = _LINE.fullmatch(line)
        if match is None or len(found) == MOST:
            raise ValueError("it is no list of signatures")
        try:
            found[match[1]] = base64.b64decode(match[2], validate=True)
        except binascii.Error as error:
            raise ValueError("it is no list of signatures") from error
    if text(found) != data:
        raise ValueError("it is no list of signatures")
    return found
