"""Archives: a root with all that it reaches, in one file, so that it can be built again with no network, years later.

An archive is a tar in one xz stream, as xz.py writes it: packages are stored as they are. Its members, in this order,
each a plain file with mode 0444 and no owner or time:

    bareflow.json              {"version", "target", "bytes", "members"}: what follows, counted
    ac/<aa>/<hash>             results, as in the store
    cas/<aa>/<hash>            content, as in the store
    signatures/<aa>/<hash>     of these results, as in the store
    trace/<hash>.json          executions of these actions, as JSON; the name is the SHA-256 of it

Each kind is sorted by name, and equal stores make equal archives. Any tar can look into one; archive_reader.py, which
believes nothing, reads it into a store.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from bfbuild.digest import CHUNK, ActionDigest, Digest
from bfbuild.errors import StoreError
from bfbuild.store.cas import Presence
from bfbuild.store.closure import Closure, Kind, unpackings
from bfbuild.store.disk import disk_errors
from bfbuild.store.lookup import StoreLookup
from bfbuild.store.signatures import text as signed_text
from bfbuild.store.trace import to_json
from bfbuild.store.xz import XzWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from bfbuild.store import Store
    from bfbuild.store.roots import Root

VERSION = 1
HEAD = "bareflow.json"
BLOCK = 512

# How content begins that is compressed already: Debian packages, zip (wheels too), gzip, xz, zstd.
PACKED = (b"!<arch>\ndebian-binary", b"PK\3\4", b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")

NEEDED = (Kind.OUTPUT, Kind.PACKAGE, Kind.DOWNLOAD)
SHOWN = 5


@dataclass(frozen=True)
class Contents:
    """What an archive holds."""

    target: str
    results: int
    content: int
    traces: int
    bytes: int  # of all of it, unpacked


def write(store: Store, root: Root, path: Path, *, traces: bool = True) -> Contents:
    """Write the archive of a root to `path`, complete or not at all.

    Without `traces` nothing in it tells when or by whom: neither executions nor signatures are.
    Raise StoreError where the store does not have all that a build would need, or `path` cannot be written.
    """
    closure = _closure(store, root)
    told = _traces(store, closure) if traces else {}
    files = _files(store, closure, root.target)
    records = {**_signatures(store, files), **told} if traces else {}
    sizes = {name: file.stat().st_size for name, file in files.items()}
    total = sum(sizes.values()) + sum(map(len, records.values()))
    members = len(files) + len(records)
    head = json.dumps({"version": VERSION, "target": root.target, "bytes": total, "members": members}).encode()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with disk_errors("write an archive", path):
        try:
            with temporary.open("wb") as file:
                out = XzWriter(file)
                _write(out, HEAD, len(head), [head])
                for name, member in files.items():
                    _write(out, name, sizes[name], _chunks(member))
                for name, data in records.items():
                    _write(out, name, len(data), [data])
                out.compress(bytes(2 * BLOCK))
                out.close()
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return Contents(root.target, len(closure.results), len(files) - len(closure.results), len(told), total)


def _closure(store: Store, root: Root) -> Closure:
    """Return what a root reaches. Toolchains are unpacked as it names; where that is not enough, as is on record.

    So what other locks left in the store is not in the archive of a release, which names all that it needs.
    """
    named = {bytes.fromhex(action.hash) for action in root.actions.values()}
    known = unpackings(store)
    chosen = {tools: [each for each in actions if each in named] or actions for tools, actions in known.items()}
    closure = Closure(store, chosen)
    closure.add_root(root)
    lacking = {tools: known.get(tools, []) for tools, has_packages in closure.tools.items() if not has_packages}
    if lacking:
        closure = Closure(store, {**chosen, **lacking})
        closure.add_root(root)
    return closure


def _traces(store: Store, closure: Closure) -> dict[str, bytes]:
    """Return the newest execution of each action, by member; what they printed joins the closure."""
    found = {}
    store.traces.catch_up()
    for name in closure.results:
        trace = next(store.traces.of_action(ActionDigest(name.hex(), 0), now=False), None)
        if trace is None:
            continue
        for log in (trace.stdout, trace.stderr):
            closure.add_content(bytes.fromhex(log.hash), Kind.LOG)
        data = to_json(trace)
        found[f"trace/{hashlib.sha256(data).hexdigest()}.json"] = data
    return dict(sorted(found.items()))


def _signatures(store: Store, files: Iterable[str]) -> dict[str, bytes]:
    """Return the signatures of results, by member."""
    found = {name: store.signatures.get(ActionDigest(name[-64:], 0)) for name in files if name.startswith("ac/")}
    return {name.replace("ac/", "signatures/", 1): signed_text(each) for name, each in found.items() if each}


def _files(store: Store, closure: Closure, target: str) -> dict[str, Path]:
    """Return results and content by member, held and checked; raise StoreError where something needed is not there.

    What only explains (an action's description, what it printed) may be missing: it was a hit that came without.
    """
    missing: list[tuple[str, object]] = [
        ("packages of", root.hex()) for root, known in closure.tools.items() if not known
    ]
    results, content = {}, {}
    for name in sorted(each.hex() for each in closure.results):
        action = ActionDigest(name, 0)
        with suppress(StoreLookup):
            if store.results.get(action) is not None:
                results[f"ac/{name[:2]}/{name}"] = store.results.path_of(action)
                continue
        missing.append(("result", name))
    for raw, kind in sorted(closure.content.items()):
        name = raw.hex()
        path = store.cas.path_of(Digest(name, 0))
        size = path.stat().st_size if path.is_file() else 0
        if store.cas.state(Digest(name, size)).presence is Presence.PRESENT:
            content[f"cas/{name[:2]}/{name}"] = path
        elif kind in NEEDED:
            missing.append((kind, name))
    if missing:
        more = [("and", f"{len(missing) - SHOWN} more")] if len(missing) > SHOWN else []
        raise StoreError(
            "the store does not have all that an archive must hold",
            facts=[("target", target), *missing[:SHOWN], *more],
            hint=f"`doit cache repair`, then `doit build {target}`: what is missing is made or fetched anew",
        )
    return results | content


def header(name: str, size: int) -> bytes:
    """Return the one header that a member of this name and size has."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o444
    return member.tobuf(tarfile.USTAR_FORMAT)


def _write(out: XzWriter, name: str, size: int, chunks: Iterable[bytes]) -> None:
    left = iter(chunks)
    first = next(left, b"")
    put = out.store if first.startswith(PACKED) else out.compress
    for piece in chain([header(name, size), first], left, [bytes(-size % BLOCK)]):
        put(piece)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
