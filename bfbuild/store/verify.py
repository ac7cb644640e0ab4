"""Doubting a store: everything in it against its name (`verify`), and the removal of just what is wrong (`repair`).

Checked are content against its digest, results against their seal and the content that they name, roots against their
checksum, and unpacked folders, file by file, against the digest that is their name. A result whose content is damaged
or gone is damaged with it. Traces are not judged: they decide nothing.

Others may use the store meanwhile. What vanishes while it is looked at was collected, and is no damage.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bfbuild.digest import ActionDigest, Digest, digest_file
from bfbuild.store.cas import Presence
from bfbuild.store.disk import disk_errors, is_hash
from bfbuild.store.lookup import ResultDamaged
from bfbuild.store.results import result_blobs
from bfbuild.store.roots import RootDamaged
from bfbuild.store.tree import read_folder

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from bfbuild.store import Store

Kind = Literal["content", "result", "root", "tree"]
Progress = Callable[[int, int], None]  # told how many bytes of content are checked, of how many

PREFIXES = tuple(f"{first:02x}" for first in range(256))


@dataclass(frozen=True, order=True)
class Damage:
    """One thing that is not as it should be; `name` is its hash, or the name of a root's file."""

    kind: Kind
    name: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """How much was checked, by kind, and what is wrong."""

    checked: dict[Kind, int]
    damage: tuple[Damage, ...]


@dataclass(frozen=True)
class Repaired:
    """What was removed, and the labels whose results were among it; building these makes them anew."""

    removed: tuple[Damage, ...]
    labels: tuple[str, ...]


def verify(store: Store, progress: Progress) -> Verdict:
    """Check everything, on all processors."""
    checked: dict[Kind, int] = {"content": 0, "result": 0, "root": 0, "tree": 0}
    damage: list[Damage] = []
    total, done = store.usage()["cas"].bytes, 0
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for count, size, found in pool.map(lambda prefix: _check_content(store, prefix), PREFIXES):
            checked["content"] += count
            damage += found
            done += size
            progress(min(done, total), total)
        damaged = {each.name for each in damage}
        for count, found in pool.map(lambda prefix: _check_results(store, prefix, damaged), PREFIXES):
            checked["result"] += count
            damage += found
        for path in sorted((store.path / "trees").iterdir()):
            if is_hash(path.name):
                checked["tree"] += 1
                damage += _check_tree(path, pool)
    for path in store.roots.files():
        checked["root"] += 1
        try:
            store.roots.read(path)
        except RootDamaged as problem:
            damage.append(Damage("root", path.name, problem.reason))
    return Verdict(checked, tuple(sorted(damage)))


def repair(store: Store, verdict: Verdict) -> Repaired:
    """Remove what a verdict calls damaged, if it still is; raise StoreError where it cannot be removed."""
    removed = tuple(damage for damage in verdict.damage if _remove(store, damage))
    lost = {damage.name for damage in removed if damage.kind == "result"}
    labels = {trace.label for trace in store.traces.recent() if trace.action.hash in lost} if lost else set()
    return Repaired(removed, tuple(sorted(labels)))


def _check_content(store: Store, prefix: str) -> tuple[int, int, list[Damage]]:
    """Return how many pieces of content start so, their bytes, and the damage among them."""
    count = size = 0
    damage = []
    for digest in store.cas.digests(prefix):
        count += 1
        size += digest.size
        state = store.cas.look(digest)
        if state.presence is Presence.DAMAGED:
            damage.append(Damage("content", digest.hash, state.reason))
    return count, size, damage


def _check_results(store: Store, prefix: str, damaged: set[str]) -> tuple[int, list[Damage]]:
    hashes = list(store.results.hashes(prefix))
    reasons = ((each, _wrong_with(store, ActionDigest(each, 0), damaged)) for each in hashes)
    return len(hashes), [Damage("result", each, reason) for each, reason in reasons if reason is not None]


def _wrong_with(store: Store, action: ActionDigest, damaged: set[str]) -> str | None:
    """Return what is wrong with a result, None for nothing; `damaged` is content that was found to be so."""
    try:
        for path, digest in _blobs(store, action):
            if digest.hash in damaged:
                return f"its output {path} is damaged"
            if not _is_there(store, digest) and any(_blobs(store, action)):
                return f"its output {path} is missing"
    except ResultDamaged as problem:
        return problem.reason
    return None


def _blobs(store: Store, action: ActionDigest) -> Iterator[tuple[str, Digest]]:
    result = store.results.read(action)
    return iter(()) if result is None else result_blobs(result)


def _is_there(store: Store, digest: Digest) -> bool:
    try:
        return store.cas.path_of(digest).stat().st_size == digest.size
    except OSError:
        return False


def _check_tree(path: Path, pool: Executor) -> list[Damage]:
    try:
        found = read_folder(path, pool).digest
    except FileNotFoundError:
        if not path.is_dir():
            return []
        return [Damage("tree", path.name, "it changes while it is looked at")]
    except (OSError, ValueError) as error:
        return [Damage("tree", path.name, f"cannot be read: {error}")]
    if found.hash == path.name:
        return []
    return [Damage("tree", path.name, f"its files are others: they have the digest {found.short}")]


def _remove(store: Store, damage: Damage) -> bool:
    """Remove one damaged thing; return whether it was there, and damaged still."""
    match damage.kind:
        case "content":
            return _remove_content(store, damage.name)
        case "result":
            path = store.results.path_of(ActionDigest(damage.name, 0))
        case "root":
            path = store.roots.path / damage.name
        case "tree":
            return _remove_tree(store, damage.name)
    with disk_errors("remove what is damaged", path):
        if path.is_dir():
            path.rmdir()
        elif path.exists():
            path.unlink()
        else:
            return False
    return True


def _remove_content(store: Store, name: str) -> bool:
    """Move content aside and look once more: a build may have replaced it by good content meanwhile."""
    path = store.cas.path_of(Digest(name, 0))
    with store.scratch.folder() as folder, disk_errors("remove what is damaged", path):
        aside = folder / name
        try:
            path.rename(aside)
        except FileNotFoundError:
            return False
        if aside.is_file() and digest_file(aside).hash == name:
            aside.rename(path)
            return False
    return True


def _remove_tree(store: Store, name: str) -> bool:
    path = store.path / "trees" / name
    with store.tree_lock(name), store.scratch.folder() as folder, disk_errors("remove what is damaged", path):
        try:
            path.rename(folder / name)
        except FileNotFoundError:
            return False
    return True
