"""The tasks that doit shows: `image`, `run`, `bench`, `debug` and more. Listing them costs nothing but this module.

A task's work is imported when the task runs. `image` first asks the snapshot, so an answer that did not change comes
before pydantic or a recipe is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from doit.exceptions import TaskError, TaskFailed

from bfbuild.commands import door


class NoNotes:
    """What doit keeps its notes with: nothing.

    They are neither wanted nor believed, and a file of them would be in the way of two builds at once, of a full disk
    and of a read-only one.
    """

    def encode(self, notes: object) -> str:
        """Write nothing."""
        del notes
        return ""

    def decode(self, text: str) -> dict[str, object]:
        """Remember nothing."""
        del text
        return {}


DOIT = {
    "default_tasks": ["run"],
    "reporter": "error-only",  # what failed was told by us already
    "backend": "json",
    "dep_file": os.devnull,
    "codec_cls": NoNotes,
}

JOBS = {"name": "jobs", "short": "j", "long": "jobs", "type": int, "default": 0, "help": "how many actions at once"}
KEEP_GOING = {
    "name": "keep_going",
    "short": "k",
    "long": "keep-going",
    "type": bool,
    "default": False,
    "help": "after a failure, run what does not depend on it",
}

TRACE = {
    "name": "trace",
    "long": "trace",
    "type": str,
    "default": "",
    "help": "FILE: write a Chrome trace of the build",
}

Task = dict[str, Any]


def _image(root: Path, names: list[str], **options: Any) -> int:
    return _ask(root, "image", names, **options)


def _warm(root: Path, **options: Any) -> int:
    return _ask(root, "image:warm", [], **options)


def _optimize(root: Path, names: list[str], **options: Any) -> int:
    from bfbuild.commands.optimize import optimize  # noqa: PLC0415

    return optimize(root, names or [], **options)


def _build(root: Path, names: list[str], **options: Any) -> int:
    return _ask(root, "build", names, **options)


def _ask(root: Path, kind: str, names: list[str], *, trace: str = "", **options: Any) -> int:
    known = None if trace else door.answer(str(root), kind, names or [], **options)
    if known is not None:
        return known
    door.prepare()
    from bfbuild.commands.build import ask  # noqa: PLC0415

    return ask(root, kind, names or [], trace=trace, **options)


def _run(root: Path, **options: Any) -> int:
    from bfbuild.commands.boot import run  # noqa: PLC0415

    return run(root, **options)


def _bench(root: Path, **options: Any) -> int:
    from bfbuild.commands import bench  # noqa: PLC0415

    return bench.run(root, **options)


def _debug(root: Path, **options: Any) -> int:
    from bfbuild.commands.boot import debug  # noqa: PLC0415

    return debug(root, **options)


def project_tasks(root: Path) -> Iterator[Task]:
    """Yield every task of the project at `root`; for a `task_` function of its dodo.py."""
    yield command_task("image", root, _image, [JOBS, KEEP_GOING, TRACE], "build the disk images", positional="names")
    yield command_task(
        "image:warm", root, _warm, [JOBS, KEEP_GOING, TRACE], "build disks with the code that a profile records"
    )
    yield command_task(
        "optimize", root, _optimize, [JOBS, KEEP_GOING], "make that code here, without a boot", positional="names"
    )
    yield command_task(
        "build", root, _build, [JOBS, KEEP_GOING, TRACE], "build any recipes by name", positional="names"
    )
    yield command_task(
        "run",
        root,
        _run,
        [
            text_option("name", "NAME", "which run, where recipes declare several"),
            text_option("args", "TEXT", "a line for the program, which it can read"),
            _flag("interactive", "i", "the guest's monitor in this terminal (leave with Ctrl-A X)"),
            text_option("screenshot", "FILE", "save the guest's VGA screen as a PNG"),
            text_option(
                "disk", "FILE", "boot this copy of the image, made where it is missing, and keep what is written"
            ),
        ],
        "build an image, boot it, show what it measured",
    )
    yield command_task(
        "bench",
        root,
        _bench,
        [
            text_option("name", "NAME", "only this run, of those that recipes declare"),
            _flag("native", "", "run the twins instead, as programs of this machine's processor"),
            text_option("json", "FILE", "write the figures to FILE"),
            text_option("compare", "OLD.json", "show the differences to an earlier --json"),
            text_option("html", "FILE", "write the page with the plots there, instead of build/bench.html"),
        ],
        "boot with counted instructions and print tables",
    )
    yield command_task(
        "debug",
        root,
        _debug,
        [
            text_option("name", "NAME", "which run, where recipes declare several"),
            {"name": "port", "long": "port", "type": int, "default": 1234, "help": "port of gdb's server"},
        ],
        "boot an image that waits for gdb, with its symbols",
    )


def _flag(name: str, short: str, words: str) -> Task:
    return {"name": name, "short": short, "long": name, "type": bool, "default": False, "help": words}


def text_option(name: str, meta: str, words: str) -> Task:
    """A parameter `--NAME META`; empty where it is not given."""
    return {"name": name, "long": name, "type": str, "default": "", "help": f"{meta}: {words}"}


def command_task(
    name: str,
    root: Path,
    work: Callable[..., int],
    params: list[Task],
    doc: str,
    *,
    positional: str | None = None,
) -> Task:
    """A task whose work returns an exit code; never up to date for doit, since snapshot and store know better.

    A project's own commands are made like this, too; `params` are doit's, `text_option` makes one.
    """

    def action(**values: Any) -> TaskError | TaskFailed | None:
        from bfbuild.commands.show import FAILED, guarded  # noqa: PLC0415

        code = guarded(lambda: work(root, **_with_names(params, values, positional)))
        if code == 0:
            return None
        return (TaskFailed if code == FAILED else TaskError)(f"{name}: exit {code}", report=False)

    task: Task = {"basename": name, "actions": [action], "params": params, "verbosity": 2, "doc": doc}
    if positional is not None:
        task["pos_arg"] = positional
    return task


def _with_names(params: list[Task], values: dict[str, Any], positional: str | None) -> dict[str, Any]:
    """Return the values of a command line with names, on which doit stops to look for options at the first name."""
    if positional is None or not any(word.startswith("-") for word in values[positional] or ()):
        return values
    from doit.cmdparse import CmdOption, CmdParse, CmdParseError  # noqa: PLC0415

    from bfbuild.commands.question import take_options, unreadable  # noqa: PLC0415

    try:
        found = dict(values)
        found[positional] = take_options(CmdParse([CmdOption(each) for each in params]), values[positional], found)
    except CmdParseError as error:
        raise unreadable(error) from error
    return found
