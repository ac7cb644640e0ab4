"""What the store's records know: builds by name, the execution behind a step, who made which content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bfbuild.errors import RecipeError, nearest

if TYPE_CHECKING:
    from bfbuild.digest import ActionDigest
    from bfbuild.store import Store
    from bfbuild.store.trace import Build, Step, Trace

SHORTEST = 4  # digits of a build's id
LAST, PREVIOUS = "last", "previous"
SHOWN = 6  # builds that an error lists


@dataclass
class Records:
    """The records of one project in a store; they are read when asked for."""

    store: Store
    project: str
    _builds: list[Build] = field(default_factory=list)
    _unread: Iterator[Build] | None = None

    def builds(self) -> Iterator[Build]:
        """Iterate over the project's builds, newest first."""
        yield from self._builds
        if self._unread is None:
            self._unread = iter(self.store.traces.builds())
        for build in self._unread:
            if build.project == self.project:
                self._builds.append(build)
                yield build

    def build(self, word: str) -> Build:
        """Return the build that an id, the start of one, `last` or `previous` means; raise RecipeError."""
        if word in (LAST, PREVIOUS):
            found = [build for _, build in zip(range(2), self.builds(), strict=False)][(LAST, PREVIOUS).index(word) :][
                :1
            ]
        else:
            found = [build for build in self.builds() if build.id.startswith(word)] if len(word) >= SHORTEST else []
        if len(found) == 1:
            return found[0]
        known = [
            f"{build.id}  {', '.join(build.targets)}" for _, build in zip(range(SHOWN), self.builds(), strict=False)
        ]
        raise RecipeError(
            f"{len(found)} builds are called so" if found else "no build on record is called so",
            facts=[("wanted", word), ("newest", "\n".join(known) or "none")],
            hint=f"an id, its first {SHORTEST} digits or more, `{LAST}` or `{PREVIOUS}`",
        )

    def label(self, name: str) -> str:
        """Return the label that a target's name means; raise RecipeError where no build on record had it."""
        name = name.removeprefix("build/")
        labels: dict[str, None] = {}
        for build in self.builds():
            here = {step.label for step in build.steps}
            if name in here or name in build.targets:
                return name
            labels |= dict.fromkeys(here)
        made = next((trace.label for trace in self.store.traces.recent() if name in trace.outputs), None)
        if made is not None and made in labels:
            return made
        guess = nearest(name, labels)
        raise RecipeError(
            "no build on record has this target",
            facts=[("wanted", name), *([("nearest", guess)] if guess else [])],
            hint="doit image" if guess is None else None,
        )

    def execution(self, label: str, action: ActionDigest, since: int) -> Trace | None:
        """Return the first execution of a label's action at or after `since`: that of a build which started then."""
        found = None
        for trace in self.store.traces.history(label):
            if trace.started < since:
                break
            if trace.action == action:
                found = trace
        return found

    def success(self, step: Step) -> Trace | None:
        """Return the newest execution that made the outputs of a step, in whatever build."""
        history = self.store.traces.history(step.label)
        return next((trace for trace in history if trace.action == step.action and trace.exit_code == 0), None)

    def latest(self, label: str) -> Trace | None:
        """Return the newest execution of a label."""
        return self.store.traces.latest(label)

    def maker(self, needs: Iterable[str], name: str) -> str | None:
        """Return which of the labels `needs` makes the output `name`."""
        labels = list(needs)
        if name in labels:
            return name
        for label in labels:
            trace = self.store.traces.latest(label)
            if trace is not None and name in trace.outputs:
                return label
        return None

    def called(self, needs: Iterable[str], content: str) -> str | None:
        """Return how the one of the labels `needs` that made this content (a hash) calls it."""
        for label in needs:
            for trace in self.store.traces.history(label):
                for name, digest in trace.outputs.items():
                    if digest.hash == content:
                        return name
        return None

    def made(self, label: str, name: str, content: str) -> Trace | None:
        """Return the newest execution of a label that made this content (a hash) as its output `name`."""
        for trace in self.store.traces.history(label):
            output = trace.outputs.get(name)
            if output is not None and output.hash == content:
                return trace
        return None


def closure(build: Build, label: str) -> dict[str, Step]:
    """Return a label's step and all steps it builds on, in the order of the build; all of them for a target as such."""
    steps = {step.label: step for step in build.steps}
    if label not in steps:
        return steps
    wanted, waiting = {label}, [label]
    while waiting:
        for need in steps[waiting.pop()].needs:
            if need in steps and need not in wanted:
                wanted.add(need)
                waiting.append(need)
    return {name: step for name, step in steps.items() if name in wanted}
