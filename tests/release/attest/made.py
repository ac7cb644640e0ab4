"""Releases to verify, made from facts as `doit release` makes them, and as an enemy or an accident would."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bfbuild.digest import digest_bytes
from bfbuild.release import dsse, minisign, provenance, verify
from bfbuild.release.facts import Facts, File
from bfbuild.release.keys import SecretKey

KEY = SecretKey.of_seed(b"release1", bytes(range(32)))
OTHER = SecretKey.of_seed(b"another1", bytes(range(1, 33)))

LOCK_DIGEST = digest_bytes(b"a lock")

Content = Mapping[str, bytes]
Statements = list[dict[str, Any]]


@dataclass(frozen=True)
class Made:
    """What a release is made from: facts whose files are the images and programs, their bytes, and the SBOMs.

    A test replaces what an enemy would; `to` signs whatever comes out.
    """

    facts: Facts
    content: Content
    documents: Content
    key: SecretKey = KEY
    statements: Callable[[Statements], Statements] = list

    def to(self, folder: Path) -> Path:
        """Write the release to a new folder."""
        identity = self.facts.identity
        told = {
            "name": identity.name,
            "version": identity.version,
            "commit": identity.commit,
            "source_date_epoch": identity.epoch,
            "sandbox": self.facts.sandbox,
        }
        files = {
            **self.content,
            verify.RELEASE: dsse.canonical(told),
            verify.PUBLIC: self.key.public.text.encode(),
            "verify.py": Path(verify.__file__).read_bytes(),
            "index.html": b"<!doctype html>\n",
            **self.documents,
        }
        outputs = {file.name: file.output for file in self.facts.files}
        listed = [File(name=name, digest=digest_bytes(data), output=outputs.get(name)) for name, data in files.items()]
        whole = replace(self.facts, files=tuple(sorted(listed)))
        lines = [dsse.envelope(each, self.key) for each in self.statements(list(provenance.statements(whole)))]
        folder.mkdir(parents=True)
        for name, data in {verify.PROVENANCE: "".join(f"{line}\n" for line in lines).encode(), **files}.items():
            (folder / name).write_bytes(data)
        sign(folder, self.facts, self.key)
        return folder


def sign(folder: Path, facts: Facts, key: SecretKey) -> None:
    """List and sign what is in a folder by now."""
    names = sorted(path.name for path in folder.iterdir() if path.name not in verify.UNLISTED)
    sums = "".join(f"{verify.sha256((folder / name).read_bytes())}  {name}\n" for name in names).encode()
    (folder / verify.SUMS).write_bytes(sums)
    (folder / verify.MINISIG).write_bytes(minisign.sign(key, sums, minisign.comment(facts.identity)))


def refused(folder: Path, *keys: SecretKey, revoked: tuple[str, ...] = (), expect: str = "") -> dict[str, str]:
    """Return what is wrong with a release, by check: the headline and the facts, in one text."""
    trusted = [key.public for key in keys or (KEY,)]
    answers = verify.check(verify.Release(folder, trusted, revoked, expect))
    return {
        answer.check: f"{answer.headline}: {'; '.join(f'{label} {value}' for label, value in answer.refused.facts)}"
        for answer in answers
        if answer.refused is not None
    }


def copy(folder: Path, to: Path) -> Path:
    """Return a copy of a release that may be damaged."""
    shutil.copytree(folder, to)
    return to
