"""`doit cache WORD ...`: look into the store, and take care of it.

Each word has a module of its own with three functions: `look` asks the store or changes it, `text` makes lines for
people of the answer, `data` makes JSON for programs of it. Where an answer can be bad news, `code` makes the exit code
of it. Exit codes: 0 done, 1 damage was found or a rebuild failed, 2 the store cannot answer, 3 (doit's own) the
question is wrong.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from doit.exceptions import InvalidCommand

from bfbuild.commands.question import Told, take_options
from bfbuild.commands.show import guarded
from bfbuild.errors import nearest

if TYPE_CHECKING:
    from bfbuild.store import Store


class Word(NamedTuple):
    """A word's arguments, those in brackets optional and last, and the options that it takes besides --json."""

    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


IR = "ir"  # one more word stands behind it
WORDS = {
    "ls": Word(),
    "show": Word(("DIGEST|TARGET",)),
    "log": Word(("TARGET",)),
    "trace": Word(("TARGET|DIGEST",)),
    "diff": Word(("TARGET[@BUILD]|DIGEST|FILE", "TARGET[@BUILD]|DIGEST|FILE")),
    "size": Word(),
    "du": Word(("[TARGET]",)),
    "roots": Word(),
    "pin": Word(("TARGET", "[NAME]")),
    "unpin": Word(("NAME",)),
    "gc": Word((), ("dry_run",)),
    "verify": Word(),
    "repair": Word((), ("rebuild",)),
    "reindex": Word(),
    "export": Word(("TARGET", "FILE")),
    "import": Word(("FILE",)),
    "ir ls": Word(),
    "ir show": Word(("KEY|FUNCTION",)),
    "ir diff": Word(("KEY|FUNCTION",)),
    "ir validate": Word(("[KEY|FUNCTION]",)),
}


class Cache(Told):
    """The doit command; see the module."""

    name = "cache"
    doc_purpose = "look into the store, and take care of it"
    doc_usage = " | ".join(" ".join((word, *WORDS[word].arguments)) for word in WORDS)
    doc_description = """
ls lists the results in the store, the newest first.
show tells all about one action, command, folder, result or piece of content, or about a target's latest action; of a
digest, six digits are enough.
log prints what the tool printed when a target was last made; trace tells all that is on record of that execution.

diff compares two contents by what they mean: targets, TARGET@BUILD, digests or files.

size counts files and bytes by kind; du by target, or by the labels of one, with what is shared.

roots lists what is kept: targets that were built in checkouts that are still there, and pins.
pin keeps what a target is made of, as it was built last, until unpin.
gc removes what neither roots, nor the limits in bareflow.toml, nor a running build keep.

verify checks everything in the store against its name; exit 1 where something is damaged.
repair removes just what is damaged; the next build makes it anew.
reindex makes the index of what was done anew.

export writes what a target is made of, tools and all, to one file; import reads it into a store: to build the same
again with no network.

ir ls lists the code that programs, or this machine, made of functions for a processor; ir show prints it as LLVM's
text and as instructions, ir diff beside what the build made of the function. ir validate compiles it here and compares
the bytes; exit 1 where they are others.
"""
    cmd_options: ClassVar[tuple[dict[str, object], ...]] = (
        {"name": "json", "long": "json", "type": bool, "default": False, "help": "print JSON for programs"},
        {"name": "dry_run", "long": "dry-run", "type": bool, "default": False, "help": "gc: only say what would go"},
        {"name": "rebuild", "long": "rebuild", "type": bool, "default": False, "help": "repair: build what was lost"},
    )

    def execute(self, opt_values: dict[str, Any], pos_args: list[str]) -> int:
        """Answer on standard output and return the exit code."""
        word, *arguments = self._words(opt_values, pos_args)
        place = f"{word.replace(' ', '.')}{'_' if iskeyword(word) else ''}"
        module = import_module(f"bfbuild.commands.cache.{place}")
        options = {name: opt_values[name] for name in WORDS[word].options}

        def answer() -> int:
            found = module.look(open_store(), *arguments, **options)
            text = json.dumps(module.data(found), indent=2) if opt_values["json"] else module.text(found)
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
            return int(module.code(found)) if hasattr(module, "code") else 0

        return guarded(answer)

    def _words(self, opt_values: dict[str, Any], pos_args: list[str]) -> list[str]:
        """Return the word and its arguments; options may stand among them, where doit stops looking."""
        words = take_options(self.cmdparser, pos_args, opt_values)
        usage = f"{self.bin_name} {self.name} "
        if not words:
            raise InvalidCommand(f"say what to do: {usage}{' | '.join(WORDS)}")
        if words[0] == IR:
            words[:2] = [" ".join(words[:2])]
        if words[0] not in WORDS:
            close = nearest(words[0], WORDS)
            guess = f"; did you mean {close}?" if close else ""
            raise InvalidCommand(f"{self.name} knows no word {words[0]!r}{guess}\nusage: {usage}{' | '.join(WORDS)}")
        word = WORDS[words[0]]
        fewest = sum(not each.startswith("[") for each in word.arguments)
        strange = [each for each in ("dry_run", "rebuild") if opt_values[each] and each not in word.options]
        if strange or not fewest <= len(words) - 1 <= len(word.arguments):
            options = [f"[--{each.replace('_', '-')}]" for each in word.options]
            raise InvalidCommand(f"usage: {usage}{' '.join((words[0], *word.arguments, *options))}")
        return words


def open_store() -> Store:
    """Open the store of the project that the current folder is in."""
    from bfbuild import config  # noqa: PLC0415  (slow to import, and doit loads every command to list them)
    from bfbuild.store import Store  # noqa: PLC0415

    return Store(config.load(config.find_root(Path.cwd())).cache_dir)
