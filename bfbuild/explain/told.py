"""A root cause in words: what kind of thing changed, from what to what, where it stands, and which commit did it."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.errors import Location, StoreError
from bfbuild.explain import git
from bfbuild.explain.changes import RECIPE
from bfbuild.explain.roots import MADE, OWN, SPEC, STORE, Root
from bfbuild.recipe.lines import anywhere

if TYPE_CHECKING:
    from bfbuild.explain.records import Records
    from bfbuild.store import Store
    from bfbuild.store.trace import Cause

LARGEST = 64 << 10  # bytes of a text that is compared
MOST_LINES = 24  # of a comparison that are shown
LONGEST = 160  # letters of a line


@dataclass(frozen=True)
class Told:
    """One root cause for people. `diff` is lines of a comparison; `where` is relative to the project."""

    kind: str  # source, flag, environment, toolchain, output, recipe, bfbuild or store
    subject: str
    old: str | None
    new: str | None
    diff: tuple[str, ...] = ()
    where: str | None = None
    commit: str | None = None

    @property
    def line(self) -> str:
        """The cause on one line."""
        if self.kind == STORE:
            return self.subject
        return f"{self._named}  {self._values}{self._place}"

    @property
    def brief(self) -> str:
        """The cause in as few words as name it."""
        if self.kind == STORE:
            return self.subject
        by_content = self.kind in ("source", "output", "bfbuild", "toolchain")
        return f"{self._named}{'' if by_content else f' {self._values}'}{self._place}"

    @property
    def _named(self) -> str:
        return self.kind if self.subject in (self.old, self.new) else f"{self.kind} {self.subject}"

    @property
    def _values(self) -> str:
        return f"{self.old or '(none)'} -> {self.new or '(none)'}"

    @property
    def _place(self) -> str:
        return f" at {self.where}" if self.where is not None else ""


def tell(records: Records, roots: Iterable[Root], project: Path, lock: str) -> list[tuple[Root, Told]]:
    """Return what is known about root causes; those that are told in equal words are one.

    `project` is the checkout whose recipes, files and commits are shown, `lock` its lock's path in it.
    """
    found: dict[tuple[str, ...], tuple[Root, Told]] = {}
    for each in roots:
        root, told = each, _tell(records, each, project, lock)
        key = (told.kind, told.subject, str(told.old), str(told.new), *told.diff)
        if key in found:
            first, told = found[key]
            direct, follow = (
                list(dict.fromkeys(both)) for both in (first.direct + root.direct, first.follow + root.follow)
            )
            root = Root(first.cause, direct, follow)
        found[key] = (root, told)
    return list(found.values())


def _tell(records: Records, root: Root, project: Path, lock: str) -> Told:
    cause = root.cause
    kind = _kind(cause)
    declared = _declared(records, root, project)
    old, new = _short(cause.old), _short(cause.new)
    match kind:
        case "source":
            return Told(kind, cause.subject, old, new, _diff(records.store, cause), None, _commit(project, cause))
        case "output":
            return Told(kind, cause.subject, old, new, _diff(records.store, cause))
        case "spec":
            return _of_spec(records.store, cause, declared, project)
        case "toolchain":
            return Told(kind, cause.subject, old, new, (), lock, git.of_file(project, lock))
        case "flag" | "argument" | "environment" | "declared":
            values = [cause.subject] if kind in ("environment", "declared") else [cause.new or ""]
            where = _written(declared, values) or (declared if kind != "environment" else None)  # it may be the user's
            return Told(RECIPE if kind == "declared" else kind, cause.subject, old, new, (), *_at(project, where))
    return Told(kind, cause.subject.removeprefix(OWN), old, new)


def _kind(cause: Cause) -> str:
    match cause.kind:
        case "input" if cause.subject == SPEC:
            return "spec"
        case "input" if cause.subject.startswith(OWN):
            return "bfbuild"
        case "input":
            return "output" if cause.subject.startswith(MADE) else "source"
        case "argument":
            return "flag" if (cause.new or cause.old or "").startswith("-") else "argument"
        case "output":
            return "declared"
        case kind:
            return kind


def _short(value: str | None) -> str | None:
    """Return a value as people read it: of a digest, twelve digits."""
    if value == "":
        return "declared"  # an output: it has a name only
    digits, _, rest = (value or "").partition(" ")
    is_digest = len(digits) == 64 and set(digits) <= set("0123456789abcdef")
    return f"{digits[:12]}{' ' if rest else ''}{rest}" if is_digest else value


def _declared(records: Records, root: Root, project: Path) -> Location | None:
    """Where the first recipe that a cause acts on is declared."""
    trace = records.latest(next(iter(root.direct or root.follow), root.cause.subject))
    return Location(project / trace.recipe, trace.line) if trace is not None else None


def _written(declared: Location | None, values: list[str]) -> Location | None:
    """Where one of these strings stands in the recipes; a folder to include is written without its flag."""
    if declared is None:
        return None
    spellings = [each for value in values for each in (value, value.removeprefix("-I").rstrip("/")) if each]
    return next((found for each in spellings if (found := anywhere(declared, each)) is not None), None)


def _at(project: Path, where: Location | None) -> tuple[str | None, str | None]:
    """Return a place relative to the project, and the commit its line comes from."""
    if where is None or not where.path.is_relative_to(project):
        return None, None
    path = str(where.path.relative_to(project))
    return f"{path}:{where.line}", git.of_line(project, path, where.line)


def _commit(project: Path, cause: Cause) -> str | None:
    if cause.new is None:
        return git.of_removal(project, cause.subject)
    return git.of_content(project, cause.subject, cause.new.partition(" ")[0])


def _diff(store: Store, cause: Cause) -> tuple[str, ...]:
    """Return how two small texts differ, nothing where they are something else or are gone."""
    old, new = (_text(store, value) for value in (cause.old, cause.new))
    if old is None or new is None:
        return ()
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1))[2:]
    shown = [line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..." for line in lines[:MOST_LINES]]
    return (*shown, *([f"... {len(lines) - MOST_LINES} lines more"] if len(lines) > MOST_LINES else []))


def _text(store: Store, value: str | None) -> str | None:
    """Return the small text that a cause's value is the hash of."""
    if value is None:
        return None
    digest = next(iter(store.cas.digests(value.partition(" ")[0])), None)
    if digest is None or digest.size > LARGEST:
        return None
    try:
        text = store.cas.get_bytes(digest).decode()
    except (StoreError, UnicodeDecodeError):
        return None
    return None if "\0" in text else text


def _of_spec(store: Store, cause: Cause, declared: Location | None, project: Path) -> Told:
    """A disk's spec is what a recipe says: told field by field."""
    try:
        old, new = (dict(_fields(ast.literal_eval(_text(store, value) or "{}"))) for value in (cause.old, cause.new))
    except (ValueError, SyntaxError):
        old = new = {}
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if not changed:
        return Told(RECIPE, "what the disk is made of", _short(cause.old), _short(cause.new))
    lines = tuple(f"{name}: {old.get(name, '(none)')} -> {new.get(name, '(none)')}" for name in changed)
    first = changed[0]
    where = _at(project, _field(declared, first) or declared)
    return Told(RECIPE, first, old.get(first), new.get(first), lines[1 : MOST_LINES + 1], *where)


def _field(declared: Location | None, name: str) -> Location | None:
    """Where a field of a spec is written: in the call that declares the place, or where its own name stands."""
    room, *names = name.split(".", 2)  # the third is a path on the disk, or a number's name
    within = {"regions": "Region", "partitions": "Partition"}.get(room)
    if declared is None or not names:
        return declared
    return anywhere(declared, names[0], within) if within else _written(declared, names[::-1])


def _fields(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value of a spec under the names that lead to it; what is in a list goes by its own name."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _fields(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for each in value:
            yield from _fields({key: of for key, of in each.items() if key != "name"}, f"{name}.{each['name']}")
    else:
        yield name, str(value)
