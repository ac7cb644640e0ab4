"""Roots: written whole, read whole or not at all, found by name and by target."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bfbuild.digest import ActionDigest, Digest
from bfbuild.store.roots import Root, RootDamaged, checkout_root_name

if TYPE_CHECKING:
    from pathlib import Path

    from bfbuild.store import Store

ROOT = Root(
    name="release 1",
    target="small.img",
    checkout=None,
    made=1_795_477_026_000_000_000,
    actions={"a.o": ActionDigest("a" * 64, 142), "small.img": ActionDigest("b" * 64, 1)},
    downloads=(Digest("c" * 64, 7),),
)


def test_a_root_comes_back(store: Store) -> None:
    """What was put is read, every field of it, and replaced by one of the same name."""
    store.roots.put(ROOT)
    assert store.roots.all() == [ROOT]
    other = replace(ROOT, target="other.img", actions={})
    store.roots.put(other)
    assert store.roots.all() == [other]
    store.roots.remove(other)
    assert store.roots.all() == []


def test_the_file_is_what_the_module_says(store: Store) -> None:
    """A root lies under its name and the name's hash: a checksum, and JSON that a person can read."""
    store.roots.put(ROOT)
    path = store.path / "roots" / f"release_1-{hashlib.sha256(b'release 1').hexdigest()[:16]}.json"
    head, body = path.read_bytes().splitlines()
    assert head.decode() == hashlib.sha256(body).hexdigest()
    assert json.loads(body) == {
        "version": 1,
        "name": "release 1",
        "target": "small.img",
        "checkout": None,
        "made": 1_795_477_026_000_000_000,
        "actions": {"a.o": f"{'a' * 64}/142", "small.img": f"{'b' * 64}/1"},
        "downloads": [f"{'c' * 64}/7"],
    }


def test_a_root_is_found_by_name_first_and_then_by_target(store: Store) -> None:
    """Of several roots of one target the newest is meant; a pin's name goes before."""
    old, new = replace(ROOT, name="old"), replace(ROOT, name="new", made=ROOT.made + 1)
    pin = replace(ROOT, name="pin", target="other.img", made=0)
    for root in (new, old, pin):
        store.roots.put(root)
    assert store.roots.find("small.img") == new
    assert store.roots.find("old") == old
    assert store.roots.find("other.img") == pin
    assert store.roots.find("none.img") is None


def test_a_root_is_refreshed_label_by_label(store: Store) -> None:
    """Actions take the place of those that have their labels; others stay, and no root is made where none was."""
    new = ActionDigest("d" * 64, 5)
    store.roots.refresh("release 1", {"a.o": new}, 7)
    assert store.roots.all() == []
    store.roots.put(ROOT)
    store.roots.refresh("release 1", {"a.o": new, "elsewhere.o": new}, 7)
    assert store.roots.all() == [replace(ROOT, actions={**ROOT.actions, "a.o": new}, made=7)]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", ".hidden", "", "x" * 300, "é\n", "same", "sa/me"])
def test_any_name_is_one_file_in_its_folder(store: Store, name: str) -> None:
    """A name never leads out of roots/, is never hidden or too long, and no two names share a file."""
    store.roots.put(replace(ROOT, name="sa_me"))
    store.roots.put(replace(ROOT, name=name))
    assert sorted(root.name for root in store.roots.all()) == sorted([name, "sa_me"])
    assert all(path.parent == store.path / "roots" for path in store.roots.files())


def test_each_checkout_has_roots_of_its_own(tmp_path: Path) -> None:
    """The same target of the same project in two folders has two names."""
    names = {checkout_root_name("demo", tmp_path / each, "small.img") for each in ("one", "two")}
    assert len(names) == 2
    assert all(name.startswith("demo-") and name.endswith("/small.img") for name in names)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"name": 1},
        {"checkout": 1},
        {"checkout": "/a\0b"},
        {"made": "yesterday"},
        {"made": True},
        {"actions": 1},
        {"actions": []},
        {"actions": {"a": "../../etc/passwd/1"}},
        {"actions": {"a": "a/1"}},
        {"actions": {"a": 1}},
        {"downloads": None},
    ],
)
def test_a_root_of_another_form_is_damaged(store: Store, change: dict[str, object]) -> None:
    """A field of another type or value is refused, though its checksum fits."""
    store.roots.put(ROOT)
    [path] = store.roots.files()
    body = json.dumps({**json.loads(path.read_bytes().splitlines()[1]), **change}).encode()
    write(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    with pytest.raises(RootDamaged) as problem:
        store.roots.all()
    assert problem.value.path == path


def test_every_changed_byte_is_noticed(store: Store) -> None:
    """One flipped bit anywhere, and a file cut off anywhere, is an error and never another root."""
    store.roots.put(ROOT)
    [path] = store.roots.files()
    data = path.read_bytes()
    for place in range(len(data)):
        for damaged in (data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], data[:place]):
            if damaged != data.removesuffix(b"\n"):
                write(path, damaged)
                with pytest.raises(RootDamaged):
                    store.roots.all()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_root_or_damaged(store: Store, body: bytes) -> None:
    """Whatever a file holds, checksum or not, reading it gives RootDamaged at worst."""
    for data in (body, hashlib.sha256(body).hexdigest().encode() + b"\n" + body):
        path = store.path / "roots" / "any.json"
        path.write_bytes(data)
        with pytest.raises(RootDamaged):
            store.roots.read(path)
        path.replace(store.roots.path_of("any"))
        with pytest.raises(RootDamaged):
            store.roots.refresh("any", {"a": ActionDigest("a" * 64, 1)}, 1)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(["version", "name", "target", "checkout", "made", "actions", "downloads"]), value=JSON)
def test_any_value_of_a_field_is_a_root_or_damaged(store: Store, field: str, value: object) -> None:
    """One field of any JSON value gives a root with exactly that value, or RootDamaged."""
    store.roots.put(ROOT)
    path = store.roots.path_of(ROOT.name)
    body = json.dumps({**json.loads(path.read_bytes().splitlines()[1]), field: value}).encode()
    write(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    try:
        root = store.roots.read(path)
    except RootDamaged:
        return
    if field in ("actions", "downloads"):
        assert len(getattr(root, field)) == len(value)  # type: ignore[arg-type]
    elif field != "version":
        assert getattr(root, field) == value


def write(path: Path, data: bytes) -> None:
    """Replace what a file of the store holds."""
    path.chmod(0o644)
    path.write_bytes(data)
