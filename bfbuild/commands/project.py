"""One project, opened: configuration, recipes, graph, store and toolchains, and the build that joins them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild import config as configuration
from bfbuild.commands.outputs import BUILD, export, record
from bfbuild.commands.places import Places
from bfbuild.commands.progress import Progress
from bfbuild.declared import Declared
from bfbuild.digest import ActionDigest, Digest
from bfbuild.errors import ConfigError, RecipeError, StoreError
from bfbuild.execute.sandbox import Sandbox, SandboxExecutor
from bfbuild.files import Files
from bfbuild.realise import Realiser
from bfbuild.recipe import loader
from bfbuild.recipe.graph import connect
from bfbuild.recipe.model import SANDBOX, Fetch, Recipe, Toolchain, Wheel
from bfbuild.remote.channel import Patience
from bfbuild.snapshot import Signatures
from bfbuild.store import Store
from bfbuild.store.cas import Presence
from bfbuild.store.roots import Root, checkout_root_name
from bfbuild.toolchain.fetch import Wanted, fetch_all
from bfbuild.toolchain.root import Toolchains

if TYPE_CHECKING:
    from bfbuild.action.action import InputFile
    from bfbuild.config import RemoteSection
    from bfbuild.realise import Step
    from bfbuild.recipe.graph import Graph
    from bfbuild.release.trust import Keyring
    from bfbuild.remote.cache import Cache
    from bfbuild.remote.channel import Channel

PACKAGE = Path(__file__).parent.parent


class Project:
    """A project's parts, each made when it is first asked for; `progress` shows what they do."""

    def __init__(self, root: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.root = root
        self.environment = environment
        self.patience = Patience()  # with a remote server
        self.steps: list[Step] = []  # of the last build
        self.targets: tuple[Recipe, ...] = ()  # of the last build
        self.read_by_recipes: frozenset[str] = frozenset()  # files and folders that recipes depend on
        self.signatures = Signatures(str(root))
        for path in [configuration.FILE, "dodo.py", *(str(each) for each in PACKAGE.rglob("*.py"))]:
            self.signatures.add(path)
        self.config = configuration.load(root, environment)
        self.signatures.add(str(self.config.lock_path))

    @cached_property
    def recipes(self) -> tuple[Recipe, ...]:
        """What recipes/ declares."""
        recipes = loader.load(self.config, self.signatures.add)
        self.read_by_recipes = frozenset(self.signatures.files)
        return recipes

    @cached_property
    def graph(self) -> Graph:
        """What they need of each other."""
        return connect(self.recipes, lambda path: (self.root / path).is_file())

    @cached_property
    def store(self) -> Store:
        """Where results are kept."""
        return Store(self.config.cache_dir, self.trust)

    @cached_property
    def trust(self) -> Keyring | None:
        """Who may vouch for results, where the project says so."""
        trust, keys = self.config.settings.trust, self.config.settings.keys
        if not trust.keys:
            return None
        from bfbuild.release.trust import Keyring  # noqa: PLC0415  (for a project that says whose word counts)

        return Keyring(trust.keys, trust.threshold, keys.revoked, self.config.secret_key)

    @cached_property
    def progress(self) -> Progress:
        """What shows the work."""
        return Progress(self.store)

    @cached_property
    def toolchains(self) -> Toolchains:
        """The locked roots that tools run in."""
        return Toolchains(self.store, self.config.lock_path, self.config.mirrors, self.progress, self.cache)

    @cached_property
    def cache(self) -> Cache | None:
        """The results of a team, where the project has a server for them."""
        remote = self.config.remote
        if remote is None:
            return None
        from bfbuild.remote.cache import Cache  # noqa: PLC0415  (for a project that has one)

        return Cache(self._channel(remote, remote.cache), self.store, self.progress, self.trust, self._unpacked_by)

    def _unpacked_by(self, root: Digest) -> ActionDigest | None:
        return self.toolchains.unpacked_by(root)  # which know the cache themselves

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

    @property
    def sandbox_tools(self) -> str:
        """The SHA-256 of the root that has the sandbox's programs; empty where no real sandbox was used."""
        used = "sandbox" in self.__dict__ and self.sandbox.level == "bubblewrap"
        return self.sandbox.tools.name if used else ""

    @cached_property
    def executor(self) -> SandboxExecutor:
        """What runs an action."""
        build = self.config.settings.build
        return SandboxExecutor(self.store, self.sandbox, timeout=build.timeout, memory=build.memory)

    def places(self, jobs: int) -> Places:
        """Where the actions of a build run; so many at once on this machine."""
        remote = self.config.remote
        cluster = self._channel(remote, remote.exec) if remote is not None and remote.exec else None
        return Places(self.store, self.progress, jobs, lambda: self.executor, cluster)

    def _channel(self, remote: RemoteSection, url: str) -> Channel:
        from bfbuild.remote.channel import Channel  # noqa: PLC0415  (for a project that has a server)

        return Channel(remote, url, configuration.remote_token(remote, self.environment), self.patience)

    def work(self, targets: Sequence[Recipe]) -> Declared:
        """Return what a build of these has to make."""
        return Declared(
            graph=self.graph,
            targets=targets,
            files=self.files,
            toolchains=self.toolchains,
            fetch=self.fetch,
            source_date_epoch=self.config.source_date_epoch,
        )

    def build(self, targets: Sequence[Recipe], *, keep_going: bool = False, jobs: int = 0) -> None:
        """Make the outputs of `targets` exist; record what was decided, also where it failed."""
        if jobs < 0:
            raise ConfigError("there must be at least one job", facts=[("jobs", jobs)])
        places = self.places(jobs or self.config.jobs)
        realiser = Realiser(
            work=self.work(targets),
            store=self.store,
            executor=lambda: places.executor(self.config.settings.build.timeout),
            events=self.progress,
            jobs=places.jobs,
            cache=self.cache,
        )
        self.steps, self.targets = realiser.steps, tuple(targets)
        if self.trust is not None and self.trust.silent is not None:
            self.progress.note(f"warning: what is built here will not be believed later: {self.trust.silent}")
        if self.trust is not None and places.cluster is not None:
            self.progress.note(
                "warning: nobody signs what a cluster executes, so it will not be believed later: [trust] in"
                f" {configuration.FILE}"
            )
        started = time.time_ns()
        try:
            with self.progress, self.cache or nullcontext():
                realiser.realise(keep_going=keep_going or self.config.settings.build.keep_going)
            for target in targets:
                self._keep(target, started)
        finally:
            name, labels = self.config.settings.project.name, [recipe.name for recipe in targets]
            record(realiser, self.progress, project=name, targets=labels, started=started)
            self.store.sync()

    def _keep(self, target: Recipe, started: int) -> None:
        """Root what a target is made of, so that collecting leaves it while this checkout is there."""
        closure = self.graph.closure([target])
        tools = [recipe for recipe in closure if isinstance(recipe, Toolchain)]
        wanted = {recipe.name for recipe in closure}
        actions = {step.recipe.name: step.action.digest for step in self.steps if step.recipe.name in wanted}
        for tool in [*tools, *([SANDBOX] if tools else [])]:
            unpacking = self.toolchains.unpacking(tool)
            if unpacking is not None:
                actions[tool.name] = unpacking
        root = Root(
            name=checkout_root_name(self.config.settings.project.name, self.root, target.name),
            target=target.name,
            checkout=os.path.realpath(self.root),
            made=started,
            actions=actions,
            downloads=tuple(Digest(each.sha256, each.size) for each in closure if isinstance(each, Fetch | Wheel)),
        )
        try:
            self.store.roots.put(root)
        except StoreError as error:
            self.progress.note(f"warning: {target.name} has no root: {error.headline}: {dict(error.facts)['reason']}")

    def output(self, name: str) -> InputFile:
        """The content of an output that this build made."""
        return self.files.made[name]

    def export(self, names: Sequence[str]) -> list[Path]:
        """Put outputs into build/ for people. Raise StoreError."""
        return export(self.root, self.store, {name: self.files.made[name] for name in names})

    def digest_of(self, path: Path) -> str:
        """The SHA-256 of an exported output."""
        return self.files.made[str(path.relative_to(self.root / BUILD))].digest.hash

    def nothing_to(self, kind: str) -> RecipeError:
        """The error for a command that finds nothing to work on."""
        return RecipeError(f"there is nothing to {kind}", facts=[("recipes", self.root / loader.FOLDER)])

    def fetch(self, recipe: Fetch | Wheel) -> None:
        """Download a file once, however many builds want it; raise FetchError where it cannot be had."""
        digest = Digest(recipe.sha256, recipe.size)
        if self.store.cas.state(digest).presence is Presence.PRESENT:
            return
        with self.store.download_lock(digest), self.store.scratch.folder() as folder:
            if self.store.cas.state(digest).presence is not Presence.PRESENT:
                self.store.cas.put_file(self._fetched(recipe, folder))

    def _fetched(self, recipe: Fetch | Wheel, folder: Path) -> Path:
        if isinstance(recipe, Wheel):
            from bfbuild.toolchain.wheel import unpacked  # noqa: PLC0415  (few projects have one)

            self.progress.note(f"fetch {recipe.name}: {recipe.package} {recipe.version}, by pip")
            return unpacked(recipe, folder)
        wanted = Wanted(recipe.name, recipe.urls, recipe.sha256, recipe.size, hint=f"declared at {recipe.location}")
        paths = fetch_all([wanted], folder, lambda done, total: self.progress.transfer(recipe.name, done, total))
        return paths[recipe.name]
