"""What changed for users between two releases, by meaning: packages, files, sizes, symbols, boot and bench figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bfbuild.compare import compare as compare_contents
from bfbuild.compare.finding import Finding, change, lines
from bfbuild.errors import ReleaseError
from bfbuild.machine import bench
from bfbuild.release.dist import LOCK, About, Listed, read
from bfbuild.toolchain.lock import Lock, changes

DEBUG = ".debug_"
COMPARED = (".img", ".elf")  # the other forms of a disk, and a map, tell nothing more


def compare(old: Path, new: Path) -> str:
    """Return the differences as text; raise ReleaseError where a folder is no release."""
    before, after = read(old), read(new)
    parts = [
        list(_identity(before, after)),
        list(_packages(old, new)),
        list(_files(before, after, old, new)),
        list(_figures(before, after)) if after.figures.runs else [],
    ]
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts if part)


def _identity(before: About, after: About) -> Iterator[str]:
    yield f"{after.name} {before.version} -> {after.version}"
    yield f"commit {before.commit} -> {after.commit}" if before.commit != after.commit else f"commit {after.commit}"


def _packages(old: Path, new: Path) -> Iterator[str]:
    """Yield what became of the locked packages that releases are built with."""
    told = list(changes(Lock.load(old / LOCK), Lock.load(new / LOCK)))
    yield f"packages: {len(told)} changes" if told else "packages: unchanged"
    yield from (f"  {line}" for line in told)


def _files(before: About, after: About, old: Path, new: Path) -> Iterator[str]:
    """Yield what became of images and programs, down to the symbol."""
    names = [name for name in {**after.files, **before.files} if name.endswith(COMPARED)]
    equal = 0
    for name in sorted(names):
        was, now = before.files.get(name), after.files.get(name)
        if was == now:
            equal += 1
            continue
        if was is None or now is None:
            yield f"{name}  {_came_or_went(was, now)}"
            continue
        yield f"{name}  {change(was.size, now.size) if was.size != now.size else 'changed'}"
        yield from lines(_within(old / name, new / name), indent="  ")
    yield f"{equal} of {len(names)} images and programs are equal"


def _came_or_went(was: Listed | None, now: Listed | None) -> str:
    return f"is new ({now.size:,} bytes)" if now is not None else f"is gone ({was.size if was else 0:,} bytes)"


def _within(old: Path, new: Path) -> tuple[Finding, ...]:
    """Return what differs in a file, without what only a debugger reads."""
    try:
        found = compare_contents(old.read_bytes(), new.read_bytes())
        return tuple(each for each in found if not each.name.startswith(DEBUG))
    except OSError as error:
        facts = [("file", error.filename), ("why", error.strerror)]
        raise ReleaseError("a file of a release cannot be read", facts=facts) from error


def _figures(before: About, after: About) -> Iterator[str]:
    yield "booted with counted instructions:"
    yield from (f"  {line}" for line in bench.render_changes(bench.compare(before.figures, after.figures)).splitlines())
