"""What may come next on a command line: `python -m bfbuild.commands.complete WORD...`, the last word as far as typed.

The shells' scripts (tabcompletion.py) call it at each Tab, so it loads neither doit nor a recipe where it can do
without: commands come from the table below, targets and builds from the records of the last builds, tasks from the
text of dodo.py. It says nothing where it knows nothing; then the shell offers files.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bfbuild.explain.records import Records

TARGET, TOP, WORD, TASK, KEY = (
    "target",
    "top",
    "word",
    "task",
    "key",
)  # of targets, TOP are those that nothing else needs
COMMANDS = {  # command -> what its arguments are
    "build": TARGET,
    "cache": WORD,
    "check": TARGET,
    "clean": TASK,
    "dumpdb": None,
    "forget": TASK,
    "graph": TARGET,
    "help": TASK,
    "ignore": TASK,
    "image": TOP,
    "image:warm": None,
    "info": TARGET,
    "key": KEY,
    "list": TASK,
    "lock": None,
    "optimize": None,
    "release": None,
    "replay": TARGET,
    "report": TARGET,
    "reset-dep": TASK,
    "run": TASK,
    "strace": TASK,
    "tabcompletion": None,
    "verify": None,
    "where": TOP,
    "why": TARGET,
    **dict.fromkeys(("bench", "debug")),
}
KEY_WORDS = ("create", "ls", "revoke", "rotate")
VALUES = {"--format": ("mermaid", "dot", "svg"), "--shell": ("bash", "zsh")}
BETWEEN = "--between"  # two builds follow
BUILDS = 8  # that are offered for --between
LOOKED_AT = 3  # builds whose targets are offered: a record of ten thousand actions takes a tenth of a second to read
DODO_TASK = re.compile(r"^def task_(\w+)(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def complete(words: Sequence[str], start: Path) -> list[str]:
    """Return what the last of `words` can become, sorted; the words before it are those after `doit`."""
    *before, current = words or [""]
    found = _options(before) if current.startswith("-") and before else _words(before, start)
    return sorted({word for word in found if word.startswith(current)})


def _words(before: Sequence[str], start: Path) -> Iterable[str]:
    if not before:
        return [*COMMANDS, *_tasks(start)]
    if before[-1] in VALUES:
        return VALUES[before[-1]]
    if BETWEEN in before[-2:]:
        return _builds(start)
    kind = COMMANDS.get(before[0])
    if before[-1] in _with_value(before):
        kind = None
    words: Iterable[str] = ()
    if kind in (TARGET, TOP):
        words = _targets(start, top=kind == TOP)
    elif kind == WORD:
        words = _of_cache(before, start)
    elif kind == KEY:
        words = KEY_WORDS if len(before) == 1 else ()
    elif kind == TASK:
        words = [*_tasks(start), *(COMMANDS if before[0] == "help" else ())]
    return words


def _tasks(start: Path) -> list[str]:
    """The tasks that the project's dodo.py writes out; those of bfbuild are commands here."""
    try:
        text = (_root(start) / "dodo.py").read_text(encoding="utf-8")
    except OSError:
        return []
    return [found[1] for found in DODO_TASK.finditer(text) if "project_tasks" not in found[2]]


def _targets(start: Path, *, top: bool) -> list[str]:
    """The labels of the last builds."""
    records = _records(start)
    labels: dict[str, None] = {}
    needed: set[str] = set()
    for build in islice(records.builds(), LOOKED_AT) if records is not None else ():
        labels |= dict.fromkeys(step.label for step in build.steps)
        needed.update(need for step in build.steps for need in step.needs)
    return [label for label in labels if not top or label not in needed]


def _builds(start: Path) -> list[str]:
    records = _records(start)
    return ["last", "previous", *(build.id for build in islice(records.builds(), BUILDS))] if records else []


def _of_cache(before: Sequence[str], start: Path) -> list[str]:
    from bfbuild.commands.cache import WORDS  # noqa: PLC0415

    said = "".join(f"{word} " for word in before[1:])
    if any(word.startswith(said) for word in WORDS):
        return [word.removeprefix(said).split()[0] for word in WORDS if word.startswith(said)]
    return _targets(start, top=False) if "TARGET" in str(WORDS.get(before[1])) else []


def _options(before: Sequence[str]) -> list[str]:
    return [f"--{name}" for name, _ in _declared(before[0])]


def _with_value(before: Sequence[str]) -> list[str]:
    """The options of a command that a value follows, where an option stands on the line."""
    if not before[-1].startswith("--"):
        return []
    return [f"--{name}" for name, kind in _declared(before[0]) if kind is not bool]


def _declared(command: str) -> list[tuple[str, object]]:
    """The options of a command or task: name and type."""
    from importlib.metadata import entry_points  # noqa: PLC0415

    from bfbuild.commands.tasks import project_tasks  # noqa: PLC0415

    options = [each for task in project_tasks(Path()) if task["basename"] == command for each in task["params"]]
    for entry in entry_points(group="doit.COMMAND", name=command):
        options += entry.load().cmd_options
    return [(each["long"], each["type"]) for each in options if each.get("long")]


def _records(start: Path) -> Records | None:
    from bfbuild.commands.known import known  # noqa: PLC0415
    from bfbuild.errors import BareflowError  # noqa: PLC0415

    try:
        return known(start).records
    except BareflowError:
        return None


def _root(start: Path) -> Path:
    return next((folder for folder in [start, *start.parents] if (folder / "dodo.py").is_file()), start)


if __name__ == "__main__":
    sys.stdout.write("".join(f"{word}\n" for word in complete(sys.argv[1:], Path.cwd())))
