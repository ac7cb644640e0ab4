"""bareflow.lock: which Debian packages every toolchain is made of, down to the bytes.

The file is YAML with one canonical text: equal locks are equal bytes, and a change of one package is a change of its
lines alone. It names no mirror, only paths that every mirror of the archive shares. `Lock.load` believes nothing: a
lock that was edited, merged or cut off is an error that shows its line. Resolving is debian.py's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from bfbuild.errors import Location, LockError

if TYPE_CHECKING:
    import yaml

HEADER = (
    "# Made by `doit lock`, read by every build. Package files lie at `path` on any mirror of the Debian archive.\n"
)
VERSION = 1  # of the file's form
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
    """What a toolchain was resolved for, and the keys of all that it is made of.

    Without `dependencies` these are the packages alone; the file says so only then.
    """

    packages: tuple[str, ...]
    dependencies: bool = True
    closure: tuple[str, ...]


class Lock(_Entry):
    """The content of bareflow.lock.

    `archive` tells what the lock was resolved from: suite -> date of its Release file, in the form in which a snapshot
    of the archive is asked for (20260711T101637Z). In the file a package's name and architecture are its key.
    """

    version: int = Field(default=VERSION, ge=VERSION, le=VERSION)
    archive: dict[str, str] = {}
    toolchains: dict[str, LockedToolchain]
    packages: tuple[LockedPackage, ...]

    @field_validator("packages", mode="before")
    @classmethod
    def _unkey(cls, value: object) -> object:
        return [_named(key, fields) for key, fields in value.items()] if isinstance(value, dict) else value

    @cached_property
    def by_key(self) -> dict[str, LockedPackage]:
        """The packages by key."""
        return {package.key: package for package in self.packages}

    @classmethod
    def load(cls, path: Path) -> Lock:
        """Read a lock; raise LockError with the line for a file that is not there or not what `lock_text` writes."""
        import yaml  # noqa: PLC0415  (only who needs a toolchain reads the lock)

        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise LockError("there is no lock", facts=[("file", path)], hint=f"{RESOLVE} and writes it") from error
        except (OSError, UnicodeDecodeError) as error:
            raise LockError("the lock cannot be read", facts=[("file", path), ("why", error)], hint=RESOLVE) from error
        try:
            lock = cls.model_validate(yaml.load(text, _loader()))  # noqa: S506  (it makes nothing but text)
        except (yaml.YAMLError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            raise _wrong(path, text, getattr(error, "problem", None) or str(error), mark.line if mark else 0) from error
        except ValidationError as error:
            first, *others = error.errors()
            why = f"{first['msg'].removeprefix('Value error, ')}{f', and {len(others)} more' if others else ''}"
            raise _wrong(path, text, why, _line(text, first["loc"]), first["loc"]) from error
        for name, toolchain in lock.toolchains.items():
            for index, key in enumerate(toolchain.closure):
                if key not in lock.by_key:
                    place = ("toolchains", name, "closure", index)
                    raise _wrong(path, text, f"{key} is not among the packages", _line(text, place), place)
        return lock

    def closure(
        self, toolchain: str, packages: Sequence[str], *, dependencies: bool = True
    ) -> tuple[LockedPackage, ...]:
        """Return what `toolchain` is made of; raise LockError where the lock was not resolved for these packages."""
        locked = self.toolchains.get(toolchain)
        if locked is None:
            raise LockError(
                "the lock does not have this toolchain",
                facts=[("toolchain", toolchain), ("it has", ", ".join(sorted(self.toolchains)) or "none")],
                hint=RESOLVE,
            )
        if (set(locked.packages), locked.dependencies) != (set(packages), dependencies):
            raise LockError(
                "the lock was made for other packages of this toolchain",
                facts=[
                    ("toolchain", toolchain),
                    ("recipe", _asked(sorted(set(packages)), dependencies)),
                    ("lock", _asked(locked.packages, locked.dependencies)),
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
            name: {
                "packages": sorted(each.packages),
                **({} if each.dependencies else {"dependencies": False}),
                "closure": sorted(each.closure),
            }
            for name, each in sorted(lock.toolchains.items())
        },
        "packages": {
            each.key: each.model_dump(exclude={"name", "architecture"})
            for each in sorted(lock.packages, key=lambda each: each.key)
        },
    }
    # One scalar a line, whatever its length. The dumper written in Python: the text must not depend on who has libyaml.
    return HEADER + yaml.dump(content, Dumper=yaml.SafeDumper, sort_keys=False, allow_unicode=True, width=1 << 16)


def changes(old: Lock | None, new: Lock) -> Iterator[str]:
    """Yield a line for each package and each toolchain that differs; without an old lock, for each toolchain."""
    before, after = old.by_key if old else {}, new.by_key
    for key in sorted(before.keys() | after.keys()) if old else ():
        if line := _change(before.get(key), after.get(key)):
            yield f"{line[0]:<8} {key}  {line[1]}"
    toolchains = old.toolchains if old else {}
    for name in sorted(toolchains.keys() | new.toolchains.keys()):
        if name not in new.toolchains:
            yield f"gone     toolchain {name}"
        elif toolchains.get(name) != new.toolchains[name]:
            locked = new.toolchains[name]
            size = sum(after[key].size for key in locked.closure) / 1e6
            word = "changed" if name in toolchains else "added"
            yield f"{word:<8} toolchain {name}  {len(locked.closure)} packages, {size:.1f} MB"


def _change(before: LockedPackage | None, after: LockedPackage | None) -> tuple[str, str] | None:
    """What happened to a package, in a word and with its versions; None where nothing did."""
    if before is None or after is None:
        return ("added", after.version) if after else ("gone", before.version if before else "")
    if before == after:
        return None
    same_version = before.version == after.version
    return ("changed", f"{before.version}, other file" if same_version else f"{before.version} -> {after.version}")


def _asked(packages: Sequence[str], dependencies: bool) -> str:
    return ", ".join(packages) + ("" if dependencies else ", without what they depend on")


def _named(key: object, fields: object) -> object:
    """Add to a package's fields what its key says; leave to the model what is no package."""
    name, _, architecture = str(key).partition(":")
    return {**fields, "name": name, "architecture": architecture} if isinstance(fields, dict) else fields


@cache
def _loader() -> type[yaml.BaseLoader | yaml.CBaseLoader]:
    """The loader by libyaml where there is one (ten times as fast), for which a key stands only once.

    It reads every scalar as text and leaves types to the models, so the version 1.10 stays what it is.
    """
    import yaml  # noqa: PLC0415

    class Strict(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]  # one of two classes
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
            seen: set[str] = set()
            for key, _ in node.value:
                if (name := str(key.value)) in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{name} stands here twice", key.start_mark)
                seen.add(name)
            return super().construct_mapping(node, deep)  # type: ignore[no-any-return]

    return Strict


def _line(text: str, place: Sequence[str | int]) -> int:
    """Return the line (from 0) of the innermost part of `place` that the text has."""
    import yaml  # noqa: PLC0415

    # The parser that read it, because libyaml takes some tabs that the one written in Python refuses.
    node, line = yaml.compose(text, getattr(yaml, "CBaseLoader", yaml.BaseLoader)), 0
    for step in place:
        children: dict[str | int, tuple[yaml.Node, yaml.Node]] = {}  # what tells the line, and the way on
        if isinstance(node, yaml.MappingNode):
            for index, (key, value) in enumerate(node.value):
                children[index] = children[str(key.value)] = (key, value)
        elif isinstance(node, yaml.SequenceNode):
            children |= {index: (value, value) for index, value in enumerate(node.value)}
        if step not in children:
            break
        marked, node = children[step]
        line = marked.start_mark.line
    return line


def _wrong(path: Path, text: str, why: str, line: int, place: Sequence[str | int] = ()) -> LockError:
    merging = re.search("^<<<<<<< ", text, re.MULTILINE)
    return LockError(
        "the lock is malformed",
        facts=[*([("entry", " ".join(map(str, place)))] if place else []), ("why", why)],
        location=Location(path, line + 1),
        hint=f"a merge was left unfinished: take one side, then {RESOLVE}" if merging else RESOLVE,
    )
