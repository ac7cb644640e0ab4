"""Builds again what a build did, where only the content of sources or outputs changed since: no recipe is read for it.

What cannot be answered so raises Doubt, and costs some milliseconds; whoever asks goes the full way then. Remembering
is here as well: after a build that went the full way, and after each that did not.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild import snapshot
from bfbuild.action.scan import DIRECTIVES
from bfbuild.commands.outputs import BUILD, export, record
from bfbuild.commands.places import Places
from bfbuild.commands.progress import Progress
from bfbuild.digest import ActionDigest, Digest, canonical
from bfbuild.errors import StoreError
from bfbuild.execute.sandbox import Sandbox, SandboxExecutor
from bfbuild.realise import Realiser
from bfbuild.remembered import Doubt, Memory, Piece, Remembered, recall, remember
from bfbuild.snapshot import Signatures, Snapshot, question
from bfbuild.store import Store
from bfbuild.store.roots import checkout_root_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bfbuild.action.action import InputFile
    from bfbuild.commands.project import Project
    from bfbuild.realise import Step
    from bfbuild.release.trust import Keyring
    from bfbuild.remote.cache import Cache
    from bfbuild.remote.channel import Channel


def again(saved: Snapshot, kind: str, names: list[str], *, keep_going: bool, jobs: int) -> int:
    """Answer `doit KIND NAMES` whose files changed; raise Doubt, or what the build raises."""
    if jobs < 0:
        raise Doubt("jobs")
    started, clock = time.time_ns(), time.monotonic()
    with recall(question(saved.root, kind, names)) as (database, memory):
        store = Store(Path(memory.cache), _trust(memory))
        work = Remembered(database, memory, saved.root, store)
        outputs = set(list(saved.files)[len(saved.files) - saved.outputs :])
        signatures = Signatures(saved.root)
        signatures.files = {path: signature for path, signature in saved.files.items() if path not in outputs}
        for path in saved.changed:
            if path not in outputs:
                signatures.files[path] = snapshot.sign(f"{saved.root}/{path}")
                work.look(path)
        progress = Progress(store)
        if work.order():
            cache = _cache(memory, store, progress)
            _realise(work, store, progress, cache, keep_going=keep_going, jobs=jobs, started=started)
        made = {name: work.content(name) for name in memory.contents}
        touched = {name for name in made if name in work.made or f"{BUILD}/{name}" in saved.changed}
        try:
            export(Path(saved.root), store, {name: made[name] for name in touched})
            work.learn()
            store.sync()
        except StoreError as error:
            raise Doubt("the store") from error
        text = answer(memory.answered, made)
        if work.order():
            summary(progress, clock, cache)
        sys.stdout.write(text)
        sys.stdout.flush()
        paths = [f"{BUILD}/{name}" for name in memory.answered]
        with suppress(OSError):  # a shortcut for the next time, where it can be written
            snapshot.save(kind, names, sources=signatures, outputs=paths, answer=text, unchanged=work.is_as_seen)
    return 0


def _trust(memory: Memory) -> Keyring | None:
    if memory.trust is None:
        return None
    from bfbuild.release.trust import Keyring  # noqa: PLC0415  (for a project that says whose word counts)

    keys, threshold, revoked, secret = memory.trust
    return Keyring(keys, threshold, revoked, Path(secret))


def _channel(memory: Memory, server: str) -> Channel | None:
    """The server that `[remote]` has under this key, where it has one."""
    if memory.remote is None or not memory.remote[server]:
        return None
    from bfbuild.config import RemoteSection, remote_token  # noqa: PLC0415  (for a project that has a server)
    from bfbuild.remote.channel import Channel  # noqa: PLC0415

    remote = RemoteSection(**memory.remote)
    return Channel(remote, memory.remote[server], remote_token(remote))


def _cache(memory: Memory, store: Store, progress: Progress) -> Cache | None:
    channel = _channel(memory, "cache")
    if channel is None:
        return None
    from bfbuild.remote.cache import Cache  # noqa: PLC0415  (for a project that has one)

    roots = {Digest(*root): ActionDigest(*action) for root, action in memory.unpackings.items()}
    return Cache(channel, store, progress, _trust(memory), roots.get)


def _realise(
    work: Remembered,
    store: Store,
    progress: Progress,
    cache: Cache | None,
    *,
    keep_going: bool,
    jobs: int,
    started: int,
) -> None:
    memory = work.memory

    def local() -> SandboxExecutor:
        sandbox = Sandbox(work.tree(memory.sandbox_tools), proven="bubblewrap")
        return SandboxExecutor(store, sandbox, timeout=memory.timeout, memory=memory.memory)

    places = Places(store, progress, jobs or memory.jobs, local, _channel(memory, "exec"))
    executor = places.executor(memory.timeout)
    realiser = Realiser(work, store, lambda: executor, progress, places.jobs, cache=cache)
    try:
        with progress, cache or nullcontext():
            realiser.realise(keep_going=keep_going)
        actions = {step.recipe.name: step.action.digest for step in realiser.steps}
        for target in memory.targets:
            store.roots.refresh(checkout_root_name(memory.project, work.root, target), actions, started)
    except StoreError as error:
        raise Doubt("the store lost something") from error
    finally:
        record(realiser, progress, project=memory.project, targets=memory.targets, started=started)


def answer(names: Sequence[str], made: dict[str, InputFile]) -> str:
    """Return what a build says: where each output lies, and its SHA-256."""
    return "".join(f"{BUILD}/{name}  {made[name].digest.hash}\n" for name in names)


def summary(progress: Progress, started: float, cache: Cache | None) -> None:
    """Say how much a build had to do; `started` is a reading of the monotonic clock."""
    total, took = progress.hits + progress.runs, time.monotonic() - started
    word = "action" if total == 1 else "actions"
    there = f" ({progress.there} at the cluster)" if progress.there else ""
    sys.stderr.write(f"{total} {word}: {progress.runs} run{there}, {progress.hits} hit, {took:.2f} s\n")
    if cache is not None and (cache.channel.sent or cache.channel.received):
        moved = f"{cache.channel.sent:,} bytes sent, {cache.channel.received:,} received"
        sys.stderr.write(f"{cache.url}: {cache.taken} taken, {cache.given} given, {moved}\n")


def keep(
    project: Project, kind: str, names: list[str], *, answered: Sequence[str], exported: Sequence[str], text: str
) -> None:
    """Remember a build that went the full way, for the next time; where that cannot be written, it is not."""
    files = project.files
    with suppress(OSError, sqlite3.Error):
        outputs = [f"{BUILD}/{name}" for name in answered]
        if not snapshot.save(
            kind, names, sources=project.signatures, outputs=outputs, answer=text, unchanged=files.unchanged
        ):
            return
        pieces = list(_pieces(project))
        build = project.config.settings.build
        memory = Memory(
            project=project.config.settings.project.name,
            cache=str(project.config.cache_dir),
            trust=_told(project.trust),
            remote=None if project.config.remote is None else project.config.remote.model_dump(),
            unpackings=dict(_unpackings(project)) if project.cache is not None else {},
            jobs=project.config.jobs,
            timeout=build.timeout,
            memory=build.memory,
            source_date_epoch=project.config.source_date_epoch,
            sandbox_tools=project.sandbox_tools,
            targets=tuple(recipe.name for recipe in project.targets),
            answered=tuple(answered),
            exported=tuple(exported),
            contents={
                name: (files.made[name].digest.hash, files.made[name].digest.size, files.made[name].executable)
                for name in (*answered, *exported)
            },
            trees={tree.digest.hash: (tree.digest.size, canonical(tree.root)) for tree in project.toolchains.planned()},
        )
        remember(
            question(str(project.root), kind, names),
            memory,
            pieces,
            fixed=project.read_by_recipes,
            signatures=project.signatures,
        )


def _told(trust: Keyring | None) -> tuple[tuple[str, ...], int, tuple[str, ...], str] | None:
    return None if trust is None else (tuple(trust.keys), trust.threshold, tuple(trust.revoked), str(trust.secret))


def _unpackings(project: Project) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    for tree in project.toolchains.planned():
        action = project.toolchains.unpacked_by(tree.digest)
        if action is not None:
            yield (tree.digest.hash, tree.digest.size), (action.hash, action.size)


def _pieces(project: Project) -> Iterator[Piece]:
    for number, step in enumerate(project.steps):
        request = step.action.request
        needs = project.graph.needs(project.graph.recipes[step.recipe.name])
        results = {name: project.files.made[name] for name in project.graph.recipes[step.recipe.name].outputs}
        yield Piece(
            number=number,
            request=request,
            type=type(step.recipe).__name__,
            recipe_file=project.work(()).recipe_file(step.recipe),
            tree=step.action.description.toolchain,
            needs=tuple(need.name for need in needs),
            scans=_scans(project, step),
            results=results,
            explained=request.explain is not None,
        )


def _scans(project: Project, step: Step) -> dict[str, tuple[str, tuple[tuple[str, bool], ...]]]:
    kind = step.action.request.kind
    directives = DIRECTIVES.get(kind)
    if directives is None:
        return {}
    found = {place: project.files.scanned(place, directives) for place in step.action.request.inputs}
    return {
        place: (kind, tuple((include.name, include.beside) for include in includes))
        for place, includes in found.items()
        if includes is not None
    }
