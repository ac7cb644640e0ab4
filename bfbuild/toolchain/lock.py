"""bareflow.lock: which Debian packages every toolchain is made of, down to the bytes.

The file is YAML with one canonical text: equal locks are equal bytes, and a change of one package is a change of its
lines alone. It names no mirror, only paths that every mirror of the archive shares. `Lock.load` believes nothing: a
lock that was edited, merged or cut off is an error that shows its line. Resolving is debian.py's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bfbuild.errors import Errors, Location, LockError, nearest

if TYPE_CHECKING:
    import yaml

HEADER = "# Made by `doit lock`, read by every build. Package files lie at `path` on any mirror of the Debian archive.\n"
RESOLVE = "`doit lock` resolves the toolchains anew"


def _archive_path(value: str) -> str:
    if PurePosixPath(value).is_absolute() or ".." in value.split("/") or not value.endswith(".deb"):
        raise ValueError(f"{value!r} is no path of a package in an archive")
    return value


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LockedPackage(_Entry):
    """One package file: what it is (Debian Policy, section 5.3), where it lies, and which bytes it must have."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")
    version: str = Field(min_length=1)
    architecture: str = Field(min_length=1)  # "amd64", "all"
    path: Annotated[str, AfterValidator(_archive_path)]  # below a mirror's base
    size: int = Field(ge=0)  # bytes
    sha256: str = Field(pattern="^[0-9a-f]{64}$")

    @property
    def key(self) -> str:
        """How a closure names it: "libc6:amd64"."""
        return f"{self.name}:{self.architecture}"


class LockedToolchain(_Entry):
    """What a toolchain was resolved for, and the keys of all that it needs."""

    packages: tuple[str, ...]
    closure: tuple[str, ...]


class Lock(_Entry):
    """The content of bareflow.lock.

    `archive` tells what the lock was resolved from: suite -> date of its Release file, in the form in which a snapshot
    of the archive is asked for (20260711T101637Z).
    """

    version: Literal[1] = 1
    archive: dict[str, str]
    toolchains: dict[str, LockedToolchain]
    packages: tuple[LockedPackage, ...]

    @cached_property
    def by_key(self) -> dict[str, LockedPackage]:
        """The packages by key."""
        return {package.key: package for package in self.packages}

    @classmethod
    def load(cls, path: Path) -> Lock:
        """Read a lock; raise LockError (or Errors of them) for a file that is not there or not as `lock_text` writes."""
        import yaml  # noqa: PLC0415  (only who needs a toolchain reads the lock)

        try:
            text = path.read_text(encoding="utf-8")
            content = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  (both are safe)
            lock = cls.model_validate(content)
        except FileNotFoundError as error:
            raise LockError("there is no lock", facts=[("file", path)], hint=f"{RESOLVE} and writes it") from error
        except (OSError, UnicodeDecodeError) as error:
            raise LockError("the lock cannot be read", facts=[("file", path), ("why", error)]) from error
        except yaml.YAMLError as error:
            raise _not_yaml(path, error) from error
        except ValidationError as error:
            raise _malformed(path, text, error) from error
        return lock

    def closure(self, toolchain: str, packages: Sequence[str]) -> tuple[LockedPackage, ...]:
        """Return what `toolchain` is made of; raise LockError where the lock was not resolved for these packages."""
        locked = self.toolchains.get(toolchain)
        if locked is None:
            raise LockError(
                "the lock does not have this toolchain",
                facts=[("toolchain", toolchain), ("it has", ", ".join(sorted(self.toolchains)) or "none")],
                hint=RESOLVE,
            )
        if set(locked.packages) != set(packages):
            raise LockError(
                "the lock was made for other packages of this toolchain",
                facts=[
                    ("toolchain", toolchain),
                    ("recipe", ", ".join(sorted(set(packages)))),
                    ("lock", ", ".join(locked.packages)),
                ],
                hint=RESOLVE,
            )
        return tuple(self.by_key[key] for key in locked.closure)


def lock_text(lock: Lock) -> str:
    """Return the canonical text of a lock."""
    import yaml  # noqa: PLC0415

    content = {
        "version": lock.version,
        "archive": dict(sorted(lock.archive.items())),
        "toolchains": {
            name: {"packages": sorted(each.packages), "closure": sorted(each.closure)}
            for name, each in sorted(lock.toolchains.items())
        },
        "packages": [each.model_dump() for each in sorted(lock.packages, key=lambda each: each.key)],
    }
    # One scalar a line, whatever its length; the dumper written in Python, so that the text is the same everywhere.
    return HEADER + yaml.dump(content, Dumper=yaml.SafeDumper, sort_keys=False, allow_unicode=True, width=1 << 16)


def _not_yaml(path: Path, error: yaml.YAMLError) -> LockError:
    mark = getattr(error, "problem_mark", None)
    return LockError(
        "the lock is not YAML",
        facts=[("why", getattr(error, "problem", None) or error)],
        location=Location(path, mark.line + 1 if mark else 1),
        hint=f"take one side of a merge; {RESOLVE}",
    )


def _malformed(path, text, error):
    raise NotImplementedError
