"""Results of actions: only success, in canonical order, and never one that is not exactly what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bfbuild.digest import ActionDigest, canonical, digest_bytes
from bfbuild.protos.remote_execution_pb2 import ActionResult
from bfbuild.store.lookup import ResultDamaged

if TYPE_CHECKING:
    from bfbuild.store import Store

ACTION = ActionDigest("a" * 64, 142)
OTHER = ActionDigest("b" * 64, 142)


def result(*paths: str) -> ActionResult:
    """Return a success with these outputs, each holding its own name."""
    made = ActionResult()
    for path in paths:
        made.output_files.add(path=path, digest=digest_bytes(path.encode()).to_message(), is_executable=True)
    return made


def write(store: Store, action: ActionDigest, data: bytes) -> None:
    """Put bytes where the record of an action lies."""
    path = store.results.path_of(action)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def test_a_result_comes_back_with_its_outputs_in_order(store: Store) -> None:
    """What was put is got, outputs sorted by path, and what was given is not changed."""
    given = result("z.o", "a.o", "m.o")
    store.results.put(ACTION, given)
    assert store.results.get(ACTION) == result("a.o", "m.o", "z.o")
    assert given == result("z.o", "a.o", "m.o")
    assert store.results.get(OTHER) is None
    assert list(store.results.hashes()) == list(store.results.hashes("aaaa")) == [ACTION.hash]
    assert list(store.results.hashes("ab")) == []


def test_the_later_result_counts(store: Store) -> None:
    """A second record of an action takes the place of the first."""
    store.results.put(ACTION, result("first"))
    store.results.put(ACTION, result("second"))
    assert store.results.get(ACTION) == result("second")


def test_failure_is_not_recorded(store: Store) -> None:
    """A result with another exit code than 0 is refused."""
    with pytest.raises(ValueError, match="ended with 1"):
        store.results.put(ACTION, ActionResult(exit_code=1))
    assert store.results.get(ACTION) is None


def test_any_reader_of_the_api_can_read_a_record(store: Store) -> None:
    """The file is an ActionResult for protobuf alone: the result, and the seal as a detail of its execution."""
    store.results.put(ACTION, result("a.o"))
    read = ActionResult.FromString(store.results.path_of(ACTION).read_bytes())
    assert [detail.type_url for detail in read.execution_metadata.auxiliary_metadata] == ["bfbuild/seal"]
    read.ClearField("execution_metadata")
    assert read == result("a.o")


def test_each_flipped_bit_and_each_lost_end_is_noticed(store: Store) -> None:
    """Every single-bit error and every truncation of a record is damage, never another result; a put heals it."""
    store.results.put(ACTION, result("a.o"))
    good = store.results.path_of(ACTION).read_bytes()
    flipped = [good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :] for at in range(len(good)) for bit in range(8)]
    for bad in [*flipped, *(good[:end] for end in range(len(good))), good + b"\0"]:
        write(store, ACTION, bad)
        with pytest.raises(ResultDamaged) as problem:
            store.results.get(ACTION)
        assert problem.value.reason == "damaged: its seal does not fit"
    store.results.put(ACTION, result("a.o"))
    assert store.results.get(ACTION) == result("a.o")


def test_a_record_under_a_wrong_name_is_damage(store: Store) -> None:
    """A whole record that was moved to another action's name is not that action's result."""
    store.results.put(ACTION, result("a.o"))
    write(store, OTHER, store.results.path_of(ACTION).read_bytes())
    with pytest.raises(ResultDamaged):
        store.results.get(OTHER)


def test_a_record_of_somebody_else_is_damage(store: Store) -> None:
    """An ActionResult without our seal is not trusted."""
    write(store, ACTION, canonical(result("a.o")))
    with pytest.raises(ResultDamaged):
        store.results.get(ACTION)


def test_a_folder_in_the_place_of_a_record_is_damage(store: Store) -> None:
    """What cannot be read as a file is damaged, with the system's reason."""
    store.results.path_of(ACTION).mkdir(parents=True)
    with pytest.raises(ResultDamaged, match="cannot be used") as problem:
        store.results.get(ACTION)
    assert problem.value.reason == "cannot be read: Is a directory"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_bytes_are_damage_and_never_a_crash(store: Store, data: bytes) -> None:
    """Whatever bytes lie there, the answer is damage."""
    write(store, ACTION, data)
    with pytest.raises(ResultDamaged):
        store.results.get(ACTION)
