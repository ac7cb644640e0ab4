"""Roots: what must be kept, by name, each for one target: cache/roots/NAME-<hash of the name>.json.

A root lists the actions of a target's closure, the unpackings of its toolchains among them, and its downloads; what
these reach (closure.py) is kept with them. There are two sorts. A *pin* was made by a person and stays until it is
taken away. A root of a *checkout* is written by each successful build there, and counts for as long as the folder of
the checkout is there. Either may be read, copied or deleted by hand.

A file is two lines: the SHA-256 of the second, and JSON. A damaged one is an error, since collecting without it could
lose what a person wanted kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bfbuild.digest import ActionDigest, Digest
from bfbuild.errors import StoreError
from bfbuild.store.disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bfbuild.store.disk import Scratch

VERSION = 1
PROJECT_FILE = "bareflow.toml"  # what a checkout has while it is one


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One root; see the module."""

    name: str
    target: str  # the recipe's name
    checkout: str | None  # the absolute path of the folder whose builds refresh it; None for a pin
    made: int  # ns since 1970
    actions: Mapping[str, ActionDigest]  # by label, or by the name of the toolchain that is unpacked
    downloads: tuple[Digest, ...]  # files that recipes fetch

    @property
    def gone(self) -> bool:
        """Whether it belongs to a checkout that is not there any more."""
        return self.checkout is not None and not Path(self.checkout, PROJECT_FILE).is_file()


class RootDamaged(StoreError):  # noqa: N818  (beside BlobDamaged and ResultDamaged)
    """A file in roots/ is not what was written."""

    def __init__(self, path: Path, reason: str) -> None:
        facts: list[tuple[str, object]] = [("file", path), ("reason", reason)]
        super().__init__("a root cannot be read", facts=facts, hint="`doit cache repair` removes it; then pin again")
        self.path = path
        self.reason = reason


class Roots:
    """The roots in one folder."""

    def __init__(self, path: Path, scratch: Scratch) -> None:
        self.path = path
        self._scratch = scratch

    def put(self, root: Root) -> None:
        """Write a root, in place of one of that name. Raise StoreError where it cannot be.

        Like all that is put into a store it is on the disk after `Store.sync`.
        """
        self._write(
            root.name,
            {
                "version": VERSION,
                "name": root.name,
                "target": root.target,
                "checkout": root.checkout,
                "made": root.made,
                "actions": {label: str(action) for label, action in sorted(root.actions.items())},
                "downloads": [str(each) for each in root.downloads],
            },
        )

    def refresh(self, name: str, actions: Mapping[str, ActionDigest], made: int) -> None:
        """Put other actions in the place of those that have the same labels; where there is no such root, do nothing.

        It is quick, for a build of one file among thousands. Raise StoreError where it cannot be read or written.
        """
        path = self.path_of(name)
        if path.exists():
            data = _load(path)
            try:
                known = data["actions"]
                known.update((label, str(action)) for label, action in actions.items() if label in known)
            except (TypeError, KeyError, AttributeError) as error:
                raise RootDamaged(path, f"it is no root of this version: {error}") from error
            self._write(name, {**data, "made": made})

    def _write(self, name: str, data: dict[str, object]) -> None:
        body = json.dumps(data).encode()
        head = hashlib.sha256(body).hexdigest().encode()
        self._scratch.publish([(self._scratch.write(head + b"\n" + body + b"\n"), self.path_of(name))])

    def remove(self, root: Root) -> None:
        """Take a root away; raise StoreError where it cannot be."""
        path = self.path_of(root.name)
        with disk_errors("remove a root", path):
            path.unlink(missing_ok=True)

    def all(self) -> list[Root]:
        """Return every root, by name; raise RootDamaged."""
        return sorted((self.read(path) for path in self.files()), key=lambda root: root.name)

    def files(self) -> list[Path]:
        """Return the files that should be roots."""
        return sorted(self.path.glob("*.json"))

    def read(self, path: Path) -> Root:
        """Return the root in a file; raise RootDamaged for anything else."""
        data = _load(path)
        try:
            return _root(data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RootDamaged(path, f"it is no root of this version: {error}") from error

    def find(self, word: str) -> Root | None:
        """Return the root of that name, else the newest of that target, else None; raise RootDamaged."""
        roots = self.all()
        named = [root for root in roots if root.name == word]
        return max(named or [root for root in roots if root.target == word], key=lambda root: root.made, default=None)

    def path_of(self, name: str) -> Path:
        """Return where the root of that name lies, or would lie."""
        readable = re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".")[:80]
        return self.path / f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"


def checkout_root_name(project: str, checkout: Path, target: str) -> str:
    """Return the name of the root that builds of `target` in a checkout refresh."""
    return f"{project}-{hashlib.sha256(os.fsencode(os.path.realpath(checkout))).hexdigest()[:12]}/{target}"


def _load(path: Path) -> Any:
    """Return what a file of ours holds; raise RootDamaged for one that nobody wrote so."""
    try:
        head, _, body = path.read_bytes().removesuffix(b"\n").partition(b"\n")
    except OSError as error:
        raise RootDamaged(path, error.strerror or str(error)) from error
    if head != hashlib.sha256(body).hexdigest().encode():
        raise RootDamaged(path, "damaged: its checksum does not fit")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RootDamaged(path, f"it is no root of this version: {error}") from error


def _root(data: Any) -> Root:
    if data["version"] != VERSION:
        raise ValueError(f"its version is {data['version']!r}")
    name, target, checkout, made = data["name"], data["target"], data["checkout"], data["made"]
    if (
        not isinstance(checkout, str | None)
        or "\0" in os.fsdecode(os.fsencode(checkout or ""))
        or type(made) is not int
    ):
        raise ValueError("a field has another type")
    for text in (name, target):
        text.encode()  # what no terminal could show is no name
    return Root(
        name=name,
        target=target,
        checkout=checkout,
        made=made,
        actions={label: ActionDigest.parse(each) for label, each in data["actions"].items()},
        downloads=tuple(Digest.parse(each) for each in data["downloads"]),
    )
