"""The laws as questions that any decider can be asked: what they say of a wrong one is the negative control."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild.decide import Decider, Decision, Hit, Miss, decide
from bfbuild.realise import Realiser
from bfbuild.store.trace import Reason

if TYPE_CHECKING:
    from bfbuild.action.action import Action
    from bfbuild.commands.project import Project
    from bfbuild.store import Store
    from tests.small import Small


def build(small: Small, decider: Decider = decide) -> Project:
    """Build a project's image with a decider; return the project with what was done."""
    project = small.open()
    realiser = Realiser(
        work=project.work([project.graph.find("small.img")]),
        store=project.store,
        executor=lambda: project.executor,
        events=project.progress,
        jobs=2,
        decider=decider,
        steps=project.steps,
    )
    realiser.realise()
    return project


def outputs(project: Project) -> dict[str, str]:
    """Return the SHA-256 of everything that a build made or found, by name."""
    return {name: made.digest.hash for name, made in project.files.made.items()}


def always_hit(action: Action, store: Store) -> Decision:
    """Decide wrongly: the last result of a recipe is right for ever, whatever changed since."""
    last = store.traces.latest(action.request.label)
    result = None if last is None else store.results.get(last.action)
    return Miss(Reason(text="it was never built")) if result is None else Hit(result)


def never_hit(action: Action, store: Store) -> Decision:
    """Decide wastefully: nothing was ever built."""
    del action, store
    return Miss(Reason(text="it was never built"))


def cached_equals_uncached(changed: Small, fresh: Small, decider: Decider = decide) -> bool:
    """Law 1, asked of a project that was built, then changed: it is what the same project is from nothing."""
    return outputs(build(changed, decider)) == outputs(build(fresh))
