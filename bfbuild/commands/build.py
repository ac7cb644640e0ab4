"""Builds for people: outputs go to build/, the answer is printed and kept as a snapshot, clangd gets its database."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.commands.again import answer, keep, summary
from bfbuild.commands.outputs import BUILD
from bfbuild.commands.project import Project
from bfbuild.errors import RecipeError
from bfbuild.recipe.graph import Output
from bfbuild.recipe.model import CObject, Image, Link, Recipe, Run
from bfbuild.store.disk import disk_errors

if TYPE_CHECKING:
    from bfbuild.realise import Step

WARM = "image:warm"
COMPILE_COMMANDS = "compile_commands.json"


def ask(
    root: Path, kind: str, names: Sequence[str], *, keep_going: bool = False, jobs: int = 0, trace: str = ""
) -> int:
    """Answer `doit image NAMES` or `doit build NAMES` by building, and keep the answer for the next time."""
    started = time.time_ns()
    project = Project(root)
    chosen = [project.graph.find(name) for name in names] or _default(project, kind)
    if not chosen:
        raise no_profile(project, "no image is warm") if kind == WARM else project.nothing_to(kind)
    build(project, chosen, keep_going=keep_going, jobs=jobs)
    answered = _answered(chosen)
    text = answer(answered, project.files.made)
    sys.stdout.write(text)
    sys.stdout.flush()
    if trace:
        _write_trace(project, started, Path(trace))
    keep(project, kind, list(names), answered=answered, exported=_beside(project, chosen), text=text)
    return 0


def _write_trace(project: Project, since: int, path: Path) -> None:
    """Write what this build ran as a Chrome trace."""
    from bfbuild.commands.report import write_trace  # noqa: PLC0415
    from bfbuild.explain.records import Records  # noqa: PLC0415

    records = Records(project.store, project.config.settings.project.name)
    ran = [step for step in project.steps if step.outcome is not None]
    write_trace((records.execution(step.recipe.name, step.action.digest, since) for step in ran), path)


def _default(project: Project, kind: str) -> list[Recipe]:
    if kind == WARM:
        return [image for image in project.graph.of_type(Image) if image.warm]
    return [image for image in project.graph.of_type(Image) if image.default] if kind == "image" else []


def no_profile(project: Project, headline: str) -> RecipeError:
    """The error where nothing is made of what a boot recorded: no run records anything, or none has yet."""
    runs = [run for run in project.graph.of_type(Run) if run.profile is not None]
    return RecipeError(
        headline,
        facts=[
            (run.name, f"{run.profile} is not there") for run in runs if not (project.root / str(run.profile)).is_file()
        ],
        hint=f"`doit run --name {runs[0].name}` records a profile"
        if runs
        else "a run that recipes declare with profile=... records what its program asks a compiler for",
    )


def build(project: Project, targets: Sequence[Recipe], *, keep_going: bool = False, jobs: int = 0) -> list[Path]:
    """Build targets, put what people use into build/, and return where the targets' own outputs lie."""
    started = time.monotonic()
    project.build(targets, keep_going=keep_going, jobs=jobs)
    project.export(_beside(project, targets))
    paths = project.export(_answered(targets))
    _write_compile_commands(project)
    summary(project.progress, started, project.cache)
    return paths


def _answered(targets: Sequence[Recipe]) -> list[str]:
    return [name for recipe in targets for name in _outputs(recipe)]


def _beside(project: Project, targets: Sequence[Recipe]) -> list[str]:
    return [name for recipe in project.graph.closure(targets) for name in _useful(project, recipe)]


def _outputs(recipe: Recipe) -> tuple[str, ...]:
    return recipe.image.outputs if isinstance(recipe, Run) else recipe.outputs


def _useful(project: Project, recipe: Recipe) -> list[str]:
    """What people want of what lies on the way: programs for the debugger, generated headers for the editor."""
    if isinstance(recipe, Link):
        return list(recipe.outputs)
    files = project.graph.files(recipe, "headers")
    return [file.name for file in files if isinstance(file, Output) and isinstance(recipe, CObject)]


def _write_compile_commands(project: Project) -> None:
    """Tell clangd how each C file is compiled (the JSON Compilation Database of Clang's documentation)."""
    entries = [_entry(project, step.recipe, step) for step in project.steps if isinstance(step.recipe, CObject)]
    if not entries:
        return
    path = project.root / COMPILE_COMMANDS
    entries.sort(key=lambda entry: str(entry["output"]))
    text = json.dumps(entries, indent=1) + "\n"
    with disk_errors("tell clangd how files are compiled", path):
        if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)


def _entry(project: Project, recipe: CObject, step: Step) -> dict[str, object]:
    (source,) = project.graph.files(recipe, "source")
    return {
        "directory": str(project.root),
        "file": source.place,
        "arguments": list(step.action.request.argv),
        "output": f"{BUILD}/{recipe.name}",
    }
