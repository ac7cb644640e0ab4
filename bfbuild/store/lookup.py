"""What a look-up in the store can find wrong.

    StoreLookup       what was looked up cannot be used; a caller treats it as a miss with `reason`
      BlobMissing     no such content
      BlobDamaged     a file of that name, but not with that content
      ResultDamaged   a record of that action, but not as it was written
      ResultDoubted   a record of that action that those did not sign whose word counts

They are StoreErrors so that one that nobody handles still reads well; whoever decides between hit and miss catches
`StoreLookup` (law 5: an entry whose content is missing or damaged is a miss with that reason).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild.errors import StoreError

if TYPE_CHECKING:
    from bfbuild.digest import ActionDigest, Digest

REBUILD = "build again: what is missing or damaged is made anew"


class StoreLookup(StoreError):  # noqa: N818  (an outcome of looking, not always an error)
    """Something in the store cannot be used; `reason` says why in a few words."""

    def __init__(self, what: str, digest: Digest | ActionDigest, reason: str) -> None:
        super().__init__(f"{what} cannot be used", facts=[("digest", digest), ("reason", reason)], hint=REBUILD)
        self.digest = digest
        self.reason = reason


class BlobMissing(StoreLookup):
    """The store holds no such content."""

    def __init__(self, digest: Digest) -> None:
        super().__init__("content in the store", digest, "missing")


class BlobDamaged(StoreLookup):
    """The file that should hold this content holds other bytes, or cannot be read."""

    def __init__(self, digest: Digest, reason: str) -> None:
        super().__init__("content in the store", digest, reason)


class ResultDamaged(StoreLookup):
    """The record of this action is not the one that was written."""

    def __init__(self, digest: ActionDigest, reason: str) -> None:
        super().__init__("an action's result in the store", digest, reason)


class ResultDoubted(StoreLookup):
    """The record of this action is whole, and too few vouch for it."""

    def __init__(self, digest: ActionDigest, reason: str) -> None:
        super().__init__("an action's result in the store", digest, reason)
