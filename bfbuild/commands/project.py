"""One project, opened: configuration, recipes, graph, store and toolchains, and the build that joins them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild import config as configuration
from bfbuild.commands.progress import Progress
from bfbuild.decide import Miss
from bfbuild.digest import Digest, digest_file
from bfbuild.errors import ConfigError, LockError, RecipeError, StoreError
from bfbuild.execute.sandbox import Sandbox, SandboxExecutor
from bfbuild.files import Files
from bfbuild.realise import Realiser
from bfbuild.recipe import loader
from bfbuild.recipe.graph import SANDBOX, connect
from bfbuild.recipe.model import Fetch, Recipe, Toolchain
from bfbuild.snapshot import Signatures
from bfbuild.store import Store
from bfbuild.store.cas import Presence
from bfbuild.store.disk import disk_errors
from bfbuild.store.roots import Root, checkout_root_name
from bfbuild.store.trace import Build
from bfbuild.store.trace import Step as BuildStep
from bfbuild.toolchain.fetch import Wanted, fetch_all
from bfbuild.toolchain.root import Toolchains

if TYPE_CHECKING:
    from bfbuild.action.action import InputFile
    from bfbuild.realise import Step
    from bfbuild.recipe.graph import Graph

BUILD = "build"  # outputs for people
PACKAGE = Path(__file__).parent.parent


class Project:
    """A project's parts, each made when it is first asked for; `progress` shows what they do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.steps: list[Step] = []  # of the last build
        self.signatures = Signatures(str(root))
        for path in [configuration.FILE, *(str(each) for each in PACKAGE.rglob("*.py"))]:
            self.signatures.add(path)
        self.config = configuration.load(root)
        self.signatures.add(str(self.config.lock_path))

    @cached_property
    def recipes(self) -> tuple[Recipe, ...]:
        """What recipes/ declares."""
        return loader.load(self.config, self.signatures.add)

    @cached_property
    def graph(self) -> Graph:
        """What they need of each other."""
        return connect(self.recipes, lambda path: (self.root / path).is_file())

    @cached_property
    def store(self) -> Store:
        """Where results are kept."""
        return Store(self.config.cache_dir)

    @cached_property
    def progress(self) -> Progress:
        """What shows the work."""
        return Progress(self.store)

    @cached_property
    def toolchains(self) -> Toolchains:
        """The locked roots that tools run in."""
        return Toolchains(self.store, self.config.lock_path, self.config.mirrors, self.progress)

    @cached_property
    def files(self) -> Files:
        """The content of this build's files."""
        return Files(self.graph, self.root, self.store, self.signatures.add)

    @cached_property
    def sandbox(self) -> Sandbox:
        """What tools run in; says so loudly where it is not the real one."""
        sandbox = Sandbox(self.toolchains.ensure(SANDBOX), self.config.sandbox)
        if sandbox.level != "bubblewrap":
            self.progress.note(
                f"warning: no user namespaces here: actions run under {sandbox.level}, which hides neither the network"
                " nor the host's processes. Results are marked so and cannot be released."
            )
        return sandbox

    @cached_property
    def executor(self) -> SandboxExecutor:
        """What runs an action."""
        build = self.config.settings.build
        return SandboxExecutor(self.store, self.sandbox, timeout=build.timeout, memory=build.memory)

    def build(self, targets: Sequence[Recipe], *, keep_going: bool = False, jobs: int = 0) -> None:
        """Make the outputs of `targets` exist; record what was decided, also where it failed."""
        if jobs < 0:
            raise ConfigError("there must be at least one job", facts=[("jobs", jobs)])
        realiser = Realiser(
            graph=self.graph,
            files=self.files,
            store=self.store,
            toolchains=self.toolchains,
            executor=lambda: self.executor,
            fetch=self._fetch,
            events=self.progress,
            jobs=jobs or self.config.jobs,
            source_date_epoch=self.config.source_date_epoch,
        )
        self.steps = realiser.steps
        started = time.time_ns()
        try:
            with self.progress:
                realiser.realise(targets, keep_going=keep_going or self.config.settings.build.keep_going)
        finally:
            self._record(targets, started)
        for target in targets:
            self._keep(target, started)

    def _record(self, targets: Sequence[Recipe], started: int) -> None:
        """File what was decided. A store that takes no record (full, read-only) fails no build of nothing but hits."""
        build = Build(
            id=secrets.token_hex(6),
            project=self.config.settings.project.name,
            started=started,
            targets=tuple(recipe.name for recipe in targets),
            steps=_recorded(self.graph, self.steps),
        )
        try:
            self.store.traces.record_build(build)
        except StoreError as error:
            self.progress.note(f"warning: this build is not on record: {error.headline}: {dict(error.facts)['reason']}")

    def _keep(self, target: Recipe, started: int) -> None:
        """Root what a target is made of, so that collecting leaves it while this checkout is there."""
        closure = self.graph.closure([target])
        tools = [recipe for recipe in closure if isinstance(recipe, Toolchain)]
        actions = {step.recipe: step.action.digest for step in self.steps}
        with suppress(LockError):  # the sandbox is looked up when a tool must run; then it is an error
            actions |= {tool: self.toolchains.unpacking(tool) for tool in [*tools, *([SANDBOX] if tools else [])]}
        name = checkout_root_name(self.config.settings.project.name, self.root, target.name)
        root = Root(
            name=name,
            target=target.name,
            checkout=str(self.root),
            made=started,
            actions=tuple(actions[recipe] for recipe in [*closure, SANDBOX] if recipe in actions),
            downloads=tuple(Digest(each.sha256, each.size) for each in closure if isinstance(each, Fetch)),
        )
        try:
            self.store.roots.put(root)
        except StoreError as error:
            self.progress.note(f"warning: {target.name} has no root: {error.headline}: {dict(error.facts)['reason']}")

    def output(self, name: str) -> InputFile:
        """The content of an output that this build made."""
        return self.files.made[name]

    def export(self, names: Sequence[str]) -> list[Path]:
        """Put outputs into build/ for people; files that are right already are not touched. Raise StoreError."""
        paths = []
        for name in names:
            path, made = self.root / BUILD / name, self.files.made[name]
            if not _holds(path, made):
                with disk_errors("put an output into build/", path):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    self.store.cas.copy_to(made.digest, path, executable=made.executable)
            paths.append(path)
        return paths

    def digest_of(self, path: Path) -> str:
        """The SHA-256 of an exported output."""
        return self.files.made[str(path.relative_to(self.root / BUILD))].digest.hash

    def nothing_to(self, kind: str) -> RecipeError:
        """The error for a command that finds nothing to work on."""
        return RecipeError(f"there is nothing to {kind}", facts=[("recipes", self.root / loader.FOLDER)])

    def _fetch(self, recipe: Fetch) -> None:
        """Download a file once; raise FetchError where it cannot be had."""
        digest = Digest(recipe.sha256, recipe.size)
        if self.store.cas.state(digest).presence is Presence.PRESENT:
            return
        wanted = Wanted(recipe.name, recipe.urls, recipe.sha256, recipe.size, hint=f"declared at {recipe.location}")
        with self.store.scratch.folder() as folder:
            paths = fetch_all([wanted], folder, lambda done, total: self.progress.transfer(recipe.name, done, total))
            self.store.cas.put_file(paths[recipe.name])


def _recorded(graph: Graph, steps: Sequence[Step]) -> tuple[BuildStep, ...]:
    """What was decided, in order; a step comes after those that it needs."""
    labels = {step.recipe.name for step in steps}
    moved: set[str] = set()  # what ran, and what builds on it
    recorded = []
    for step in steps:
        label = step.recipe.name
        needs = tuple(need.name for need in graph.needs(step.recipe) if need.name in labels)
        ran = isinstance(step.decision, Miss)
        behind = any(need in moved for need in needs)
        if ran or behind:
            moved.add(label)
        recorded.append(
            BuildStep(
                label=label,
                action=step.action.digest,
                decision="miss" if ran else "hit",
                reason=step.decision.reason.text if isinstance(step.decision, Miss) else "",
                needs=needs,
                cut_off=behind and not ran,
            )
        )
    return tuple(recorded)


def _holds(path: Path, made: InputFile) -> bool:
    """Whether a file in build/ is what was made."""
    try:
        right_mode = bool(path.stat().st_mode & 0o100) == made.executable
        return right_mode and digest_file(path) == made.digest
    except OSError:
        return False
