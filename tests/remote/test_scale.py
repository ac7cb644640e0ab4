"""The cluster on paper: small graphs whose times can be worked out by hand, and bounds that hold for any graph."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.cluster_model import Outcome, Setting, Task, simulate
from benchmarks.remote_scale import grow, load, main
from tests.small import ACTIONS, Small

FREE = {"latency": 0.0, "line": 1e15, "worker_line": 1e15, "client": 0.0, "jobs": 1000}
DIAMOND = [  # 1 s; then 2 s and 3 s beside each other; then 4 s
    Task("compile", 1.0, 0, 0, 0),
    Task("compile", 2.0, 0, 0, 0, (0,)),
    Task("compile", 3.0, 0, 0, 0, (0,)),
    Task("link", 4.0, 0, 0, 0, (1, 2)),
]


def run(graph: Sequence[Task], **setting: float) -> Outcome:
    """Simulate on a cluster where nothing costs anything but what is given."""
    return simulate(graph, Setting(**{**FREE, "workers": 1, **setting}))  # type: ignore[arg-type]


def test_one_worker_takes_the_sum() -> None:
    """On one worker, with everything else free, a graph takes what its actions take together: 1 + 2 + 3 + 4."""
    assert run(DIAMOND).seconds == pytest.approx(10)


def test_many_workers_take_the_critical_path() -> None:
    """With a worker for each action a graph takes its longest way: 1 + 3 + 4."""
    outcome = run(DIAMOND, workers=1000)
    assert outcome.seconds == pytest.approx(8)
    assert outcome.limit == "critical path"


def test_two_workers_share_what_is_ready() -> None:
    """Five actions of a second on two workers take three rounds."""
    assert run([Task("compile", 1.0, 0, 0, 0)] * 5, workers=2).seconds == pytest.approx(3)


@pytest.mark.parametrize(
    ("task", "setting", "seconds"),
    [
        (Task("compile", 0.0, 500, 0, 0), {"line": 100.0}, 5),  # 500 bytes at 100 bytes a second
        (Task("compile", 0.0, 0, 0, 500), {"line": 100.0}, 5),
        (Task("compile", 0.0, 0, 300, 200), {"worker_line": 100.0}, 5),
        (Task("compile", 0.0, 0, 0, 500), {"line": 100.0, "download": False}, 0),
    ],
)
def test_a_line_takes_bytes_over_bandwidth(task: Task, setting: dict[str, float], seconds: float) -> None:
    """Where only a line costs, an action takes its bytes divided by that line's bandwidth."""
    assert run([task], **setting).seconds == pytest.approx(seconds)


def test_round_trips_of_an_action() -> None:
    """Lookup, FindMissing, upload, Execute and download are five round trips; without bytes either way, three."""
    assert run([Task("compile", 0.0, 1, 0, 1)], latency=1.0).seconds == pytest.approx(5)
    assert run([Task("compile", 0.0, 0, 0, 0)], latency=1.0).seconds == pytest.approx(3)


def test_the_client_is_the_limit_in_the_end() -> None:
    """With workers for all, a client that spends 2 ms on an action needs 2 s for a thousand, and is the limit."""
    outcome = run([Task("compile", 0.01, 0, 0, 0)] * 1000, workers=1000, client=0.002)
    assert outcome.limit == "client"
    assert outcome.seconds == pytest.approx(2, rel=0.01)


def test_jobs_bound_what_is_on_its_way() -> None:
    """A client that keeps one action on its way gains nothing from a second worker."""
    assert run(DIAMOND, workers=2, jobs=1).seconds == pytest.approx(10)


@st.composite
def graphs(draw: st.DrawFn) -> list[Task]:
    """Graphs of a few actions, with needs that come before them."""
    size = st.integers(0, 1000)
    graph: list[Task] = []
    for place in range(draw(st.integers(1, 12))):
        needs = draw(st.sets(st.integers(0, place - 1), max_size=3)) if place else set()
        graph.append(Task("any", draw(st.floats(0, 10)), draw(size), draw(size), draw(size), tuple(sorted(needs))))
    return graph


@settings(max_examples=100, deadline=None)
@given(graph=graphs(), workers=st.integers(1, 5))
def test_no_time_is_below_a_bound_or_above_one_after_the_other(graph: list[Task], workers: int) -> None:
    """No simulation is quicker than any of its parts alone, or slower than all actions one after the other."""
    setting = {"latency": 0.5, "line": 100.0, "worker_line": 200.0, "client": 0.1}
    outcome = run(graph, workers=workers, **setting)
    serial = run(graph, workers=1, jobs=1, **setting)
    assert outcome.seconds >= max(outcome.bounds.values()) - 1e-9
    assert outcome.seconds <= serial.seconds + 1e-9


def test_equal_graphs_take_equal_times() -> None:
    """A graph that is grown and simulated twice with one seed gives one answer; another seed gives another."""
    first, again, other = (run(grow(DIAMOND, 1000, seed), workers=7, client=0.001) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_grown_graph_has_the_size_that_was_asked_for() -> None:
    """Copies stand beside each other, each with the needs of the first; the last is in part, up to the number."""
    graph = grow(DIAMOND, 10, 1)
    assert [task.needs for task in graph] == [(), (0,), (0,), (1, 2), (), (4,), (4,), (5, 6), (), (8,)]


def test_a_graph_is_made_of_a_real_build(built_small: Small) -> None:
    """A build's records give its actions with their times; a source is sent once, and fetched by each that reads it."""
    graph = load(built_small.store, "small.img")
    assert len(graph) == len(ACTIONS)
    assert all(task.duration > 0 for task in graph)
    sources = {path: (built_small.root / path).stat().st_size for path in ("src/kernel.h", "src/words.txt")}
    assert sum(task.sent for task in graph) >= sum(sources.values())
    assert sum(task.sent for task in graph) < sum(task.fetched for task in graph)


def test_the_program_prints_a_table_json_and_a_page(
    built_small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run in a project, it tells the same runs as a table, as JSON and as a page with a bar for each."""
    monkeypatch.chdir(built_small.root)
    monkeypatch.setenv("BAREFLOW_CACHE", str(built_small.cache))
    words = ["remote_scale", "--target", "small.img", "--actions", "100", "--workers", "1,4"]
    monkeypatch.setattr("sys.argv", [*words, "--html", str(tmp_path / "page.html")])
    assert main() == 0
    table = capsys.readouterr().out
    monkeypatch.setattr("sys.argv", [*words, "--json"])
    assert main() == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["actions"], [run["workers"] for run in told["runs"]]) == (100, [1, 4])
    page = (tmp_path / "page.html").read_text()
    for run in told["runs"]:
        assert f"{run['seconds']:,.0f} s" in table
        assert f"{run['workers']} workers" in page


def test_a_target_without_a_build_is_told(
    built_small: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a build of it on record, the program says so and how to get one."""
    monkeypatch.chdir(built_small.root)
    monkeypatch.setenv("BAREFLOW_CACHE", str(built_small.cache))
    monkeypatch.setattr("sys.argv", ["remote_scale", "--target", "other.img"])
    assert main() == 1
    assert "no build of it is on record" in capsys.readouterr().err
