"""`doit why TARGET`: the root causes of what ran for a target, apart from what they cascade to; see causes.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bfbuild.commands.question import Question


class Why(Question):
    """The doit command."""

    doc_purpose = "tell what made a target's actions run: causes, old -> new, and what only followed"
    doc_usage = "TARGET | --between BUILD_A BUILD_B"
    doc_description = """TARGET is the name of a recipe, or of one of its outputs; asked about is the last build that
ran anything for it. A build is named by the digits that `why` prints, or the first of them, or as `last` and
`previous`."""
    cmd_options = (
        {
            "name": "between",
            "long": "between",
            "type": str,
            "default": "",
            "help": "BUILD_A BUILD_B: compare two builds",
        },
        {"name": "json", "long": "json", "type": bool, "default": False, "help": "for machines"},
    )

    def answer(self, start: Path, names: Sequence[str], options: Mapping[str, Any]) -> int:
        """Answer the command line."""
        from bfbuild.commands.causes import why  # noqa: PLC0415  (after doit has shown that the command is meant)

        return why(start, names, between=options["between"], as_json=options["json"])
