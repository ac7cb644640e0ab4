"""The two builds of a release, and what forbids it before and after them.

The user's own store gets the results of the first build, so that `doit cache export release` has them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild import config
from bfbuild.commands.releasing.plan import Plan, phase
from bfbuild.errors import Errors
from bfbuild.recipe.graph import Source
from bfbuild.recipe.model import Fetch, Wheel
from bfbuild.release import refusals, twice
from bfbuild.release.disturb import two

if TYPE_CHECKING:
    from bfbuild.commands.project import Project
    from bfbuild.recipe.model import Image
    from bfbuild.release.twice import Came


def prepare(plan: Plan) -> None:
    """Refuse what no build need be tried of, and have all tools and downloads at hand."""
    project, graph = plan.project, plan.project.graph
    closure = graph.closure(plan.targets)
    files = {file for recipe in closure for field in graph.resolved[recipe.name].values() for file in field}
    paths = {config.FILE, str(project.config.lock_path), *project.read_by_recipes}
    ours = {plan.root / path for path in paths if (plan.root / path).is_relative_to(plan.root)}
    sources = {file.path for file in files if isinstance(file, Source)}
    refusals.require_locked(plan.root, [*(str(path.relative_to(plan.root)) for path in ours), *sources])
    refusals.require_no_artifacts(plan.root, sources)
    with project.progress:
        refusals.require_sandbox(project.sandbox.level)
        for tool in plan.tools:
            project.toolchains.ensure(tool)
        for recipe in closure:
            if isinstance(recipe, Fetch | Wheel):
                project.fetch(recipe)


def build_twice(plan: Plan) -> None:
    """Build in two surroundings; raise what differs, and what else forbids to release it."""
    project, store = plan.project, plan.project.store
    builds: list[list[Came]] = []
    with store.scratch.folder() as folder:
        order = twice.Order(
            targets=[target.name for target in plan.targets],
            environment={**plan.environment, "BAREFLOW_SANDBOX": "bubblewrap"},
            store=store.path.absolute(),
            folder=folder.absolute(),
        )
        for number, where in enumerate(two(project.config.jobs), 1):
            with phase(f"build {number} of 2"):
                builds.append(twice.build(order, plan.root, plan.commit.hash, where, keeps=number == 1))
    with phase("comparison"):
        first, second = builds
        _require_equal(plan, first, second)
        _require_equal(plan, first, twice.recorded(first, store.results), "than a boot or an earlier build made it")
        for came in first:  # this is what was built here, so it is signed where results are
            result = store.results.get(came.action)
            assert result is not None, "it was looked at above"
            store.results.put(came.action, result)
        project.build(plan.targets)
        _require_equal(plan, first, twice.told(project.steps, project.graph, project.files), "in this very work tree")
        for each in plan.released:
            _require_origins(project, each.image)
        refusals.require_deterministic(((step.recipe.name, step.action) for step in project.steps), store)


def _require_equal(plan: Plan, first: list[Came], second: list[Came], than: str = "the second time") -> None:
    found = twice.differences(first, second, plan.project.store.cas.get_bytes, plan.root, than)
    if found:
        raise found[0] if len(found) == 1 else Errors(found)


def _require_origins(project: Project, image: Image) -> None:
    graph, files = project.graph, project.files
    values = {path: value for each in image.files.values() for path, value in each.items()}
    contents = {
        path: project.store.cas.get_bytes(files.file(graph.file(value)).digest) for path, value in values.items()
    }
    refusals.require_origins(contents, (file.digest for file in files.made.values()))
