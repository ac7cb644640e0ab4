"""The reader of archives takes nothing of a bad one, however it is bad, and says which member."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bfbuild.digest import digest_bytes
from bfbuild.errors import StoreError
from bfbuild.protos.remote_execution_pb2 import ActionResult
from bfbuild.store import Store
from bfbuild.store import archive_reader as module
from bfbuild.store.archive import write
from bfbuild.store.archive_reader import ArchiveError, read

from .made import make, root_of
from .packed import HEAD, Members, everything, members_of, pack, sealed, tar_of

if TYPE_CHECKING:
    pass

Form = Literal[0, 1, 2]  # of tarfile


def first(members: Members, kind: str) -> str:
    """Return the name of the first member of a kind."""
    return next(name for name in members if name.startswith(f"{kind}/"))


def renamed(members: Members, old: str, new: str) -> Members:
    """Return the members with one renamed, in the order that names have in an archive."""
    return {new if name == old else name: data for name, data in members.items()}


def with_result(members: Members, change: Callable[[ActionResult], object]) -> Members:
    """Return the members with the first result changed, and sealed again."""
    name = first(members, "ac")
    result = ActionResult()
    change(result)
    return {**members, name: sealed(result, name.split("/")[-1])}


def with_trace(members: Members, **changes: object) -> Members:
    """Return the members with the trace's fields changed, under the name that fits it."""
    name = first(members, "trace")
    data = json.dumps({**json.loads(members[name]), **changes}).encode()
    rest = {each: content for each, content in members.items() if each != name}
    return {**rest, f"trace/{hashlib.sha256(data).hexdigest()}.json": data}


def outside(path: str) -> Callable[[Members], Members]:
    """Return a change that lets a result name an output at `path`."""
    empty = digest_bytes(b"").to_message()
    return lambda members: with_result(members, lambda result: result.output_files.add(path=path, digest=empty))


EVIL = b"evil"
EVIL_HASH = hashlib.sha256(EVIL).hexdigest()
BAD: dict[str, tuple[Callable[[Members], Members], str]] = {
    "a path that climbs": (lambda m: {**m, "../../etc/passwd": EVIL}, "its name is none"),
    "a path that climbs from cas": (lambda m: {**m, f"cas/{EVIL_HASH[:2]}/../x": EVIL}, "its name is none"),
    "an absolute path": (lambda m: {**m, "/etc/passwd": EVIL}, "its name is none"),
    "another folder of the store": (lambda m: {**m, f"trees/{EVIL_HASH}": EVIL}, "its name is none"),
    "a wrong fan": (lambda m: {**m, f"cas/{'0' * 2}/{EVIL_HASH}": EVIL}, "its name is none"),
    "no name": (lambda m: {**m, "": EVIL}, "its name is none"),
    "a second head": (lambda m: {**m, "cas/" + HEAD: EVIL}, "its name is none"),
    "capital digits": (lambda m: {**m, f"cas/{EVIL_HASH[:2]}/{EVIL_HASH.upper()}": EVIL}, "its name is none"),
    "content of another name": (lambda m: {**m, first(m, "cas"): EVIL}, "its content is not what its name says"),
    "content out of order": (lambda m: {**m, f"cas/{'0' * 2}/{'0' * 64}": EVIL}, "it is out of order"),
    "a result without a seal": (lambda m: {**m, first(m, "ac"): EVIL}, "damaged: its seal does not fit"),
    "a result of another action": (
        lambda m: renamed(m, first(m, "ac"), f"ac/00/{'0' * 64}"),
        "damaged: its seal does not fit",
    ),
    "a result that failed": (
        lambda m: with_result(m, lambda result: setattr(result, "exit_code", 1)),
        "it is of an action that failed",
    ),
    "an output that climbs": (outside("out/../../../etc/passwd"), "it names an output outside its tree"),
    "an output with an absolute path": (outside("/etc/passwd"), "it names an output outside its tree"),
    "an output without a name": (outside(""), "it names an output outside its tree"),
    "a result that names what is not there": (
        lambda m: with_result(m, lambda r: r.output_files.add(path="out/x", digest=digest_bytes(EVIL).to_message())),
        "its output out/x is not in the archive",
    ),
    "a result with a digest that is none": (
        lambda m: with_result(m, lambda r: r.output_files.add(path="x", digest={"hash": "../.."})),
        "not a SHA-256 digest",
    ),
    "a trace of another action": (
        lambda m: with_trace(m, action={"hash": "0" * 64, "size": 1}),
        "it is of an action that the archive does not have",
    ),
    "a trace with a field too many": (lambda m: with_trace(m, more=1), "it is no execution"),
    "a trace from before time began": (lambda m: with_trace(m, started=-1), "its times are none"),
    "a trace of another name": (lambda m: {**m, first(m, "trace"): EVIL}, "its content is not what its name says"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_member_imports_nothing(kind: str, archive: Path, other: Store, tmp_path: Path) -> None:
    """One member that is not as it should be, and the store stays as it was; the error names it and says why."""
    change, why = BAD[kind]
    bad = pack(tmp_path / "bad.tar.xz", change(members_of(archive)))
    before = everything(other)
    with pytest.raises(ArchiveError) as problem:
        read(other, bad)
    assert why in problem.value.why
    assert everything(other) == before


def linked(info: tarfile.TarInfo) -> None:
    """Make a member a symbolic link out of the store."""
    info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc", 0


def hard(info: tarfile.TarInfo) -> None:
    """Make a member a hard link."""
    info.type, info.linkname, info.size = tarfile.LNKTYPE, "/etc/passwd", 0


HEADERS: dict[str, tuple[Callable[[tarfile.TarInfo], None], Form]] = {
    "a symbolic link": (linked, tarfile.USTAR_FORMAT),
    "a hard link": (hard, tarfile.USTAR_FORMAT),
    "a folder": (lambda info: setattr(info, "type", tarfile.DIRTYPE), tarfile.USTAR_FORMAT),
    "a device": (lambda info: setattr(info, "type", tarfile.CHRTYPE), tarfile.USTAR_FORMAT),
    "a file that may be written": (lambda info: setattr(info, "mode", 0o644), tarfile.USTAR_FORMAT),
    "a file that is run as root": (lambda info: setattr(info, "mode", 0o4755), tarfile.USTAR_FORMAT),
    "a file of somebody": (lambda info: setattr(info, "uid", 1000), tarfile.USTAR_FORMAT),
    "a file with a time": (lambda info: setattr(info, "mtime", 1), tarfile.USTAR_FORMAT),
    "a long name": (lambda info: setattr(info, "name", "cas/" + "a" * 300), tarfile.GNU_FORMAT),
    "a pax header": (lambda info: setattr(info, "pax_headers", {"comment": "x" * 9000}), tarfile.PAX_FORMAT),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_only_plain_files_are_imported(kind: str, archive: Path, other: Store, tmp_path: Path) -> None:
    """Links, folders, devices, owners, modes and every extension of tar are refused before they mean anything."""
    change, form = HEADERS[kind]
    members = members_of(archive)
    out = io.BytesIO()
    for number, (name, data) in enumerate(members.items()):
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), 0o444
        if number == 1:
            change(info)
            out.write(info.tobuf(form))
        else:
            out.write(info.tobuf(tarfile.USTAR_FORMAT))
        out.write(data + bytes(-len(data) % 512))
    (tmp_path / "bad.tar.xz").write_bytes(lzma.compress(out.getvalue() + bytes(1024)))
    with pytest.raises(ArchiveError) as problem:
        read(other, tmp_path / "bad.tar.xz")
    assert problem.value.why in {"it is no plain file", "its header is not as an archive has it"}
    assert not any(everything(other))


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"", "Expecting value"),
        (b"[]", "it is no archive of this version"),
        (b'{"version": 2, "target": "a", "bytes": 0, "members": 0}', "it is no archive of this version"),
        (b'{"version": 1, "target": 1, "bytes": 0, "members": 0}', "it is no archive of this version"),
        (b'{"version": 1, "target": "a", "bytes": -1, "members": 0}', "it does not say how many bytes"),
        (b'{"version": 1, "target": "a", "bytes": 0, "members": true}', "it does not say how many members"),
        (b'{"version": 1, "target": "a", "bytes": 0, "members": 1}', "it is larger than the archive says"),
        (b'{"version": 1, "target": "a", "bytes": 9, "members": 0}', "it does not end where it says"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_a_bad_head_imports_nothing(head: bytes, why: str, other: Store, tmp_path: Path) -> None:
    """What the archive says of itself is held against what it has."""
    bad = tmp_path / "bad.tar.xz"
    bad.write_bytes(lzma.compress(tar_of({HEAD: head, f"cas/{EVIL_HASH[:2]}/{EVIL_HASH}": EVIL})))
    with pytest.raises(ArchiveError) as problem:
        read(other, bad)
    assert why in problem.value.why
    assert not any(everything(other))


def test_a_bomb_is_not_unpacked(other: Store, tmp_path: Path) -> None:
    """A small file that says it holds more than the disk has room for is refused before a byte of it is written."""
    head = json.dumps({"version": 1, "target": "a", "bytes": 1 << 60, "members": 1}).encode()
    bomb = tmp_path / "bomb.tar.xz"
    bomb.write_bytes(lzma.compress(tar_of({HEAD: head, f"cas/00/{'0' * 64}": bytes(1 << 20)})))
    with pytest.raises(StoreError, match="no room"):
        read(other, bomb)


def test_a_bomb_that_lies_is_not_unpacked(other: Store, tmp_path: Path) -> None:
    """A member that is larger than the archive says ends the import at its header: its bytes are not read."""
    zeros = bytes(64 << 20)
    name = f"cas/{hashlib.sha256(zeros).hexdigest()[:2]}/{hashlib.sha256(zeros).hexdigest()}"
    head = json.dumps({"version": 1, "target": "a", "bytes": 1000, "members": 1}).encode()
    bomb = tmp_path / "bomb.tar.xz"
    bomb.write_bytes(lzma.compress(tar_of({HEAD: head, name: zeros}), preset=0))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(ArchiveError, match="cannot be imported") as problem:
        read(other, bomb)
    assert (problem.value.member, problem.value.why) == (name, "it is larger than the archive says")


def test_a_stream_that_wants_much_memory_is_refused(other: Store, tmp_path: Path) -> None:
    """An xz stream may ask for gigabytes to be unpacked with; one that asks for more than ours need gets none."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": module.MEMORY * 2}]
    greedy = tmp_path / "greedy.tar.xz"
    greedy.write_bytes(lzma.compress(tar_of({}), filters=filters))
    with pytest.raises(ArchiveError) as problem:
        read(other, greedy)
    assert "Memory usage limit" in problem.value.why


def test_a_file_that_is_cut_off_anywhere_imports_nothing(archive: Path, other: Store, tmp_path: Path) -> None:
    """Of no beginning of a good archive, and of none with something behind it, anything is taken."""
    data = archive.read_bytes()
    bad = tmp_path / "bad.tar.xz"
    for length in [*range(0, len(data), 97), len(data) - 1]:
        bad.write_bytes(data[:length])
        with pytest.raises(ArchiveError):
            read(other, bad)
    for more in (b"\0", b"more", data):
        bad.write_bytes(data + more)
        with pytest.raises(ArchiveError):
            read(other, bad)
    assert not any(everything(other))


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the tar in an archive."""
    folder = tmp_path_factory.mktemp("archive")
    store = Store(folder / "cache")
    write(store, root_of(make(store, "a")), folder / "a.tar.xz")
    return lzma.decompress((folder / "a.tar.xz").read_bytes())


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_archive_imports_nothing(
    data: st.DataObject, tar: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Some bytes changed anywhere in the tar: an error and an untouched store, or a good archive of the same."""
    place = data.draw(st.integers(0, len(tar) - 1), "place")
    piece = data.draw(st.binary(min_size=1, max_size=8), "piece")
    changed = tar[:place] + piece + tar[place + len(piece) :]
    folder = tmp_path_factory.mktemp("changed")
    (folder / "a.tar.xz").write_bytes(lzma.compress(changed, preset=0))
    store = Store(folder / "cache")
    if changed == tar:
        read(store, folder / "a.tar.xz")
        return
    try:
        contents = read(store, folder / "a.tar.xz")
    except ArchiveError:
        assert not any(everything(store))
    else:  # only the head's words for people are free: its target, and the spaces in its JSON
        assert contents.results == 2
        assert place < 1024


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=2000), packed=st.booleans())
def test_any_bytes_are_no_archive(data: bytes, packed: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever a file holds, packed or not, reading it is an ArchiveError that imports nothing."""
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.tar.xz").write_bytes(lzma.compress(data, preset=0) if packed else data)
    store = Store(folder / "cache")
    with pytest.raises(ArchiveError):
        read(store, folder / "a.tar.xz")
    assert not any(everything(store))
