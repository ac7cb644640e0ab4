"""`doit replay DIGEST`: an action that ran, run once more in the same sandbox, with its output in the terminal.

The inputs are laid out under build/replay/ and stay there, so the command can be looked at, and run again by hand.
Nothing is recorded: a replay answers a question, it builds nothing.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bfbuild.commands.question import Question
from bfbuild.commands.show import FAILED
from bfbuild.errors import RecipeError
from bfbuild.store.disk import disk_errors

if TYPE_CHECKING:
    from bfbuild.commands.project import Project
    from bfbuild.digest import Digest
    from bfbuild.store.trace import Trace

FEWEST = 6  # digits of a digest


class Replay(Question):
    """The doit command."""

    doc_purpose = "run an action once more in its sandbox and see its output"
    doc_usage = "DIGEST|TARGET"
    doc_description = f"DIGEST is an action's, {FEWEST} digits or more; TARGET means its last execution."
    cmd_options = ()

    def answer(self, start: Path, names: Sequence[str], options: Mapping[str, Any]) -> int:
        """Answer the command line."""
        del options
        return replay(start, names)


def replay(start: Path, names: Sequence[str]) -> int:
    """Lay the action out, run it, and return 0 or 1 like its command."""
    from bfbuild import config  # noqa: PLC0415  (after doit has shown that the command is meant)
    from bfbuild.action.action import read_description  # noqa: PLC0415
    from bfbuild.commands.outputs import BUILD  # noqa: PLC0415
    from bfbuild.commands.project import Project  # noqa: PLC0415

    if len(names) != 1:
        raise RecipeError("replay takes one digest or target", hint="a failed action prints the line to type")
    project = Project(config.find_root(start))
    trace = _find(project, names[0])
    description = read_description(trace.action, project.store.cas.get_bytes)
    root = _root(project, description.toolchain)
    folder = project.root / BUILD / "replay" / trace.action.short
    shutil.rmtree(folder, ignore_errors=True)
    with disk_errors("lay out an action", folder):
        project.executor.lay_out(description, folder)  # copies, which people may change
    command = project.executor.command(description.arguments, root, folder)
    sys.stderr.write(f"{trace.label}, action {trace.action}\n+ {shlex.join(description.arguments)}\n")
    sys.stderr.flush()
    with project.progress:
        ended = subprocess.run(command, env=dict(description.environment), stdin=subprocess.DEVNULL, check=False)
    sys.stderr.write(f"exit {ended.returncode}; inputs and outputs are in {folder.relative_to(project.root)}\n")
    return 0 if ended.returncode == 0 else FAILED


def _find(project: Project, name: str) -> Trace:
    """The newest execution of an action, by its digest's first digits or by its recipe."""
    is_digest = len(name) >= FEWEST and set(name) <= set("0123456789abcdef")
    for trace in project.store.traces.recent():
        if trace.label == name or (is_digest and trace.action.hash.startswith(name)):
            return trace
    raise RecipeError("no execution of this is in the store", facts=[("wanted", name)], hint="doit cache ls")


def _root(project: Project, wanted: Digest) -> Path:
    """Where the toolchain that an action ran in is unpacked; it is unpacked anew where the lock still has it."""
    from bfbuild.recipe.model import Toolchain  # noqa: PLC0415

    path = project.store.tree_path(wanted)
    if path.is_dir():
        return path
    for toolchain in project.graph.of_type(Toolchain):
        if project.toolchains.plan(toolchain).digest == wanted:
            return project.toolchains.ensure(toolchain)
    raise RecipeError(
        "the toolchain of this action is gone",
        facts=[("root", wanted)],
        hint="it is not in this lock; check out the commit that the action was built from",
    )
