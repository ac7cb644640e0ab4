"""`doit optimize [NAME]`: what a recorded profile asks a compiler for, made on this machine, without a boot."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bfbuild.action.optimize import REQUEST
from bfbuild.commands.build import no_profile
from bfbuild.commands.cache.text import table
from bfbuild.commands.harvesting import on_disk
from bfbuild.commands.project import Project
from bfbuild.decide import Hit
from bfbuild.errors import RecipeError, nearest
from bfbuild.recipe.model import Optimize, Run
from bfbuild.recipe.profile import function, processor, version


def optimize(root: Path, names: Sequence[str], *, keep_going: bool, jobs: int) -> int:
    """Make them, and print a line for each: function, processor, version, whether it was there, and key."""
    project = Project(root)
    wanted = _wanted(project, names)
    if not wanted:
        raise no_profile(project, "no profile says what to optimize")
    project.build(wanted, keep_going=keep_going, jobs=jobs)
    steps = {step.recipe.name: step for step in project.steps}
    rows = []
    for recipe in wanted:
        step = steps[recipe.name]
        about = (function(recipe.lines), processor(recipe.lines), version(recipe.lines))
        became = "hit" if isinstance(step.decision, Hit) else "made"
        rows.append((*about, became, step.action.request.inputs[REQUEST].digest.short))
    sys.stdout.write(table(("function", "processor", "version", "", "key"), rows) + "\n")
    return 0


def _wanted(project: Project, names: Sequence[str]) -> list[Optimize]:
    """The requests whose bitcode lies on the disk of these runs, or of any; raise RecipeError for another name."""
    found = list(project.graph.of_type(Optimize))
    if not names:
        return found
    runs = {run.name: run for run in project.graph.of_type(Run)}
    for name in names:
        if name not in runs:
            guess = nearest(name, runs)
            facts = [("wanted", name), ("nearest" if guess else "runs", guess or ", ".join(runs))]
            raise RecipeError("no run has this name", facts=facts)
    there = {output for name in names for output in on_disk(project, runs[name])}
    return [each for each in found if project.graph.file(each.bitcode) in there]
