"""Traces and build records: found by label and time, and passed over where they are not exactly what was written."""

from __future__ import annotations

import hashlib
import json
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
    """Return the two lines of a record, written here without the store's help."""
    body = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return b'{"sha256":"%s","version":2}\n%s\n' % (hashlib.sha256(body).hexdigest().encode(), body)


def test_a_trace_comes_back(store: Store) -> None:
    """What was recorded is read, every field of it."""
    store.traces.record(TRACE)
    assert list(store.traces.history(TRACE.label)) == [TRACE]
    assert store.traces.latest(TRACE.label) == TRACE
    assert store.traces.latest("kernel_lib/heap") is None
    assert store.traces.unreadable == set()


def test_the_file_is_where_and_what_the_module_says(store: Store) -> None:
    """A trace lies under its label's hash, its time and its action: two lines of JSON, the first sealing the second."""
    store.traces.record(TRACE)
    label = hashlib.sha256(TRACE.label.encode()).hexdigest()
    path = store.path / "trace" / label[:2] / label[:16] / "01795477026031690227-aaaaaaaaaaaa.json"
    assert only_file(store) == path
    assert path.read_bytes() == sealed(json.loads(path.read_bytes().splitlines()[1]))


def test_a_history_is_of_one_label_newest_first(store: Store) -> None:
    """History gives the executions of its label alone, in whatever order they were recorded."""
    mine, others = executions(5), executions(3, "another")
    for trace in [mine[3], others[0], mine[0], mine[4], others[2], mine[1], others[1], mine[2]]:
        store.traces.record(trace)
    assert list(store.traces.history(TRACE.label)) == mine[::-1]
    assert store.traces.latest("another") == others[2]
    assert store.traces.labels() == ["another", TRACE.label]


def test_labels_that_share_a_folder_are_kept_apart(store: Store) -> None:
    """Should two labels' hashes ever begin alike, each history still holds only its own."""
    other = replace(TRACE, label="another", started=TRACE.started + 1)
    store.traces.record(TRACE)
    mine = only_file(store)
    store.traces.record(other)
    [theirs] = [path for path in (store.path / "trace").rglob("*.json") if path != mine]
    theirs.rename(mine.parent / theirs.name)
    assert list(store.traces.history(TRACE.label)) == [TRACE]


def test_all_executions_merge_by_time(store: Store) -> None:
    """`recent` gives every execution, newest first over all labels; `of_action` those of one action."""
    mine, others = executions(4), executions(4, "another")
    for trace in [*mine[::2], *others[1::2]]:
        store.traces.record(trace)
    assert list(store.traces.recent()) == [others[3], mine[2], others[1], mine[0]]
    assert list(store.traces.of_action(mine[2].action)) == [mine[2]]


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
    """Every change of one byte and every truncation of a trace makes it one that is passed over and counted."""
    older = replace(TRACE, started=1)
    store.traces.record(TRACE)
    path = only_file(store)
    store.traces.record(older)
    good = path.read_bytes()
    changed = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(len(good) - 1)]
    path.chmod(0o644)
    for bad in [*changed, *(good[:end] for end in range(len(good) - 1))]:
        path.write_bytes(bad)
        store.traces.unreadable.clear()
        assert store.traces.latest(TRACE.label) == older
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
    record = json.loads(path.read_bytes().splitlines()[1])
    path.chmod(0o644)
    path.write_bytes(sealed({**record, **change}))
    assert store.traces.latest(TRACE.label) is None, what
    assert store.traces.unreadable == {path}
    path.write_bytes(sealed(record))
    assert store.traces.latest(TRACE.label) == TRACE


def test_another_version_is_passed_over(store: Store) -> None:
    """A record of a newer version is counted as unreadable, whatever it holds."""
    store.traces.record_build(BUILD)
    path = only_file(store)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b'"version":2', b'"version":3', 1))
    assert list(store.traces.builds()) == []
    assert store.traces.unreadable == {path}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=100) | st.sampled_from([b"[" * 100_000, b"1" * 10_000, b'"\\ud800"', b"null"]))
def test_any_bytes_are_passed_over_and_never_a_crash(store: Store, body: bytes) -> None:
    """Whatever is in a file, sealed or not, reading goes on with the next."""
    store.traces.record(TRACE)
    path = only_file(store)
    path.unlink()
    for data in (body, b'{"sha256":"%s","version":2}\n' % hashlib.sha256(body).hexdigest().encode() + body):
        path.write_bytes(data)
        assert list(store.traces.recent()) == []
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
    assert store.traces.prune({kept.action.hash}, since=since, builds=3) == 3 + 3
    assert list(store.traces.recent()) == [*others[:2:-1], kept]
    assert list(store.traces.builds()) == builds[:2:-1]
    assert store.traces.prune(set(), since=since, builds=0) == 1 + 1
    assert list(store.traces.recent()) == others[:2:-1]
    assert list(store.traces.builds()) == builds[:3:-1]


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
