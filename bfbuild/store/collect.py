"""Collecting garbage: what a store keeps, and how the rest goes while builds run.

What is kept: everything that is reached (closure.py) from

- the roots: pins, and those of checkouts that are still there;
- the records of the newest builds, `Limits.builds` of them, and of those younger than `Limits.age`;
- results and executions younger than that, and content younger than that by itself. With `Limits.size` these are taken
  newest first, only until the store is that large; roots and the newest builds are kept whatever their size;
- what running processes hold.

Marks (marks.py) stay: they are small, and what is not deterministic is so also when it is made again.

Planning (`plan`) reads and removes nothing. It takes no lock, so the store changes under it; what that means is dealt
with when things are removed.

The protocol. A process writes down what it asks the store for before it looks (leases.py), and passes the gate between
the two. The collector closes the gate for each few hundred removals, reads what was written down since, spares that and
what it reaches, and opens the gate again. So of all that is removed nobody had asked before, and who asks later finds
it gone, which is a plain miss. A process that ends while a collection runs leaves its lease to be read: whatever it put
on record was asked for by it, so what new roots and results name is spared too. A build waits for at most one batch;
the collector waits for another collector, and for a process that could not write its lease.

A collector that is killed leaves a store that is right: what it removed nobody needed, its locks are the kernel's, and
results go before content (and are gone from the disk by then), so no result names what was removed.
"""

from __future__ import annotations

import itertools
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.store.disk import disk_errors, is_hash, sync
from bfbuild.store.kept import Kept
from bfbuild.store.leases import Watch, held_names
from bfbuild.store.signature import signature_path

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from bfbuild.store import Store
    from bfbuild.store.kept import Entry
    from bfbuild.store.roots import Root

BATCH = 500  # removals while the gate is closed: some ten milliseconds


@dataclass(frozen=True)
class Limits:
    """What is kept besides roots; `age` in ns, `size` in bytes of content and results, None for no limit."""

    builds: int
    age: int
    size: int | None = None


@dataclass(frozen=True)
class Plan:
    """What may go, and what that means. Names are 32 bytes; sizes are bytes, times ns."""

    keep: Kept
    results: Mapping[bytes, Entry]
    content: Mapping[bytes, Entry]
    trees: tuple[str, ...]  # names of unpacked folders, whose files are not counted
    roots: tuple[Root, ...]  # of checkouts that are gone
    since: int  # executions and builds that began earlier are forgotten, where nothing kept needs them
    rebuild: int  # time that it took to make the freed results, as far as it is on record
    unknown: int  # freed results that no execution is on record for
    download: int  # bytes of freed packages, to be fetched again

    @property
    def kept(self) -> int:
        """Bytes of content and results that stay."""
        return self.keep.size

    @property
    def frees(self) -> int:
        """Bytes of content and results that go."""
        return sum(entry.size for entry in itertools.chain(self.results.values(), self.content.values()))


@dataclass
class Collected:
    """What a collection removed."""

    results: int = 0
    content: int = 0
    trees: int = 0
    records: int = 0  # of executions and builds
    roots: int = 0
    bytes: int = 0  # of results and content


def plan(store: Store, limits: Limits, now: int) -> Plan:
    """Return what may go at the moment `now`, in ns since 1970; raise RootDamaged where a root cannot be read."""
    roots = store.roots.all()
    since = now - limits.age
    keep = Kept(store, since)
    for root in roots:
        if not root.gone:
            keep.root(root)
    keep.held(held_names(store.leases.path))
    keep.builds(limits.builds)
    keep.young(limits.size)
    closure = keep.closure
    unpackings = set(itertools.chain.from_iterable(keep.unpackings.values()))  # nobody records how long these take
    results = {name: entry for name, entry in keep.results.items() if name not in closure.results}
    content = {name: entry for name, entry in keep.content.items() if name not in closure.content}
    return Plan(
        keep=keep,
        results=results,
        content=content,
        trees=tuple(name for name in _trees(store) if bytes.fromhex(name) not in closure.content),
        roots=tuple(root for root in roots if root.gone),
        since=since,
        rebuild=sum(keep.took.get(name, 0) for name in results),
        unknown=sum(name not in keep.took and name not in unpackings for name in results),
        download=sum(content[name].size for name in keep.packages(results) if name in content),
    )


def collect(store: Store, limits: Limits, now: int) -> tuple[Plan, Collected]:
    """Remove what may go; others may use the store meanwhile. Raise StoreError where something cannot be removed."""
    with store.collector_lock():
        watch = Watch(store.leases.path, store.cas.path)
        planned = plan(store, limits, now)
        done = Collected(roots=len(planned.roots))
        for root in planned.roots:
            store.roots.remove(root)
        removal = _Removal(planned, watch)
        kept = planned.keep.closure  # growing, while builds are heard
        results = removal.files(store.results.path, planned.results, kept.results)
        store.signatures.sweep(store.results.path)
        content = removal.files(store.cas.path, planned.content, kept.content)
        done.results, done.content = len(results), len(content)
        done.bytes = sum(entry.size for entry in [*results, *content])
        done.trees = removal.trees(store)
        actions = {name.hex() for name in kept.results}
        done.records = store.traces.prune(actions, since=planned.since, builds=limits.builds, before=now)
    return planned, done


@dataclass
class _Removal:
    """The removing, a batch at a time; see the module."""

    plan: Plan
    watch: Watch

    def files(self, folder: Path, dead: Mapping[bytes, Entry], kept: Container[bytes]) -> list[Entry]:
        """Remove the files of `dead` names that are not `kept` by now, durably; return what was removed."""
        removed, touched = [], set()
        names = iter(sorted(dead))
        while batch := list(itertools.islice(names, BATCH)):
            with self._closed() as held, disk_errors("remove from the store", folder):
                for name in batch:
                    if name in kept or name in held:
                        continue
                    path = Path(folder, name.hex()[:2], name.hex())
                    with suppress(FileNotFoundError):
                        path.unlink()
                        removed.append(dead[name])
                        touched.add(path.parent)
        with disk_errors("remove from the store", folder):
            sync(touched)
        return removed

    def trees(self, store: Store) -> int:
        """Remove unpacked folders: moved aside while nobody looks, deleted at leisure."""
        removed = 0
        for name in self.plan.trees:
            path = store.path / "trees" / name
            with store.scratch.folder() as aside, disk_errors("remove an unpacked folder", path):
                with self._closed() as held:
                    if bytes.fromhex(name) in held or not os.path.lexists(path):
                        continue
                    if not path.is_symlink():  # what a link leads to is another's
                        signature_path(path).unlink(missing_ok=True)
                    path.rename(aside / name)
                removed += 1
                if not (aside / name).is_symlink():
                    shutil.rmtree(aside / name)
        return removed

    @contextmanager
    def _closed(self) -> Iterator[set[bytes]]:
        """Close the gate, and spare also what is reached from what is held."""
        with self.watch.closed() as (held, new):
            for name in new:
                if name in self.plan.results:
                    self.plan.keep.action(name)
            yield held


def _trees(store: Store) -> Iterator[str]:
    for entry in sorted((store.path / "trees").iterdir()):
        if is_hash(entry.name):
            yield entry.name
