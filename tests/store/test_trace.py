"""Traces and build records: found by label and time, and passed over where they are not exactly what was written."""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bfbuild.digest import ActionDigest, Digest, digest_bytes
from bfbuild.store import Store
from bfbuild.store.trace import Build, Cause, Reason, Step, Trace

if TYPE_CHECKING:
    from pathlib import Path

EMPTY = digest_bytes(b"")
TRACE = Trace(
    label="kernel_lib/heap.o",
    recipe="recipes/kernel_lib.py",
    line=9,
    kind="compile",
    action=ActionDigest("a" * 64, 142),
    command="clang-19 -c src/kernel_lib/memory/heap.c",
    reason=Reason(
        text="src/kernel_lib/memory/heap.c changed",
        causes=(Cause(kind="file", subject="heap.c", old="1" * 64, new="2" * 64), Cause(kind="flag", subject="-O2")),
    ),
    toolchain=digest_bytes(b"llvm"),
    sandbox="bubblewrap",
    started=1_795_477_026_031_690_227,
    duration=31_400_000,
    user_time=25_000_000,
    system_time=None,
    max_rss=80 << 20,
    exit_code=0,
    stdout=EMPTY,
    stderr=EMPTY,
    outputs={"heap.o": digest_bytes(b"code"), "a/é.o": EMPTY},
)
BUILD = Build(
    id="b1",
    project="demo",
    started=1_795_477_026_000_000_000,
    targets=("image", "app.elf"),
    steps=(Step(label="app.elf", action=TRACE.action, decision="miss", reason="never built"),),
)


def executions(count: int, label: str = TRACE.label) -> list[Trace]:
    """Return executions of one label, a second apart, oldest first."""
    return [
        replace(TRACE, label=label, started=TRACE.started + second * 10**9, action=ActionDigest(f"{second:064x}", 1))
        for second in range(count)
    ]


def only_file(store: Store) -> Path:
    """Return the one file in trace/."""
    [path] = [path for path in (store.path / "trace").rglob("*") if path.is_file()]
    return path


def sealed(record: object) -> bytes:
    """Return a record's line, written here without the store's help."""
    body = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return hashlib.sha256(body).hexdigest()[:16].encode() + b" " + body + b"\n"


def content(line: bytes) -> dict[str, dict[str, object]]:
    """Return what a record's line says."""
    said: dict[str, dict[str, object]] = json.loads(line.partition(b" ")[2])
    return said


def test_a_trace_comes_back(store: Store) -> None:
    """What was recorded is read, every field of it."""
    store.traces.record(TRACE)
    assert list(store.traces.history(TRACE.label)) == [TRACE]
    assert store.traces.latest(TRACE.label) == TRACE
    assert store.traces.latest("kernel_lib/heap") is None
    assert store.traces.unreadable == set()


def test_the_file_is_where_and_what_the_module_says(store: Store) -> None:
    """What one process records is one file of lines, sealed JSON each, in the order of recording."""
    store.traces.record(TRACE)
    store.traces.record_build(BUILD)
    path = only_file(store)
    assert path.parent == store.path / "trace"
    assert re.fullmatch(r"[0-9]{20}-[0-9a-f]{12}\.jsonl", path.name)
    lines = path.read_bytes().splitlines(keepends=True)
    assert lines == [sealed(content(line)) for line in lines]
    assert [list(content(line)) for line in lines] == [["trace", "version"], ["build", "version"]]


def test_a_history_is_of_one_label_newest_first(store: Store) -> None:
    """History gives the executions of its label alone, in whatever order they were recorded."""
    mine, others = executions(5), executions(3, "another")
    for trace in [mine[3], others[0], mine[0], mine[4], others[2], mine[1], others[1], mine[2]]:
        store.traces.record(trace)
    assert list(store.traces.history(TRACE.label)) == mine[::-1]
    assert store.traces.latest("another") == others[2]
    assert store.traces.labels() == ["another", TRACE.label]


def test_processes_record_side_by_side(store: Store) -> None:
    """Two openings of a store write two files, and each reads what the other recorded by then."""
    other = Store(store.path)
    mine, theirs = executions(2)
    store.traces.record(mine)
    assert list(other.traces.recent()) == [mine]
    other.traces.record(theirs)
    assert list(store.traces.recent()) == [theirs, mine]
    assert len(list((store.path / "trace").iterdir())) == 2


def test_what_was_there_at_first_is_cheap_to_ask_for(store: Store) -> None:
    """`earlier` tells of the time before this opening asked first, however much was recorded since."""
    first, second = executions(2)
    store.traces.record(first)
    opened = Store(store.path)
    assert opened.traces.earlier(TRACE.label) == first
    opened.traces.record(second)
    assert opened.traces.earlier(TRACE.label) == first
    assert opened.traces.latest(TRACE.label) == second


def test_all_executions_merge_by_time(store: Store) -> None:
    """`recent` gives every execution, newest first over all labels; `of_action` those of one action."""
    mine, others = executions(4), executions(4, "another")
    for trace in [*mine[::2], *others[1::2]]:
        store.traces.record(trace)
    assert list(store.traces.recent()) == [others[3], mine[2], others[1], mine[0]]
    assert list(store.traces.of_action(mine[2].action)) == [mine[2]]


def test_who_asks_about_many_actions_need_look_but_once(store: Store) -> None:
    """Without `now` an execution is found that was on record at the last look, and one after that is not."""
    first, second, third = executions(3)
    again = replace(first, started=third.started + 1)
    for trace in (first, second, again):
        store.traces.record(trace)
    store.traces.catch_up()
    store.traces.record(third)
    found = [list(store.traces.of_action(each.action, now=False)) for each in (second, third, first)]
    assert found == [[second], [], [again, first]]
    assert list(store.traces.of_action(third.action)) == [third]


def test_builds_are_found_by_target(store: Store) -> None:
    """Builds come newest first, and the latest of a target is the newest that was asked for it."""
    later = replace(BUILD, id="b2", started=BUILD.started + 1, targets=("test",), steps=())
    for build in (later, BUILD):
        store.traces.record_build(build)
    assert list(store.traces.builds()) == [later, BUILD]
    assert store.traces.latest_build("image") == BUILD
    assert store.traces.latest_build("test") == later
    assert store.traces.latest_build("never") is None
    assert list(store.traces.recent()) == [], "a build is no execution"


def test_a_builds_id_cannot_leave_its_folder(store: Store) -> None:
    """An id that is not letters and digits is refused."""
    with pytest.raises(ValueError, match="letters and digits"):
        store.traces.record_build(replace(BUILD, id="../../x"))


def test_each_changed_byte_and_each_lost_end_is_noticed(store: Store) -> None:
    """Changes of one byte and truncations, all along a trace, make it one that is passed over and counted."""
    older = replace(TRACE, started=1)
    store.traces.record(older)
    path = only_file(store)
    kept = path.read_bytes()
    store.traces.record(TRACE)
    good = path.read_bytes().removeprefix(kept)
    changed = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(0, len(good), 29)]
    for bad in [*changed, *(good[:end] for end in range(1, len(good), 97))]:
        path.write_bytes(kept + bad)
        store.traces.unreadable.clear()
        store.traces.reindex()
        assert list(store.traces.history(TRACE.label)) == [older]
        assert store.traces.unreadable == {path}


def test_damage_after_the_index_was_made_is_noticed(store: Store) -> None:
    """The index says where a record lies; whether it is whole is asked of the record."""
    store.traces.record(TRACE)
    assert store.traces.latest(TRACE.label) == TRACE
    path = only_file(store)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"compile", b"c0mpile"))
    assert store.traces.latest(TRACE.label) is None
    assert store.traces.unreadable == {path}


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("an unknown field", {"novelty": 1}),
        ("a text for a number", {"line": "9"}),
        ("an unknown sandbox", {"sandbox": "none"}),
        ("a digest that is none", {"stdout": {"hash": "../../etc", "size": 3}}),
        ("an unknown field inside", {"reason": {"text": "", "causes": [], "novelty": 1}}),
    ],
)
def test_a_record_that_breaks_the_schema_is_passed_over(store: Store, what: str, change: dict[str, object]) -> None:
    """A rightly sealed record with another shape is not half-understood."""
    store.traces.record(TRACE)
    path = only_file(store)
    record = content(path.read_bytes())
    path.write_bytes(sealed({**record, "trace": record["trace"] | change}))
    assert store.traces.latest(TRACE.label) is None, what
    assert store.traces.unreadable == {path}
    path.write_bytes(sealed(record))
    assert Store(store.path).traces.latest(TRACE.label) == TRACE


def test_another_version_is_passed_over(store: Store) -> None:
    """A record of a newer version is counted as unreadable, whatever it holds."""
    store.traces.record_build(BUILD)
    path = only_file(store)
    path.write_bytes(sealed(content(path.read_bytes()) | {"version": 3}))
    assert list(store.traces.builds()) == []
    assert store.traces.unreadable == {path}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=100) | st.sampled_from([b"[" * 100_000, b"1" * 10_000, b'"\\ud800"', b"null"]))
def test_any_bytes_are_passed_over_and_never_a_crash(store: Store, body: bytes) -> None:
    """Whatever is in a file, sealed or not, reading goes on with the next."""
    path = store.path / "trace" / "00000000000000000001-000000000000.jsonl"
    for data in (body, hashlib.sha256(body).hexdigest()[:16].encode() + b" " + body + b"\n"):
        path.write_bytes(data)
        store.traces.record(TRACE)
        assert all(trace == TRACE for trace in store.traces.recent())
    path.unlink()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    label=st.text(st.characters(codec="utf-8"), max_size=40),
    text=st.text(st.characters(codec="utf-8"), max_size=40),
    outputs=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=20), st.just(Digest("b" * 64, 2))),
)
def test_any_text_survives(store: Store, label: str, text: str, outputs: dict[str, Digest]) -> None:
    """Labels, reasons and paths may hold any text, line ends and quotes too."""
    trace = replace(TRACE, label=label, reason=Reason(text=text), outputs=outputs)
    store.traces.record(trace)
    assert store.traces.latest(label) == trace


def test_pruning_keeps_what_is_young_or_explains_something(store: Store) -> None:
    """Old executions go unless they are of a kept action, and old builds unless they are among the newest.

    Each was recorded by a process of its own: what one process recorded may be kept as a whole.
    """
    kept, *others = executions(6)
    builds = [replace(BUILD, id=f"b{second}", started=TRACE.started + second * 10**9) for second in range(6)]
    for trace in (kept, *others):
        Store(store.path).traces.record(trace)
    for build in builds:
        Store(store.path).traces.record_build(build)
    since = TRACE.started + 4 * 10**9
    assert store.traces.prune({kept.action.hash}, since=since, builds=3, before=2**63) == 3 + 3
    assert list(store.traces.recent()) == [*others[:2:-1], kept]
    assert list(store.traces.builds()) == builds[:2:-1]
    assert store.traces.prune(set(), since=since, builds=0, before=2**63) == 1 + 1
    assert list(store.traces.recent()) == others[:2:-1]
    assert list(store.traces.builds()) == builds[:3:-1]


def test_pruning_leaves_what_was_just_recorded(store: Store) -> None:
    """A build that ends while a collection runs may be rooted after the collector looked: its records stay."""
    store.traces.record(TRACE)
    assert store.traces.prune(set(), since=2**63, builds=0, before=time.time_ns()) == 0
    assert store.traces.prune(set(), since=2**63, builds=0, before=2**63) == 1


def test_a_reindexed_store_tells_the_same(store: Store) -> None:
    """Making the index anew counts every record and changes no answer."""
    traces = executions(3)
    for trace in traces:
        store.traces.record(trace)
    store.traces.record_build(BUILD)
    before = (list(store.traces.recent()), list(store.traces.builds()), store.traces.labels())
    (store.path / "index.sqlite").unlink(missing_ok=True)
    assert store.traces.reindex() == 4
    assert (list(store.traces.recent()), list(store.traces.builds()), store.traces.labels()) == before
