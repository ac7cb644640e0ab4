"""Every error a user can cause, and how it is shown.

    BareflowError
      RecipeError       a declaration is wrong: type, field, name, cycle, missing file
      ConfigError       bareflow.toml or the environment is wrong
      LockError         bareflow.lock is missing, wrong, or does not hold what is asked for
      FetchError        a download failed, or its bytes are not the ones that were locked
      StoreError        the store cannot be read or written (full disk, read-only, damaged)
      ActionError       an action ran and failed, or could not be run
      LayoutError       what should go on a disk does not fit or contradicts itself
      ModelError        a language model cannot be read, or is of a kind that we do not know
      MachineError      a boot failed: panic, silence, time out, damaged image
      RemoteError       a remote server cannot be used as it is configured: address, token, certificate, version
      ReleaseError      a release is refused: nobody could make it again, or it could not be believed
      Errors            several of these at once: all that one load found

An error has a headline, aligned facts, the user's own line where there is one, and a hint. Nothing here prints or
exits; `render` makes the text and the rim (commands/) shows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, order=True)
class Location:
    """A line of a file that a person wrote; `line` counts from 1."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class BareflowError(Exception):
    """One thing that went wrong, told to a person.

    `facts` are (label, value) pairs, shown aligned in the order given. `location` is the user's line, shown with its
    neighbours. `detail` is longer output (a compiler's, say), shown as it is, last.
    """

    def __init__(
        self,
        headline: str,
        *,
        facts: Sequence[tuple[str, object]] = (),
        hint: str | None = None,
        location: Location | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(headline)
        self.headline = headline
        self.facts = [(label, str(value)) for label, value in facts]
        self.hint = hint
        self.location = location
        self.detail = detail


class RecipeError(BareflowError):
    """A declaration is wrong."""


class ConfigError(BareflowError):
    """bareflow.toml or an environment variable is wrong."""


class LockError(BareflowError):
    """bareflow.lock is missing, malformed, or lacks what a recipe asks for."""


class FetchError(BareflowError):
    """A download failed, or its bytes are not the locked ones."""


class StoreError(BareflowError):
    """The store cannot be read or written."""


class ActionError(BareflowError):
    """An action failed, or could not be run."""


class LayoutError(BareflowError):
    """A disk's content does not fit its layout."""


class ModelError(BareflowError):
    """A language model cannot be read, or is of a kind that we do not know."""


class MachineError(BareflowError):
    """A boot did not end as it should."""


class RemoteError(BareflowError):
    """A remote server cannot be used as it is configured."""


class ReleaseError(BareflowError):
    """A release is refused."""


class Errors(BareflowError):  # noqa: N818  (the plural of the others)
    """Several errors at once, in the order they were found."""

    def __init__(self, errors: Iterable[BareflowError]) -> None:
        self.errors = list(errors)
        super().__init__(f"{len(self.errors)} errors")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like `name`, or None where nothing comes close."""
    import difflib  # noqa: PLC0415  (slow to import, and few need a guess)

    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def render(error: BareflowError, *, base: Path | None = None) -> str:
    """Return the text of an error for a person; paths are shown relative to `base` where they lie under it."""
    if isinstance(error, Errors):
        return "\n\n".join(dict.fromkeys(render(each, base=base) for each in error.errors))  # a full disk fails many
    lines = [f"error: {error.headline}"]
    rows = [(label, _relative(value, base)) for label, value in error.facts]
    if error.location is not None:
        rows.insert(0, ("at", f"{_shown(error.location.path, base)}:{error.location.line}"))
    if error.hint is not None:
        rows.append(("hint", error.hint))
    width = max((len(label) for label, _ in rows), default=0)
    for label, value in rows:
        first, *rest = value.splitlines() or [""]
        lines.append(f"  {label:<{width}}  {first}")
        lines += [f"  {'':<{width}}  {line}" for line in rest]
    if error.location is not None:
        lines += _excerpt(error.location, base)
    if error.detail:
        lines += ["", error.detail.rstrip()]
    return "\n".join(lines)


def _relative(text: str, base: Path | None) -> str:
    """Return a fact with the paths under `base` that it names made relative; one starts a word, or nothing is cut."""
    return text if base is None else re.sub(rf"(?<!\S){re.escape(str(base))}/", "", text)


def _shown(path: Path, base: Path | None) -> str:
    if base is not None and path.is_relative_to(base):
        return str(path.relative_to(base))
    return str(path)


def _excerpt(location: Location, base: Path | None) -> list[str]:
    """Return the user's line with one neighbour on each side, or nothing where the file cannot be read."""
    try:
        text = location.path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    first, last = max(1, location.line - 1), min(len(text), location.line + 1)
    shown = [
        f"  {'>>>' if number == location.line else '   '} {number:>4} | {text[number - 1]}"
        for number in range(first, last + 1)
    ]
    return ["", f"  {_shown(location.path, base)}", *shown]
