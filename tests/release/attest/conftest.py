"""A release of the small project; its tools are told as two packages, so that a closure archive is small."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bfbuild.digest import Digest, digest_bytes
from bfbuild.release import verify
from bfbuild.release.facts import Copyright, Facts, File, Identity, Package
from bfbuild.release.gather import Build, gather
from bfbuild.release.sbom import cyclonedx
from bfbuild.release.spdx import spdx
from tests.release.attest.made import Made
from tests.small import Small
from tests.store.packed import pack

IMAGE, PROGRAM = "small.img", "kernel.elf"
ARCHIVE = "closure.tar.xz"


def package(name: str, data: bytes, licences: tuple[str, ...]) -> Package:
    """Return a locked package of these bytes."""
    return Package(
        name=name,
        version="1:2.0-3+deb12u1",
        architecture="amd64",
        path=f"pool/main/{name}_2.0-3_amd64.deb",
        digest=digest_bytes(data),
        copyright=Copyright(path=f"usr/share/doc/{name}/copyright", digest=digest_bytes(b"text"), licences=licences),
    )


PACKAGES = {
    "assembler": package("assembler", b"deb 1", ("BSD-2-Clause",)),
    "compiler": package("compiler", b"deb 2", ("GPL-2.0-or-later OR Artistic-1.0-Perl", "LicenseRef-odd", "MIT")),
}
LOCK = "".join(f"{each.key}: {each.digest.hash}\n" for each in PACKAGES.values()).encode()


@pytest.fixture(scope="session")
def whole(built_small: Small) -> Facts:
    """The facts as they are gathered from a build, with all packages."""
    project = built_small.build()
    identity = Identity(
        name="small", version="1.1", commit="c0ffee" * 6 + "c0de", epoch=1_700_000_000, lock=digest_bytes(LOCK)
    )
    files = [File(name=name, digest=project.output(name).digest, output=name) for name in (IMAGE, PROGRAM)]
    build = Build(
        graph=project.graph,
        targets=(project.graph.find(IMAGE),),
        steps=project.steps,
        files=project.files,
        store=project.store,
        toolchains=project.toolchains,
        root=project.root,
    )
    return gather(build, identity, files)


@pytest.fixture(scope="session")
def made(whole: Facts, built_small: Small, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What a good release is made from."""
    packages = {each.key: each for each in PACKAGES.values()}
    toolchains = {name: replace(each, packages=tuple(packages)) for name, each in whole.toolchains.items()}
    facts = replace(whole, packages=packages, toolchains=toolchains)
    archive = archive_of(tmp_path_factory.mktemp("closure") / ARCHIVE, {})
    content = {file.name: built_small.store.cas.get_bytes(file.digest) for file in facts.files}
    documents = {verify.CYCLONEDX: cyclonedx(facts), verify.SPDX: spdx(facts)}  # once, because it takes a while
    return Made(facts, {**content, verify.LOCK: LOCK, ARCHIVE: archive}, documents)


@pytest.fixture(scope="session")
def dist(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good release. Nobody may change it."""
    return made.to(tmp_path_factory.mktemp("release") / "dist")


def archive_of(path: Path, more: dict[str, bytes]) -> bytes:
    """Return a closure archive of the packages, with further members."""
    members = {cas(data): data for data in sorted((b"deb 1", b"deb 2"), key=lambda data: digest_bytes(data).hash)}
    return pack(path, {**members, **more}).read_bytes()


def cas(data: bytes) -> str:
    """The name of content in an archive."""
    name: Digest = digest_bytes(data)
    return f"cas/{name.hash[:2]}/{name.hash}"
