"""Scripts of ours that an action runs: a room of this package, copied into the sandbox as a package of its own.

Their source files are inputs, so a change to one is a change to the key, and what they make does not depend on the
Python that the user happens to have.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.recipe.lines import string_line

if TYPE_CHECKING:
    from types import ModuleType

    from bfbuild.action.action import InputFile, Inputs
    from bfbuild.errors import BareflowError
    from bfbuild.recipe.model import Recipe


def sources_of(room: ModuleType, folder: str, inputs: Inputs) -> dict[str, InputFile]:
    """Return a room's sources as inputs below `folder`."""
    place = Path(str(room.__file__)).parent
    return {
        f"{folder}/{place.name}/{path.relative_to(place).as_posix()}": inputs.data(path.read_bytes())
        for path in sorted(place.rglob("*.py"))
    }


def environment(folder: str) -> dict[str, str]:
    """Return what Python needs to find them there."""
    return {"PYTHONPATH": folder, "PYTHONHASHSEED": "0"}


def explainer(recipe: Recipe, error: type[BareflowError]) -> Callable[[str], BareflowError | None]:
    """Return what makes an error, at the user's line, of a script's complaint: a headline, and rows of facts."""

    def explain(said: str) -> BareflowError | None:
        headline, *rows = said.strip().splitlines() or [""]
        facts = [(found[1], found[2]) for row in rows if (found := re.fullmatch(r"  (\S.*?) {2,}(.*)", row))]
        if not headline.startswith("error: ") or len(facts) != len(rows):
            return None  # not a complaint but a crash: shown as it is
        names = [value.split(",")[0].strip("'") for _, value in facts]
        return error(
            headline.removeprefix("error: "),
            facts=[("recipe", f"{recipe.name} ({type(recipe).__name__})"), *facts],
            location=string_line(recipe.location, names),
        )

    return explain
