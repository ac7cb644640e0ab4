"""`doit cache du [TARGET]`: sizes by target and by kind, or by the labels of one target, with what is shared."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from bfbuild.commands.cache import text as show
from bfbuild.commands.cache.find import find_root
from bfbuild.store.closure import Closure, Kind, unpackings
from bfbuild.store.kept import scan
from bfbuild.store.results import result_blobs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bfbuild.store import Store
    from bfbuild.store.roots import Root


class Size(NamedTuple):
    """Bytes of something, and those of them that nothing else in the table needs."""

    name: str
    bytes: int
    alone: int


class Sizes(NamedTuple):
    """The sizes in one table, and of content by kind: files and bytes."""

    head: str
    sizes: list[Size]
    kinds: dict[str, tuple[int, int]]


def look(store: Store, target: str | None = None) -> Sizes:
    """Measure; raise StoreError where a root cannot be read, or the target has none."""
    entries = {name: entry.size for name, entry in scan(store.cas.path).items()}
    if target is not None:
        root = find_root(store, target)
        labels = _labels(store, root)
        return Sizes("label", _sizes(labels, entries), _kinds(store, [root], entries))
    roots = store.roots.all()
    needed = {root.name: set(_closure(store, [root]).content) for root in roots}
    kinds = _kinds(store, roots, entries)
    counted = [sum(each[number] for each in kinds.values()) for number in (0, 1)]
    kinds["no root needs it"] = (len(entries) - counted[0], sum(entries.values()) - counted[1])
    return Sizes("root", _sizes(needed, entries), kinds)


def text(found: Sizes) -> str:
    """Return the tables for people."""
    rows = [(each.name, show.size(each.bytes), show.size(each.alone)) for each in found.sizes]
    kinds = [(kind, f"{files:,}", show.size(size)) for kind, (files, size) in found.kinds.items()]
    files, size = (sum(each[number] for each in found.kinds.values()) for number in (0, 1))
    kinds.append(("all", f"{files:,}", show.size(size)))
    return "\n".join(
        [
            show.table((found.head, "size", "alone"), rows, right=(1, 2)),
            "",
            show.table(("kind", "files", "size"), kinds, right=(1, 2)),
        ]
    )


def data(found: Sizes) -> object:
    """Return the same for programs."""
    return {
        f"{found.head}s": [each._asdict() for each in found.sizes],
        "kinds": {kind: {"files": files, "bytes": size} for kind, (files, size) in found.kinds.items()},
    }


def _closure(store: Store, roots: Iterable[Root]) -> Closure:
    closure = Closure(store, unpackings(store))
    for root in roots:
        closure.add_root(root)
    return closure


def _kinds(store: Store, roots: Iterable[Root], entries: Mapping[bytes, int]) -> dict[str, tuple[int, int]]:
    sizes: dict[str, list[int]] = {kind.value: [] for kind in Kind if kind is not Kind.LOG}
    for name, kind in _closure(store, roots).content.items():
        if name in entries:
            sizes[kind.value].append(entries[name])
    return {kind: (len(each), sum(each)) for kind, each in sizes.items()}


def _labels(store: Store, root: Root) -> dict[str, set[bytes]]:
    """Return the outputs of each label of a root."""
    outputs = {}
    for label, action in root.actions.items():
        result = store.results.read(action)
        if result is not None and not result.output_directories:
            outputs[label] = {bytes.fromhex(digest.hash) for _, digest in result_blobs(result)}
    return outputs


def _sizes(needed: Mapping[str, set[bytes]], entries: Mapping[bytes, int]) -> list[Size]:
    """Return the sizes of named sets, the largest first."""
    users = Counter(name for names in needed.values() for name in names)
    sizes = [
        Size(
            who,
            sum(entries.get(name, 0) for name in names),
            sum(entries.get(name, 0) for name in names if users[name] == 1),
        )
        for who, names in needed.items()
    ]
    return sorted(sizes, key=lambda each: (-each.bytes, each.name))
