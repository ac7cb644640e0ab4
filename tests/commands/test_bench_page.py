"""The page of a bench: it has every number, stands alone, and is the same each time."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bfbuild.commands.bench_page import html
from bfbuild.machine.bench import cell_text, one, three
from bfbuild.machine.figures import Bench, Benched, Boot, sizes_of
from bfbuild.machine.transcript import parse
from tests.machine.said import AOT, FIRST, WARM, twin

PLAIN = b"""\
@bf ready init_cycles=812345
@bf overhead cycles=40
@bf test name=primes cycles=50000 calls=5 result=25
@bf function name=primes calls=5 total=49990 min=1700 max=2000 avg=9998
"""
SAMPLED = b"@bf calls at=50 name=fib n=100 count=100 cycles=100000\n"


def sampled(said: bytes, now: int) -> bytes:
    """The same boot, with samples: 100 calls before the JIT, then 50 more."""
    later = b"@bf calls at=9950 name=fib n=150 count=50 cycles=%d\n" % now
    return SAMPLED + said.replace(b"@bf calls at=9700 name=fib n=150 count=50 cycles=60000\n", b"") + later


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A run that was booted once, and one of three boots."""
    plain = Benched(name="plain", sizes=sizes_of({"kernel": 10}), boots=(Boot.of(parse(PLAIN), "only"),))
    run = twin(tmp_path, sampled(FIRST, 75_000), sampled(WARM, 5_000), sampled(AOT, 50_000))
    return Bench(runs=(plain, run))


def test_the_page_has_every_number(bench: Bench) -> None:
    """Each cell of the tables for people stands in it."""
    page = html(bench)
    plain, run = bench.runs
    cells = {cell_text(cell) for _, rows in (*one(plain.boots[0]), *three(run)) for row in rows for cell in row}
    assert {cell for cell in cells if f"<td>{escape(cell)}" not in page} == set()


def test_the_page_loads_nothing(bench: Bench) -> None:
    """No script, no address, no time: equal benches give equal pages."""
    page = html(bench)
    assert re.search(r"<script|<link|<img|https?:|url\(|@import", page) is None
    assert page == html(Bench.from_json(bench.to_json(), "x.json"))


def test_calls_are_drawn_with_the_swap(bench: Bench) -> None:
    """Lines of three boots over calls; the first boot's code came in between, the warm one's when the JIT started."""
    pictures = [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", html(bench), re.DOTALL)]
    [calls] = [each for each in pictures if "What a call of fib costs" in (each.findtext("title") or "")]
    drawn = [line.attrib["class"] for line in calls.iter("path")]
    assert [style for style in drawn if style.startswith("line")] == ["line aot", "line first", "line warm"]
    assert {text.text for text in calls.iter("text") if text.get("class", "").startswith("note")} == {
        *("first boot: compiled, tried", "first boot: in place", "warm boot: in place"),
    }
    marks = {line.attrib["class"]: float(line.attrib["d"][1:].split()[0]) for line in calls.iter("path")}
    assert marks["mark warm"] < marks["mark first"]
    assert marks["mark compile"] == marks["mark first"], "both lie in the sample from 100 to 150"


def test_numbers_of_calls_stand_in_a_table(bench: Bench) -> None:
    """What the lines show, to read: calls, then what one costs in each boot."""
    assert "<tr><td>1-100<td>1,000<td>1,000<td>1,000</tr>" in html(bench)
    assert "<tr><td>101-150<td>1,000<td>1,500<td>100</tr>" in html(bench)


def test_the_time_line_shows_what_happened(bench: Bench) -> None:
    """The reading of the compiler, each compilation, each decision."""
    titles = set(re.findall(r"<title>(.*?)</title>", html(bench)))
    assert {
        *("compiler read and started: 4k cycles", "fib: 3k cycles", "slow: 500 cycles"),
        *("fib optimized: 0 cycles", "slow rejected: 0 cycles", "start of the JIT: 1k cycles"),
    } <= titles


def test_a_guest_without_events_has_tables_and_bars(tmp_path: Path) -> None:
    """Pictures of what it does not say are left out."""
    quiet = [
        b"".join(
            line for line in said.splitlines(keepends=True) if b"@bf event" not in line and b"@bf calls" not in line
        )
        for said in (FIRST, WARM, AOT)
    ]
    page = html(Bench(runs=(twin(tmp_path, *quiet),)))
    assert page.count("<svg") == 1
    assert "10.00x" in page


def test_names_of_a_guest_do_no_harm(tmp_path: Path) -> None:
    """They are text, whatever they hold."""
    bad = b"<script>alert(1)</script>"
    said = [
        sampled(said, 100).replace(b"name=fib", b"name=" + bad).replace(b"now:fib", b"now:" + bad)
        for said in (FIRST, WARM, AOT)
    ]
    assert "<script" not in html(Bench(runs=(twin(tmp_path, *said),)))


def test_code_by_the_profile_is_marked(tmp_path: Path) -> None:
    """Where it was better; of several compilations the first is marked."""
    later = b"".join(
        b"@bf event at=9960 sectors=1010 what=%s name=fib\n" % what for what in (b"compile", b"compiled", b"improved")
    )
    said = sampled(FIRST, 75_000).replace(b"@bf test name=now:fib", later + b"@bf test name=now:fib", 1)
    page = html(Bench(runs=(twin(tmp_path, said, sampled(WARM, 5_000), sampled(AOT, 50_000)),)))
    assert page.count("first boot: better by its profile</text>") == 1
    assert page.count("first boot: compiled, tried</text>") == 1
    assert "fib improved: 0 cycles" in page


def test_the_page_says_what_its_cycles_are(bench: Bench) -> None:
    """Counted instructions, or a processor's cycles; and what else there is to say of a run."""
    assert "Booted with counted instructions" in html(bench)
    native = bench.model_copy(
        update={"clock": "processor", "runs": (bench.runs[1].model_copy(update={"notes": ("at 2.1 GHz",)}),)}
    )
    assert "Run on the real processor" in html(native)
    assert "<p>at 2.1 GHz</p>" in html(native)
