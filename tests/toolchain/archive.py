"""A Debian archive of our own, made of text: what apt must see to resolve, and nothing to download."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

# Resolving is apt's work: where there is no apt, there is nothing to test, and a build needs only the lock.
needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="there is no apt-get on this machine")

DATE = "Sat, 11 Jul 2026 10:16:37 UTC"
DATED = "20260711T101637Z"


def package(name: str, version: str = "1.0", architecture: str = "amd64", **fields: str) -> str:
    """Return a paragraph of a Packages file; `fields` are added: `multi_arch="same"` as `Multi-Arch: same`."""
    place = fields.pop(
        "path", f"pool/main/{name[0]}/{name}/{name}_{version.partition(':')[2] or version}_{architecture}.deb"
    )
    rows = {
        "Package": name,
        "Version": version,
        "Architecture": architecture,
        "Maintainer": "Nobody <nobody@example.org>",
        **{key.title().replace("_", "-"): value for key, value in fields.items()},
        "Filename": place,
        "Size": str(100 + len(name)),
        "SHA256": hashlib.sha256(f"{name} {version} {architecture}".encode()).hexdigest(),
        "Description": f"the package {name}\n more of it",
    }
    return "".join(f"{key}: {value}\n" for key, value in rows.items())


def make_archive(base: Path, suites: Mapping[str, Sequence[str]], head: str = f"Origin: Debian\nDate: {DATE}\n") -> str:
    """Write an unsigned archive with the packages of each suite; return its base as a mirror is named."""
    for suite, packages in suites.items():
        listed: dict[str, list[str]] = {"amd64": [], "i386": []}
        for each in packages:
            for architecture, paragraphs in listed.items():
                if f"Architecture: {architecture}\n" in each or "Architecture: all\n" in each:
                    paragraphs.append(each)
        folder = base / "dists" / suite
        sums = []
        for architecture, paragraphs in listed.items():
            index = folder / "main" / f"binary-{architecture}" / "Packages"
            index.parent.mkdir(parents=True, exist_ok=True)
            index.write_text("\n".join(paragraphs))
            data = index.read_bytes()
            sums.append(f" {hashlib.sha256(data).hexdigest()} {len(data)} {index.relative_to(folder)}\n")
        (folder / "Release").write_text(
            f"{head}Suite: {suite}\nCodename: {suite}\nArchitectures: amd64 i386\nComponents: main\n"
            f"SHA256:\n{''.join(sums)}"
        )
    return f"file://{base}"
