"""Archives: all of a root in one file, equal for equal stores, read back whole."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.errors import StoreError
from bfbuild.store import Store
from bfbuild.store.archive import write
from bfbuild.store.archive_reader import read
from bfbuild.store.verify import verify

from .made import make, make_tools, record_build, root_of, whole
from .packed import HEAD, members_of

if TYPE_CHECKING:
    pass


def test_what_is_exported_is_imported(store: Store, other: Store, tmp_path: Path) -> None:
    """Results, all content, packages and traces come back, and nothing that the root does not reach."""
    a, b = make(store, "a"), make(store, "b", tools="others")
    written = write(store, root_of(a), tmp_path / "a.tar.xz")
    assert read(other, tmp_path / "a.tar.xz") == written
    assert (written.target, written.results, written.traces) == ("a", 2, 1)
    assert written.content == len(a.content)
    assert whole(other, a)
    assert {digest.hash for digest in other.cas.digests()} == {digest.hash for digest in a.content}
    assert b.action.hash not in set(other.results.hashes())
    assert list(other.traces.recent()) == list(store.traces.history("a"))
    assert verify(other, lambda _done, _total: None).damage == ()
    assert read(other, tmp_path / "a.tar.xz") == written  # once more changes nothing


def test_equal_stores_make_equal_archives(store: Store, other: Store, tmp_path: Path) -> None:
    """The bytes depend on the content alone: not on the order it came in, the time, or the file's name."""
    a, b = make(store, "a"), make(store, "b")
    write(store, root_of(a, b), tmp_path / "one.tar.xz")
    b, a = make(other, "b"), make(other, "a")
    record_build(other, a)
    write(other, root_of(a, b, name="other"), tmp_path / "two.tar.xz")
    assert (tmp_path / "one.tar.xz").read_bytes() == (tmp_path / "two.tar.xz").read_bytes()


def test_what_other_locks_left_is_not_exported(store: Store, other: Store, tmp_path: Path) -> None:
    """A toolchain that others make too is unpacked as the root says, and as is on record where it says nothing."""
    for each in (store, other):
        made, tools = make(each, "a"), make_tools(each)
        if each is other:
            make_tools(each, version=" 2")
        write(each, root_of(made, tools), tmp_path / f"{each is other}.tar.xz", traces=False)
    assert (tmp_path / "True.tar.xz").read_bytes() == (tmp_path / "False.tar.xz").read_bytes()
    assert write(other, root_of(made), tmp_path / "all.tar.xz").results == 3


def test_the_file_is_what_the_module_says(store: Store, archive: Path) -> None:
    """Any tar reads it: the head first, then results, content and traces, each by name, as plain nameless files."""
    with tarfile.open(archive, "r:xz") as tar:
        members = tar.getmembers()
    assert all(
        (each.type, each.mode, each.mtime, each.uid, each.uname) == (tarfile.REGTYPE, 0o444, 0, 0, "")
        for each in members
    )
    names = [each.name for each in members]
    assert names[0] == HEAD
    assert names[1:] == sorted(names[1:])
    found = members_of(archive)
    assert json.loads(found.pop(HEAD)) == {
        "version": 1,
        "target": "a",
        "bytes": sum(map(len, found.values())),
        "members": len(found),
    }
    for name, data in found.items():
        kind, _, hash_ = name.partition("/")
        if kind == "ac":
            assert data == (store.path / name).read_bytes()
        else:
            assert hash_.split("/")[-1].removesuffix(".json") == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("lost", ["output", "result", "package", "packages of"])
def test_what_a_build_would_need_must_be_there(store: Store, tmp_path: Path, lost: str) -> None:
    """Without an output, a result, a package or what lists these no archive is written; the error names the lack."""
    a = make(store, "a")
    trace = store.traces.latest("a")
    assert trace is not None
    unpacked = store.results.read(a.unpacking)
    assert unpacked is not None
    root = unpacked.output_directories[0].root_directory_digest
    path = {
        "output": store.cas.path_of(trace.outputs["a"]),
        "result": store.results.path_of(a.action),
        "package": store.cas.path_of(a.packages[0]),
        "packages of": store.cas.path_of(a.unpacking.description),
    }[lost]
    path.unlink()
    with pytest.raises(StoreError, match="does not have all") as problem:
        write(store, root_of(a), tmp_path / "a.tar.xz")
    named = root.hash if lost == "packages of" else path.name
    assert (lost, named) in problem.value.facts
    assert not list(tmp_path.glob("*a.tar.xz*"))


def test_what_only_explains_may_be_missing(store: Store, other: Store, tmp_path: Path) -> None:
    """Without an action's command and what it printed the archive is written, and its hits work."""
    a = make(store, "a")
    trace = store.traces.latest("a")
    assert trace is not None
    store.cas.path_of(a.action.description).unlink()
    store.cas.path_of(trace.stderr).unlink()
    write(store, root_of(a), tmp_path / "a.tar.xz")
    read(other, tmp_path / "a.tar.xz")
    assert other.results.get(a.action) == store.results.get(a.action)


def test_a_file_that_is_not_there_is_an_error(other: Store, tmp_path: Path) -> None:
    """A path that cannot be read, or written, is told as the disk says it."""
    with pytest.raises(StoreError, match="cannot read an archive"):
        read(other, tmp_path / "none.tar.xz")
    with pytest.raises(StoreError, match="cannot write an archive"):
        write(other, root_of(make(other, "a")), tmp_path / "no" / "folder.tar.xz")
