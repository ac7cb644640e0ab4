"""`doit cache WORD ...`: look into the store.

Each word has a module of its own with three functions: `look` asks the store, `text` makes lines for people of the
answer, `data` makes JSON for programs of it. Exit codes: 0 answered, 2 the store cannot answer, 3 (doit's own) the
question is wrong.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from doit.cmd_base import Command
from doit.exceptions import InvalidCommand

from bfbuild.commands.show import guarded
from bfbuild.errors import nearest

if TYPE_CHECKING:
    from bfbuild.store import Store

WORDS = {
    "ls": (),
    "show": ("DIGEST|TARGET",),
    "size": (),
    "diff": ("TARGET[@BUILD]|DIGEST|FILE", "TARGET[@BUILD]|DIGEST|FILE"),
}


class Cache(Command):  # type: ignore[misc]  # doit has no types
    """The doit command; see the module."""

    name = "cache"
    doc_purpose = "look into the store"
    doc_usage = " | ".join(" ".join((word, *arguments)) for word, arguments in WORDS.items())
    doc_description = """
ls lists the results in the store, the newest first.

show tells all about one action, command, folder, result or piece of content, or about a target's latest action; of a
digest, six digits are enough.

size counts files and bytes by kind.

diff compares two contents by what they mean: targets, TARGET@BUILD, digests or files.
"""
    cmd_options: ClassVar[tuple[dict[str, object], ...]] = (
        {"name": "json", "long": "json", "type": bool, "default": False, "help": "print JSON for programs"},
    )

    def execute(self, opt_values: dict[str, Any], pos_args: list[str]) -> int:
        """Answer on standard output and return the exit code."""
        word, *arguments = self._words(opt_values, pos_args)
        module = import_module(f"bfbuild.commands.cache.{word}")

        def answer() -> int:
            found = module.look(open_store(), *arguments)
            text = json.dumps(module.data(found), indent=2) if opt_values["json"] else module.text(found)
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
            return 0

        return guarded(answer)

    def _words(self, opt_values: dict[str, Any], pos_args: list[str]) -> list[str]:
        """Return the word and its arguments; options may stand among them, where doit stops looking."""
        words = []
        rest = pos_args
        while rest:
            words.append(rest[0])
            _, rest = self.cmdparser.parse_only(rest[1:], opt_values)
        usage = f"{self.bin_name} {self.name} {self.doc_usage}"
        if not words:
            raise InvalidCommand(f"say what to look at: {usage}")
        if words[0] not in WORDS:
            close = nearest(words[0], WORDS)
            guess = f"; did you mean {close}?" if close else ""
            raise InvalidCommand(f"{self.name} knows no word {words[0]!r}{guess}\nusage: {usage}")
        if len(words) - 1 != len(WORDS[words[0]]):
            raise InvalidCommand(f"usage: {self.bin_name} {self.name} {' '.join((words[0], *WORDS[words[0]]))}")
        return words


def open_store() -> Store:
    """Open the store of the project that the current folder is in."""
    from bfbuild import config  # noqa: PLC0415  (slow to import, and doit loads every command to list them)
    from bfbuild.store import Store  # noqa: PLC0415

    return Store(config.load(config.find_root(Path.cwd())).cache_dir)
