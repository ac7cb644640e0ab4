"""Collecting: what roots, builds, age and size keep, what it says beforehand, and what being killed leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bfbuild.digest import Digest
from bfbuild.store import Store
from bfbuild.store.collect import Limits, collect, plan
from bfbuild.store.roots import PROJECT_FILE, RootDamaged
from bfbuild.store.signature import signature_path
from bfbuild.store.verify import verify

from .made import DAY, NOTHING, NOW, Made, gone, make, make_tools, record_build, root_of, whole

if TYPE_CHECKING:
    from collections.abc import Iterable


Filled = Callable[..., tuple[Store, list[Made]]]


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    """Give `filled("a", "b")`: a store in which these were made, each with tools of its own, and nothing held."""

    def fill(*labels: str) -> tuple[Store, list[Made]]:
        store = Store(tmp_path / "cache")
        made = [make(store, label, tools=f"tools of {label}") for label in labels]
        del store
        store = Store(tmp_path / "cache")
        long_ago(store)
        return store, made

    return fill


def long_ago(store: Store) -> None:
    """Pretend that what was recorded by now was recorded by processes of long ago."""
    for segment in store.traces.segments():
        os.utime(segment, (0, 0))


def written(store: Store, made: Iterable[Made], moment: int) -> None:
    """Pretend that everything of these was written at a moment, in ns since 1970."""
    for each in made:
        paths = [store.cas.path_of(digest) for digest in each.content]
        for path in [*paths, *map(store.results.path_of, (each.action, each.unpacking))]:
            os.utime(path, ns=(moment, moment))


def test_nothing_is_kept_for_no_reason(filled: Filled) -> None:
    """Without roots, builds or age a collection empties the store."""
    store, _ = filled("a", "b")
    _, done = collect(store, NOTHING, NOW)
    assert list(store.cas.digests()) == []
    assert list(store.results.hashes()) == []
    assert store.traces.labels() == []
    assert (done.results, done.records) == (4, 2)


def test_a_root_keeps_all_that_its_actions_reach(filled: Filled) -> None:
    """Descriptions, inputs, outputs, logs, the unpacking of the tools and the packages stay; the rest goes."""
    store, (a, b) = filled("a", "b")
    store.roots.put(root_of(a))
    collect(store, NOTHING, NOW)
    assert whole(store, a)
    assert gone(store, b, but=a)
    assert store.traces.labels() == ["a"]


def test_a_root_keeps_downloads(filled: Filled) -> None:
    """A file that a recipe fetches is kept by name."""
    store, (a,) = filled("a")
    fetched = Store(store.path).cas.put_bytes(b"fetched")
    store.roots.put(replace(root_of(a), downloads=(fetched,)))
    collect(store, NOTHING, NOW)
    assert fetched in set(store.cas.digests())


def test_the_root_of_a_checkout_that_is_gone_is_dropped(filled: Filled, tmp_path: Path) -> None:
    """A checkout's root counts while its folder has a project, and goes with it."""
    store, (a,) = filled("a")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / PROJECT_FILE).touch()
    store.roots.put(root_of(a, checkout=str(checkout)))
    collect(store, NOTHING, NOW)
    assert whole(store, a)
    (checkout / PROJECT_FILE).unlink()
    _, done = collect(store, NOTHING, NOW)
    assert done.roots == 1
    assert store.roots.all() == []
    assert gone(store, a)


def test_a_root_that_cannot_be_read_stops_everything(filled: Filled) -> None:
    """Nothing is removed while it is not known what a root keeps."""
    store, (a, b) = filled("a", "b")
    store.roots.put(root_of(a))
    store.roots.path_of("pinned").chmod(0o644)
    store.roots.path_of("pinned").write_bytes(b"damaged")
    with pytest.raises(RootDamaged):
        collect(store, NOTHING, NOW)
    assert whole(store, a)
    assert whole(store, b)


def test_the_newest_builds_are_kept(filled: Filled) -> None:
    """Of three builds the newest two keep what they decided on, hits among it, with their records."""
    store, made = filled("a", "b", "c")
    for number, each in enumerate(made):
        record_build(store, each, started=NOW + number)
    long_ago(store)
    collect(store, Limits(builds=2, age=NOTHING.age), NOW)
    assert [whole(store, each) for each in made] == [False, True, True]
    assert [build.targets for build in store.traces.builds()] == [("c",), ("b",)]


@pytest.mark.parametrize(("days", "kept"), [(0, []), (2, ["c"]), (4, ["b", "c"]), (9, ["a", "b", "c"])])
def test_what_is_young_is_kept(tmp_path: Path, days: int, kept: list[str]) -> None:
    """Results that are 5, 3 and 1 days old stay if they are younger than the limit, with all that they reach."""
    store = Store(tmp_path / "cache")
    for label, age in (("a", 5), ("b", 3), ("c", 1)):
        each = make(store, label, started=NOW - age * DAY, tools=label)
        written(store, [each], NOW - age * DAY)
    del store
    store = Store(tmp_path / "cache")
    long_ago(store)
    collect(store, Limits(builds=0, age=days * DAY), NOW)
    assert store.traces.labels() == kept
    assert len(list(store.results.hashes())) == 2 * len(kept)
    assert verify(store, silent).damage == ()


def test_a_young_result_keeps_its_old_content(filled: Filled) -> None:
    """What a result names is kept with it, however long it has been there."""
    store, (a,) = filled("a")
    written(store, [a], NOW - 9 * DAY)
    os.utime(store.results.path_of(a.action), ns=(NOW, NOW))
    collect(store, Limits(builds=0, age=DAY), NOW)
    assert whole(store, a)


def test_a_failure_can_be_looked_into_while_it_is_young(filled: Filled) -> None:
    """An execution without a result keeps its action's description and what the tool printed, for its age."""
    store, (a,) = filled("a")
    written(store, [a], NOW - 9 * DAY)
    store.results.path_of(a.action).unlink()
    collect(store, Limits(builds=0, age=DAY), NOW)
    assert {digest.hash for digest in store.cas.digests()} >= {digest.hash for digest in a.content}


def test_size_is_kept_to_by_dropping_the_oldest(tmp_path: Path) -> None:
    """With a limit of bytes what is young stays newest first, and roots stay whatever their size."""
    store = Store(tmp_path / "cache")
    made = []
    for age, label in enumerate("abcd"):
        made.append(make(store, label, started=NOW - age * DAY, tools=label))
        written(store, made[-1:], NOW - age * DAY)
    store.roots.put(root_of(made[3]))
    del store
    store = Store(tmp_path / "cache")
    size = sum(entry.stat().st_size for entry in [*store.cas.path.glob("??/*"), *store.results.path.glob("??/*")])
    collect(store, Limits(builds=0, age=10 * DAY, size=size // 2), NOW)
    assert [whole(store, each) for each in made] == [True, False, False, True]


def test_folders_of_tools_go_with_their_unpacking(filled: Filled) -> None:
    """An unpacked tree stays while its unpacking is kept; a tree of nobody goes, also one that is only a link."""
    store, (a,) = filled("a")
    store.roots.put(root_of(a))
    tools = make_tools(Store(store.path), "tools of a")
    result = store.results.read(tools.action)
    assert result is not None
    root = result.output_directories[0].root_directory_digest.hash
    kept, other, link = (store.path / "trees" / name for name in (root, "0" * 64, "1" * 64))
    kept.mkdir()
    (other / "usr").mkdir(parents=True)
    link.symlink_to(kept)
    for tree in (kept, other):
        signature_path(tree).touch()
    _, done = collect(store, NOTHING, NOW)
    assert done.trees == 2
    assert sorted((store.path / "trees").iterdir()) == [kept, signature_path(kept)]


def test_a_plan_says_what_a_collection_does_and_does_nothing(filled: Filled) -> None:
    """Planned and removed numbers are equal; a plan leaves every file."""
    store, (a, _) = filled("a", "b")
    store.roots.put(root_of(a))
    store.traces.catch_up()  # asking makes the index
    before = sorted(path for path in store.path.rglob("*") if path.is_file())
    planned = plan(store, NOTHING, NOW)
    assert sorted(path for path in store.path.rglob("*") if path.is_file()) == before
    again, done = collect(store, NOTHING, NOW)
    assert (len(planned.results), len(planned.content), planned.frees) == (done.results, done.content, done.bytes)
    assert (again.frees, again.kept) == (planned.frees, planned.kept)
    left = [*store.cas.path.glob("??/*"), *store.results.path.glob("??/*")]
    assert planned.kept == sum(path.stat().st_size for path in left)


def test_a_plan_says_what_it_costs_to_have_it_back(tmp_path: Path) -> None:
    """Times are those of the newest executions of what goes; packages are counted as a download."""
    store = Store(tmp_path / "cache")
    a = make(store, "a", seconds=100)
    b = make(store, "b", seconds=150, tools="b's")
    make(store, "b", seconds=30, started=NOW + 1, tools="b's")
    unknown = make(store, "c", tools="b's")
    store.roots.put(root_of(a))
    for path in (store.path / "trace").rglob("*"):
        if path.is_file() and b'"label":"c"' in path.read_bytes():
            path.unlink()
    del store
    planned = plan(Store(tmp_path / "cache"), NOTHING, NOW)
    assert planned.rebuild == 30 * 10**9
    assert planned.unknown == 1
    assert planned.download == sum(package.size for package in b.packages)
    assert unknown.action.hash in {name.hex() for name in planned.results}


def test_what_a_build_puts_on_record_meanwhile_is_whole(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that begins after the plan, finds an old result, roots it and ends before the removal loses nothing."""
    store, (a, b) = filled("a", "b")
    real = store.roots.remove
    store.roots.put(root_of(b, checkout="/nowhere"))

    def build_meanwhile(root: object) -> None:
        other = Store(store.path)
        assert other.results.get(a.action) is not None
        other.roots.put(root_of(a))
        real(root)  # type: ignore[arg-type]

    monkeypatch.setattr(store.roots, "remove", build_meanwhile)
    collect(store, NOTHING, NOW)
    assert whole(store, a)
    assert gone(store, b, but=a)


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from bfbuild.store import Store
from bfbuild.store.collect import collect
from tests.store.made import NOTHING, NOW

left = int(sys.argv[2])
real = Path.unlink

def unlink(path, **options):
    global left
    if path.parent.parent.name in ("ac", "cas"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
    real(path, **options)

Path.unlink = unlink
collect(Store(Path(sys.argv[1])), NOTHING, NOW)
"""


@pytest.mark.parametrize("removals", [0, 1, 2, 5, 11, 17])
def test_a_killed_collection_leaves_a_right_store(filled: Filled, removals: int, repository: Path) -> None:
    """After kill -9 at any removal nothing is damaged, what is rooted is whole, and the next collection finishes."""
    store, (a, b, _) = filled("a", "b", "c")
    store.roots.put(root_of(a))
    arguments = [sys.executable, "-c", KILLED, str(store.path), str(removals), str(repository)]
    assert subprocess.run(arguments, check=False).returncode == -signal.SIGKILL
    assert verify(store, silent).damage == ()
    assert whole(store, a)
    collect(store, NOTHING, NOW)
    assert whole(store, a)
    assert gone(store, b, but=a)


@settings(max_examples=30, deadline=None)
@given(
    actions=st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["", "1", "2"])), unique=True, max_size=8),
    rooted=st.sets(st.integers(0, 7)),
)
def test_what_is_rooted_and_nothing_else_survives(
    actions: list[tuple[str, str]], rooted: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of any actions, any of them rooted, a collection leaves exactly the content and results of those."""
    cache = tmp_path_factory.mktemp("any") / "cache"
    store = Store(cache)
    made = [make(store, label, text=text, tools=f"tools {text}") for label, text in actions]
    kept = [each for number, each in enumerate(made) if number in rooted]
    for number, each in enumerate(kept):
        store.roots.put(root_of(each, name=str(number)))
    del store
    store = Store(cache)
    collect(store, NOTHING, NOW)
    expected: set[Digest] = set().union(*(each.content for each in kept))
    assert set(store.cas.digests()) == expected
    assert verify(store, silent).damage == ()


def silent(done: int, total: int) -> None:
    """Show no progress."""
    del done, total
