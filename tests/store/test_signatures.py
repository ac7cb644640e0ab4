"""Signatures beside results: kept, joined, swept and carried; what cannot be read counts as none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bfbuild.digest import ActionDigest, digest_bytes
from bfbuild.protos.remote_execution_pb2 import ActionResult
from bfbuild.store import Store
from bfbuild.store.archive import write
from bfbuild.store.archive_reader import ArchiveError, read
from bfbuild.store.collect import Limits, collect
from bfbuild.store.lookup import ResultDoubted
from bfbuild.store.roots import Root
from bfbuild.store.signatures import MOST, message, parse, text
from tests.store.packed import HEAD, members_of, pack

ACTION = ActionDigest("a" * 64, 142)
ONE, TWO = "1" * 16, "2" * 16


class Fake:
    """A trust that signs with its name and believes whatever is signed by enough names."""

    def __init__(self, name: str, *needs: str) -> None:
        self.name, self.needs = name, needs
        self.silent: str | None = None

    def sign(self, message: bytes) -> dict[str, bytes]:
        return {self.name: signature(self.name, message)}

    def doubt(self, message: bytes, signatures: Mapping[str, bytes]) -> str | None:
        missing = [each for each in self.needs if signatures.get(each) != signature(each, message)]
        return f"missing {', '.join(missing)}" if missing else None


def signature(name: str, message: bytes) -> bytes:
    """Return what a name signs."""
    return digest_bytes(name.encode() + message).hash.encode()


def result(path: str) -> ActionResult:
    """Return a success with one output."""
    made = ActionResult()
    made.output_files.add(path=path, digest=digest_bytes(b"made").to_message())
    return made


def test_a_result_that_enough_signed_is_believed(tmp_path: Path) -> None:
    """Two builders who made the same vouch for it together; each alone is not enough."""
    both = (ONE, TWO)
    Store(tmp_path, Fake(ONE)).results.put(ACTION, result("x"))
    with pytest.raises(ResultDoubted, match="an action's result") as doubted:
        Store(tmp_path, Fake(ONE, *both)).results.believed(ACTION)
    assert doubted.value.reason == f"missing {TWO}"
    Store(tmp_path, Fake(TWO)).results.put(ACTION, result("x"))
    assert Store(tmp_path, Fake(ONE, *both)).results.believed(ACTION) == result("x")


def test_signatures_are_of_one_result_of_one_action(tmp_path: Path) -> None:
    """They do not move to another action, and do not stay good for another result."""
    store = Store(tmp_path, Fake(ONE, ONE))
    store.results.put(ACTION, result("x"))
    store.results.adopt(ACTION, result("y"))
    with pytest.raises(ResultDoubted):
        store.results.believed(ACTION)
    other = ActionDigest("b" * 64, 142)
    store.results.adopt(other, result("y"))
    store.signatures.add(other, store.signatures.get(ACTION))
    with pytest.raises(ResultDoubted):
        store.results.believed(other)
    assert message(ACTION, b"body") == b"bareflow-result-1\n" + b"a" * 64 + b"\nbody"


def test_without_trust_nothing_is_asked_and_nothing_signed(tmp_path: Path) -> None:
    """An unsigned result is believed, and a file that is no list of signatures does not matter."""
    store = Store(tmp_path)
    store.results.put(ACTION, result("x"))
    assert not store.signatures.path.exists()
    assert store.results.believed(ACTION) == result("x")


@pytest.mark.parametrize("data", [b"\xff", b"x\n", b"1" * 16 + b" AAAA\n", b"\0" * 100])
def test_what_is_no_list_of_signatures_counts_as_none(tmp_path: Path, data: bytes) -> None:
    """It is a miss then, and never a crash."""
    store = Store(tmp_path, Fake(ONE, ONE))
    store.results.put(ACTION, result("x"))
    store.signatures.path_of(ACTION).unlink()
    store.signatures.path_of(ACTION).write_bytes(data)
    assert store.signatures.get(ACTION) == {}
    with pytest.raises(ResultDoubted):
        store.results.believed(ACTION)


def test_a_list_has_one_spelling() -> None:
    """Sorted, each key once, and not endless."""
    signed = {TWO: b"b" * 64, ONE: b"a" * 64}
    assert parse(text(signed)) == signed
    first, second = text(signed).splitlines(keepends=True)
    for data in (second + first, first + first, text({f"{at:016X}": bytes(64) for at in range(MOST + 1)})):
        with pytest.raises(ValueError, match="no list"):
            parse(data)


def test_a_collection_takes_signatures_with_their_results(tmp_path: Path) -> None:
    """Those of what is kept stay."""
    store = Store(tmp_path, Fake(ONE))
    kept = ActionDigest("b" * 64, 142)
    for action in (ACTION, kept):
        store.results.put(action, result("x"))
    root = Root(name="r", target="t", checkout=None, made=1, actions={"t": kept}, downloads=())
    store.roots.put(root)
    del store
    collect(Store(tmp_path), Limits(builds=0, age=0), now=1 << 62)
    assert Store(tmp_path).signatures.get(ACTION) == {}
    assert list(Store(tmp_path).signatures.get(kept)) == [ONE]


def test_an_archive_carries_signatures_and_whoever_imports_it_adds_none(tmp_path: Path) -> None:
    """What others vouch for is not what I vouch for."""
    store = Store(tmp_path / "theirs", Fake(ONE))
    store.cas.put_bytes(b"made")
    store.results.put(ACTION, result("x"))
    root = Root(name="r", target="t", checkout=None, made=1, actions={"t": ACTION}, downloads=())
    assert write(store, root, tmp_path / "archive").traces == 0
    mine = Store(tmp_path / "mine", Fake(TWO, ONE))
    read(mine, tmp_path / "archive")
    assert mine.results.believed(ACTION) == result("x")
    assert list(mine.signatures.get(ACTION)) == [ONE]


def test_an_archive_signs_only_what_it_has(tmp_path: Path) -> None:
    """Signatures of a result that is not there, or a list that is none, and nothing is imported."""
    store = Store(tmp_path / "theirs", Fake(ONE))
    store.cas.put_bytes(b"made")
    store.results.put(ACTION, result("x"))
    root = Root(name="r", target="t", checkout=None, made=1, actions={"t": ACTION}, downloads=())
    write(store, root, tmp_path / "archive")
    members = members_of(tmp_path / "archive")
    name = f"signatures/aa/{ACTION.hash}"
    assert [*members] == [HEAD, f"ac/aa/{ACTION.hash}", *(each for each in members if each.startswith("cas/")), name]
    assert json.loads(members[HEAD])["members"] == len(members) - 1
    good = members[name]
    for changed in ({**members, name: b"none"}, {**members, f"signatures/bb/{'b' * 64}": good}):
        mine = Store(tmp_path / "mine")
        with pytest.raises(ArchiveError):
            read(mine, pack(tmp_path / "bad", changed))
        assert mine.results.get(ACTION) is None
