"""dist/: a release as files beside each other, whole or not there at all; and the facts that release.json tells.

    IMAGE.img IMAGE.qcow2 IMAGE.vdi IMAGE.elf IMAGE.map     each image: three forms, its program, and the map of that
    release.json                                            which release it is, its files, its figures
    bareflow.lock  closure.tar.xz                           what it can be built again from
    index.html                                              the same for people
    SBOMs, provenance, verify.py, SHA256SUMS, signature     what vouches for it (attest.py)

Equal commits make equal files: nothing in them tells when or where they were made.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bfbuild.digest import digest_file
from bfbuild.errors import ReleaseError
from bfbuild.machine.figures import Bench
from bfbuild.store.disk import disk_errors, token

FOLDER = "dist"
ABOUT = "release.json"
LOCK = "bareflow.lock"
CLOSURE = "closure.tar.xz"
_ASIDE = ".dist-"  # how folders begin that are no release, or none any more


class Listed(BaseModel):
    """A file of a release."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class About(BaseModel):
    """release.json. `figures` are counted, not timed: equal in every boot; runs have the names of their images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    commit: str
    source_date_epoch: int
    sandbox: str
    disturbed: tuple[str, ...]  # what the two builds saw differently
    actions: int  # each run in both builds, with equal results
    files: dict[str, Listed]  # what is released, without what only describes it
    figures: Bench

    def text(self) -> str:
        """Return canonical JSON."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=True) + "\n"


def read(folder: Path) -> About:
    """Return what a release says of itself; raise ReleaseError for what is no release."""
    path = folder / ABOUT
    try:
        return About.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ReleaseError("this is no release", facts=[("file", path), ("why", error.strerror)]) from error
    except ValidationError as error:
        why = error.errors()[0]
        place = ".".join(map(str, why["loc"]))
        raise ReleaseError("this is no release", facts=[("file", path), (place or "why", why["msg"])]) from error


def listed(folder: Path) -> dict[str, Listed]:
    """Return the files of a folder by name."""
    found = {}
    for path in sorted(folder.iterdir()):
        digest = digest_file(path)
        found[path.name] = Listed(sha256=digest.hash, size=digest.size)
    return found


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Give a folder to fill; where the body ends well, it becomes `target`, in the place of what was there."""
    for left in target.parent.glob(f"{_ASIDE}*"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    stage = target.parent / f"{_ASIDE}{token(8)}"
    old = target.parent / f"{_ASIDE}{token(8)}"
    with disk_errors("write a release", target):
        stage.mkdir()
        try:
            yield stage
            if target.exists():
                target.rename(old)
            stage.rename(target)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)
