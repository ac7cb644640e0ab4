"""`doit cache`: the words that look after the store: what they say, what they do, how they end."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest

from bfbuild.commands.cache import text
from bfbuild.store import Store
from bfbuild.store.roots import Root

from .conftest import STARTED, Sample
from .test_cache import doit

if TYPE_CHECKING:
    from pathlib import Path

Output = pytest.CaptureFixture[str]


@pytest.fixture
def idle(sample: Sample, tmp_path: Path) -> Sample:
    """Give the same store, used by nobody, in a project that keeps nothing for its age."""
    (tmp_path / "bareflow.toml").write_text('[store]\npath = "idle"\nkeep_builds = 0\nkeep_days = 0\n')
    shutil.copytree(sample.store.path, tmp_path / "idle", ignore=shutil.ignore_patterns("leases"))
    return sample._replace(store=Store(tmp_path / "idle"))


def root_of(sample: Sample, name: str = "demo-0123456789ab/demo/a.o", checkout: str | None = "/checkout") -> Root:
    """Return a root of the sample's action, as a build in a checkout leaves it."""
    return Root(
        name=name, target="demo/a.o", checkout=checkout, made=STARTED, actions={"demo/a.o": sample.action}, downloads=()
    )


def told(capsys: Output, *words: str, code: int = 0) -> Any:
    """Run a word with --json; return what it says to programs."""
    assert doit("cache", *words, "--json") == code
    return json.loads(capsys.readouterr().out)


def said(capsys: Output, *words: str, code: int = 0) -> str:
    """Run a word; return what it says to people."""
    assert doit("cache", *words) == code
    return capsys.readouterr().out


# log and trace


def record(sample: Sample, stdout: bytes, stderr: bytes, **changes: Any) -> None:
    """Record a newer execution of the sample's action that printed this."""
    trace = next(sample.store.traces.recent())
    out, err = sample.store.cas.put_bytes(stdout), sample.store.cas.put_bytes(stderr)
    sample.store.traces.record(replace(trace, started=STARTED + 10**9, stdout=out, stderr=err, **changes))


@pytest.mark.parametrize("word", ["demo/a.o", "build/demo/a.o", "a b.o"])
def test_log_prints_what_the_tool_printed(sample: Sample, capsys: Output, word: str) -> None:
    """Of the newest execution, standard error after standard output, by label or output."""
    record(sample, b"out\n", b"warning: x\n")
    assert said(capsys, "log", word) == "out\nwarning: x\n"


def test_log_of_a_failure_is_that_of_the_failure(sample: Sample, capsys: Output) -> None:
    """What a failed execution printed is shown, and how it ended."""
    record(sample, b"", b"error: y\n", exit_code=1, outputs={})
    assert said(capsys, "log", "demo/a.o") == "error: y\n"
    found = told(capsys, "log", "demo/a.o")
    assert found == {
        "label": "demo/a.o",
        "action": str(sample.action),
        "started": "2026-11-23T23:37:07.031Z",
        "exit_code": 1,
        "stdout": "",
        "stderr": "error: y\n",
    }


def test_log_says_when_there_was_nothing(sample: Sample, capsys: Output) -> None:
    """A silent tool is told from one whose words are gone."""
    assert said(capsys, "log", sample.action.hash[:8]).startswith("(it printed nothing)  demo/a.o: exit 0, ")
    record(sample, b"out\n", b"words\n")
    trace = next(sample.store.traces.recent())
    sample.store.cas.path_of(trace.stderr).unlink()
    assert said(capsys, "log", "demo/a.o") == "out\n(its stderr is gone)\n"
    assert told(capsys, "log", "demo/a.o")["stderr"] is None


def test_log_sends_a_terminal_no_orders(sample: Sample, capsys: Output) -> None:
    """Escape sequences and bytes that are no text are shown as marks."""
    record(sample, b"\x1b[2Ja\tb\xff\r\n", b"")
    assert said(capsys, "log", "demo/a.o") == "\ufffd[2Ja\tb\ufffd\ufffd\n"


TRACE = """\
label    demo/a.o  (recipes/demo.py:7)
action   compile {action}
command  clang-19 -c src/a.c
why      src/a.c changed
         file src/a.c: 1111 -> {source.short}
tools    none
sandbox  bubblewrap
started  2026-11-23 23:37:06
took     31.4 ms
user     not known
system   not known
memory   not known
exit     0
stdout   e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/0
stderr   e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/0
output   a b.o  {output}
"""


def test_trace_tells_the_whole_record(sample: Sample, capsys: Output) -> None:
    """Every field of it, by target or digest; programs get times in ns."""
    for word in ("demo/a.o", sample.action.hash[:6], str(sample.action)):
        assert said(capsys, "trace", word) == TRACE.format(**sample._asdict())
    found = told(capsys, "trace", "demo/a.o")
    assert found["duration"] == 31_400_000
    assert found["reason"]["causes"][0]["new"] == sample.source.short
    assert told(capsys, "show", "demo/a.o")["trace"] == found


@pytest.mark.parametrize("word", ["log", "trace"])
def test_what_was_never_executed_has_neither(sample: Sample, capsys: Output, word: str) -> None:
    """A digest that is no action's, and a name nobody knows, are refused with exit 2."""
    assert doit("cache", word, sample.source.hash) == 2
    assert "no execution of " in capsys.readouterr().err
    assert doit("cache", word, "demo/b.o") == 2
    assert "nearest  demo/a.o" in capsys.readouterr().err


# roots, pin, unpin


def test_roots_lists_what_is_kept(sample: Sample, capsys: Output, tmp_path: Path) -> None:
    """Each root with its target, and why it counts or does not."""
    assert said(capsys, "roots").startswith("the store has no roots")
    sample.store.roots.put(root_of(sample))
    sample.store.roots.put(root_of(sample, "here", str(tmp_path)))
    assert doit("cache", "pin", "demo/a.o", "release") == 0
    capsys.readouterr()
    assert said(capsys, "roots") == (
        "root                        target    actions  built                kept\n"
        "demo-0123456789ab/demo/a.o  demo/a.o        1  2026-11-23 23:37:06  not: /checkout is gone\n"
        f"here                        demo/a.o        1  2026-11-23 23:37:06  by {tmp_path}\n"
        "release                     demo/a.o        1  2026-11-23 23:37:06  pinned\n"
    )
    assert told(capsys, "roots")[0] == {
        "name": "demo-0123456789ab/demo/a.o",
        "target": "demo/a.o",
        "checkout": "/checkout",
        "gone": True,
        "built": "2026-11-23T23:37:06.031Z",
        "actions": {"demo/a.o": str(sample.action)},
        "downloads": [],
    }


def test_a_pin_is_named_like_its_target_and_taken_away(sample: Sample, capsys: Output) -> None:
    """`pin` copies the newest root of a target, `unpin` removes exactly one root."""
    sample.store.roots.put(root_of(sample))
    assert said(capsys, "pin", "build/demo/a.o") == "demo/a.o keeps demo/a.o: 1 action, 0 downloads\n"
    assert [root.name for root in sample.store.roots.all() if root.checkout is None] == ["demo/a.o"]
    assert said(capsys, "unpin", "demo/a.o") == "demo/a.o keeps demo/a.o no longer\n"
    assert sample.store.roots.all() == [root_of(sample)]
    assert doit("cache", "unpin", "demo-0123456789ab/demo/b.o") == 2
    assert "nearest  demo-0123456789ab/demo/a.o" in capsys.readouterr().err
    assert "makes it anew" in said(capsys, "unpin", "demo-0123456789ab/demo/a.o")


def test_a_pin_needs_a_root_and_a_name_of_its_own(sample: Sample, capsys: Output) -> None:
    """What was never built cannot be pinned, nor under the name that builds of a checkout use, nor without a name."""
    assert doit("cache", "pin", "demo/a.o") == 2
    assert "no root has the name or target demo/a.o" in capsys.readouterr().err
    sample.store.roots.put(root_of(sample))
    for name, why in (
        (root_of(sample).name, "builds of a checkout refresh"),
        ("a\nb", "must be one that can be shown"),
    ):
        assert doit("cache", "pin", "demo/a.o", name) == 2
        assert why in capsys.readouterr().err


# gc


def test_gc_says_what_it_frees_and_what_that_costs(idle: Sample, capsys: Output) -> None:
    """A dry run tells the bytes, and from the traces the time to have them back; it removes nothing."""
    trace = next(idle.store.traces.recent())
    idle.store.traces.record(replace(trace, started=STARTED + 1, duration=250 * 10**9))
    size = idle.store.usage()["cas"].bytes + idle.store.usage()["ac"].bytes
    assert said(capsys, "gc", "--dry-run") == (
        f"frees {text.size(size)}; rebuilding would take 4 min 10 s\n  1 result, 9 blobs\n  keeps 0 B\n"
    )
    assert list(idle.store.results.hashes()) == [idle.action.hash]
    assert told(capsys, "gc", "--dry-run") == {
        "dry_run": True,
        "freed_bytes": size,
        "kept_bytes": 0,
        "results": 1,
        "content": 9,
        "trees": 0,
        "roots": 0,
        "records": None,
        "rebuild_ns": 250 * 10**9,
        "rebuild_unknown": 0,
        "download_bytes": 0,
    }
    assert said(capsys, "gc").startswith(f"freed {text.size(size)}; rebuilding would take 4 min 10 s\n")
    assert list(idle.store.results.hashes()) == []
    assert list(idle.store.cas.digests()) == []
    assert told(capsys, "gc")["freed_bytes"] == 0


def test_gc_keeps_what_is_pinned(idle: Sample, capsys: Output) -> None:
    """A pin, and nothing else, saves all that its target is made of; without it all goes."""
    content = set(idle.store.cas.digests())
    idle.store.roots.put(root_of(idle, "release", None))
    assert told(capsys, "gc")["freed_bytes"] == 0
    assert set(idle.store.cas.digests()) == content
    assert doit("cache", "unpin", "release") == 0
    capsys.readouterr()
    assert told(capsys, "gc")["kept_bytes"] == 0


def test_gc_drops_the_roots_of_checkouts_that_are_gone(idle: Sample, capsys: Output) -> None:
    """It says how many; what they kept goes with them."""
    idle.store.roots.put(root_of(idle))
    assert "1 root of checkouts that are gone" in said(capsys, "gc")
    assert list(idle.store.cas.digests()) == []


@pytest.mark.parametrize(("limits", "left"), [("keep_days = 1000", 1), ("keep_builds = 0\nkeep_days = 0", 0)])
def test_gc_keeps_to_the_limits_in_the_configuration(
    idle: Sample, capsys: Output, tmp_path: Path, limits: str, left: int
) -> None:
    """`[store]` says how many days a result without a root is kept."""
    (tmp_path / "bareflow.toml").write_text(f'[store]\npath = "idle"\n{limits}\n')
    assert doit("cache", "gc") == 0
    capsys.readouterr()
    assert len(list(idle.store.results.hashes())) == left


def test_gc_stops_at_a_root_that_it_cannot_read(idle: Sample, capsys: Output) -> None:
    """Exit 2, nothing removed, and the way out is named."""
    (idle.store.path / "roots" / "x.json").write_text("{}")
    assert doit("cache", "gc") == 2
    assert "doit cache repair" in capsys.readouterr().err
    assert list(idle.store.results.hashes()) == [idle.action.hash]


# verify and repair


def damage(sample: Sample) -> None:
    """Flip a bit of the output."""
    path = sample.store.cas.path_of(sample.output)
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


@pytest.mark.usefixtures("sample")
def test_verify_is_content_with_a_whole_store(capsys: Output) -> None:
    """Exit 0, and how much was checked; the bytes are told on standard error as they are done."""
    assert doit("cache", "verify") == 0
    shown = capsys.readouterr()
    assert shown.out == "checked 9 blobs, 1 result, 0 roots, 0 unpacked folders: no damage\n"
    assert "verify: " in shown.err
    assert told(capsys, "verify") == {
        "checked": {"content": 9, "result": 1, "root": 0, "tree": 0},
        "damage": [],
    }


def test_verify_names_what_is_damaged_and_fails(sample: Sample, capsys: Output) -> None:
    """Exit 1, in both forms."""
    damage(sample)
    lines = said(capsys, "verify", code=1).splitlines()
    assert lines[0] == "checked 9 blobs, 1 result, 0 roots, 0 unpacked folders: 2 things damaged"
    assert [line.split()[:2] for line in lines[2:4]] == [
        ["content", sample.output.short],
        ["result", sample.action.short],
    ]
    found = told(capsys, "verify", code=1)["damage"]
    assert [each["name"] for each in found] == [sample.output.hash, sample.action.hash]


def test_repair_removes_just_that_and_says_what_the_next_build_makes(sample: Sample, capsys: Output) -> None:
    """Afterwards the store verifies; what was whole is still there."""
    assert said(capsys, "repair") == "nothing is damaged\n"
    damage(sample)
    lines = said(capsys, "repair").splitlines()
    assert lines[0] == "removed 2 damaged things"
    assert lines[-1] == "the next build makes anew: demo/a.o"
    assert doit("cache", "verify") == 0
    capsys.readouterr()
    assert told(capsys, "repair") == {"removed": [], "labels": [], "rebuilt": []}
    assert sample.store.cas.get_bytes(sample.source)


# reindex, du


def test_reindex_counts_the_records(sample: Sample, capsys: Output) -> None:
    """One execution is on record, and every answer is the same afterwards."""
    before = list(sample.store.traces.recent())
    assert said(capsys, "reindex") == "indexed 1 record\n"
    assert told(capsys, "reindex") == {"records": 1}
    assert list(sample.store.traces.recent()) == before


def test_du_tells_sizes_by_target_and_what_is_shared(sample: Sample, capsys: Output) -> None:
    """Two roots of one action have nothing alone; content by kind adds up to what is on the disk."""
    sample.store.roots.put(root_of(sample))
    size = sample.store.usage()["cas"].bytes
    assert told(capsys, "du")["roots"] == [
        {"name": root_of(sample).name, "bytes": size, "alone": size},
    ]
    sample.store.roots.put(root_of(sample, "release", None))
    stray = sample.store.cas.put_bytes(b"stray")
    found = told(capsys, "du")
    assert [(each["bytes"], each["alone"]) for each in found["roots"]] == [(size, 0), (size, 0)]
    assert found["kinds"]["no root needs it"] == {"files": 1, "bytes": stray.size}
    assert found["kinds"]["input"] == {"files": 1, "bytes": sample.source.size}
    assert found["kinds"]["output"]["bytes"] == sample.output.size
    assert sum(each["bytes"] for each in found["kinds"].values()) == size + stray.size
    lines = said(capsys, "du").splitlines()
    assert lines[0].split() == ["root", "size", "alone"]
    assert lines[-1].split()[:2] == ["all", "10"]


def test_du_of_a_target_tells_its_labels(sample: Sample, capsys: Output) -> None:
    """The outputs of each action of the target, and what of them no other label has."""
    assert doit("cache", "du", "demo/a.o") == 2
    assert "no root has the name or target" in capsys.readouterr().err
    sample.store.roots.put(root_of(sample))
    assert told(capsys, "du", "demo/a.o")["labels"] == [
        {"name": "demo/a.o", "bytes": sample.output.size, "alone": sample.output.size}
    ]
    assert said(capsys, "du", "demo/a.o").splitlines()[:2] == [
        "label       size   alone",
        "demo/a.o  2.0 kB  2.0 kB",
    ]


# export and import


def test_an_archive_is_written_and_read(sample: Sample, capsys: Output, tmp_path: Path) -> None:
    """What `export` wrote fills an empty store by `import`, with the same words about it."""
    sample.store.roots.put(root_of(sample))
    words = f"demo/a.o: 1 result, 9 blobs, 1 trace, {text.size(archived(sample))}\n"
    assert said(capsys, "export", "demo/a.o", "a.tar.xz") == words
    (tmp_path / "bareflow.toml").write_text('[store]\npath = "other"\n')
    assert said(capsys, "import", "a.tar.xz") == words
    assert told(capsys, "import", "a.tar.xz")["content"] == 9
    other = Store(tmp_path / "other")
    assert other.results.get(sample.action) == sample.store.results.get(sample.action)
    assert list(other.traces.recent()) == list(sample.store.traces.recent())


def archived(sample: Sample) -> int:
    """Return the bytes that an archive of the sample holds."""
    trace = json.dumps(asdict(next(sample.store.traces.recent())), sort_keys=True, ensure_ascii=False)
    usage = sample.store.usage()
    return usage["cas"].bytes + usage["ac"].bytes + len(trace.encode())


def test_a_bad_archive_is_exit_2_and_names_the_member(sample: Sample, capsys: Output, tmp_path: Path) -> None:
    """Nothing is imported, and nothing is printed on standard output."""
    del sample
    (tmp_path / "bad.tar.xz").write_bytes(b"no archive")
    assert doit("cache", "import", "bad.tar.xz") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[:3] == [
        "error: an archive cannot be imported",
        "  archive  bad.tar.xz",
        "  member   bareflow.json",
    ]


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [
        (0, "0.0 s"),
        (9_949_000_000, "9.9 s"),
        (12 * 10**9, "12 s"),
        (250 * 10**9, "4 min 10 s"),
        (7500 * 10**9, "2 h 5 min"),
    ],
)
def test_spans_are_short(nanoseconds: int, shown: str) -> None:
    """A time that somebody would wait is told in two units at most."""
    assert text.span(nanoseconds) == shown
