"""Doubting a store: every kind of damage is found and told apart, and just that is removed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bfbuild.digest import ActionDigest, Digest, digest_bytes
from bfbuild.protos.remote_execution_pb2 import ActionResult
from bfbuild.store.lookup import ResultDamaged
from bfbuild.store.roots import RootDamaged
from bfbuild.store.tree import File, describe
from bfbuild.store.verify import Damage, repair, verify

from .made import make, root_of, whole

if TYPE_CHECKING:
    from pathlib import Path

    from bfbuild.store import Store


def silent(done: int, total: int) -> None:
    """Show no progress."""
    del done, total


def flip(path: Path, place: int = 0) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def output_of(store: Store, label: str) -> Digest:
    """Return the output of the newest execution of a label."""
    trace = store.traces.latest(label)
    assert trace is not None
    return trace.outputs[label]


def test_a_whole_store_has_no_damage(store: Store) -> None:
    """Everything is checked, and the bytes of content are told as they are done."""
    store.roots.put(root_of(make(store, "a")))
    told: list[tuple[int, int]] = []
    verdict = verify(store, lambda done, total: told.append((done, total)))
    content = list(store.cas.digests())
    assert verdict.checked == {"content": len(content), "result": 2, "root": 1, "tree": 0}
    assert verdict.damage == ()
    total = sum(digest.size for digest in content)
    assert told[-1] == (total, total)
    assert told == sorted(told)


def test_a_damaged_blob_takes_the_results_that_name_it(store: Store) -> None:
    """The blob and the result are removed, the label is told, and all else stays."""
    make(store, "a")
    b = make(store, "b")
    output = output_of(store, "a")
    flip(store.cas.path_of(output))
    verdict = verify(store, silent)
    assert [(each.kind, each.reason.split(":")[0]) for each in verdict.damage] == [
        ("content", "damaged"),
        ("result", "its output out/a is damaged"),
    ]
    repaired = repair(store, verdict)
    assert repaired.removed == verdict.damage
    assert repaired.labels == ("a",)
    assert verify(store, silent).damage == ()
    assert whole(store, b)
    assert output not in set(store.cas.digests())


def test_a_result_that_names_a_gone_blob_is_dropped(store: Store) -> None:
    """The next build makes it; nothing else is touched."""
    a, b = make(store, "a"), make(store, "b")
    store.cas.path_of(output_of(store, "a")).unlink()
    verdict = verify(store, silent)
    assert verdict.damage == (Damage("result", a.action.hash, "its output out/a is missing"),)
    assert repair(store, verdict).labels == ("a",)
    assert set(store.results.hashes()) == {b.action.hash, b.unpacking.hash}


def test_a_broken_seal_is_damage(store: Store) -> None:
    """A result with one bit changed is removed."""
    a = make(store, "a")
    flip(store.results.path_of(a.action), 3)
    verdict = verify(store, silent)
    assert verdict.damage == (Damage("result", a.action.hash, "damaged: its seal does not fit"),)
    assert repair(store, verdict).removed == verdict.damage
    assert store.results.read(a.action) is None


def test_a_sealed_result_that_names_no_content_is_damage(store: Store) -> None:
    """A record that somebody sealed with a digest that is none is found as well."""
    a = make(store, "a")
    result = ActionResult()
    result.output_files.add(path="out/a", digest={"hash": "../../etc/passwd", "size_bytes": 1})
    store.results.put(a.action, result)
    reason = "damaged: not a SHA-256 digest: ../../etc/passwd/1"
    assert verify(store, silent).damage == (Damage("result", a.action.hash, reason),)


def test_a_damaged_root_is_dropped(store: Store) -> None:
    """A root that nobody can read is removed, so a collection can go on."""
    store.roots.put(root_of(make(store, "a")))
    [path] = store.roots.files()
    flip(path)
    verdict = verify(store, silent)
    assert verdict.damage == (Damage("root", path.name, "damaged: its checksum does not fit"),)
    repair(store, verdict)
    assert store.roots.all() == []


@pytest.mark.parametrize("harm", ["content", "mode", "link", "more", "less"])
def test_an_unpacked_folder_is_checked_file_by_file(store: Store, harm: str) -> None:
    """A tool with other bytes, mode, target or neighbours is found; the folder is removed, and can be made again."""
    entries: dict[str, File | str | None] = {
        "usr": None,
        "usr/tool": File(digest_bytes(b"tool"), executable=True),
        "usr/data": File(digest_bytes(b""), executable=False),
        "bin": "usr",
    }
    digest = describe(entries).digest

    def build(folder: Path) -> None:
        (folder / "usr").mkdir()
        (folder / "usr/tool").write_bytes(b"tool")
        (folder / "usr/tool").chmod(0o755)
        (folder / "usr/data").touch()
        (folder / "bin").symlink_to("usr")

    tree = store.add_tree(digest, build)
    assert verify(store, silent).checked["tree"] == 1
    assert verify(store, silent).damage == ()
    match harm:
        case "content":
            flip(tree / "usr/tool")
        case "mode":
            (tree / "usr/data").chmod(0o755)
        case "link":
            (tree / "bin").unlink()
            (tree / "bin").symlink_to("/usr")
        case "more":
            os.mkfifo(tree / "usr/pipe")
        case _:
            (tree / "usr/data").unlink()
    verdict = verify(store, silent)
    assert [(each.kind, each.name) for each in verdict.damage] == [("tree", digest.hash)]
    repair(store, verdict)
    assert not tree.exists()
    store.add_tree(digest, build)
    assert verify(store, silent).damage == ()


def test_what_was_mended_meanwhile_stays(store: Store) -> None:
    """A blob that a build replaced after it was found damaged is not removed."""
    make(store, "a")
    output = output_of(store, "a")
    flip(store.cas.path_of(output))
    verdict = verify(store, silent)
    store.cas.put_bytes(b"output of a ")
    assert [damage.kind for damage in repair(store, verdict).removed] == ["result"]
    assert store.cas.get_bytes(output) == b"output of a "


def test_what_is_gone_meanwhile_is_no_error(store: Store) -> None:
    """Damage that somebody else removed is not told as removed."""
    a = make(store, "a")
    store.roots.put(root_of(a))
    flip(store.cas.path_of(output_of(store, "a")))
    flip(store.roots.files()[0])
    verdict = verify(store, silent)
    repair(store, verdict)
    assert repair(store, verdict).removed == ()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), cut=st.booleans())
def test_any_flip_and_cut_is_found_and_repaired(store: Store, data: st.DataObject, cut: bool) -> None:
    """One bit flipped, or the end cut off, in any file of content, results or roots: found, removed, and then clean."""
    store.roots.put(root_of(make(store, "a")))
    folders = (store.cas.path, store.results.path, store.roots.path)
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    path = data.draw(st.sampled_from(files), "file")
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1), "place")
    path.chmod(0o644)
    path.write_bytes(content[:place])
    if not cut:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    verdict = verify(store, silent)
    if path.parent == store.roots.path and path.read_bytes() == content[:-1]:
        assert verdict.damage == ()  # a root without its last line end is whole
        return
    assert path.name in {damage.name for damage in verdict.damage}
    repair(store, verdict)
    assert verify(store, silent).damage == ()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=st.binary(max_size=300))
def test_any_bytes_can_be_verified(store: Store, record: bytes) -> None:
    """Whatever lies where a result, a root or content should be: verify says so, and repair removes it."""
    name = "ab" * 32
    for path in (store.path / "ac/ab" / name, store.path / "cas/ab" / name, store.path / "roots/any.json"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(record)
    with pytest.raises(ResultDamaged):
        store.results.read(ActionDigest(name, 0))
    with pytest.raises(RootDamaged):
        store.roots.all()
    verdict = verify(store, silent)
    assert {damage.kind for damage in verdict.damage} == {"content", "result", "root"}
    repair(store, verdict)
    assert verify(store, silent).damage == ()
