"""Pictures of figures: scales, and what is drawn where."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from bfbuild.commands.plot import Mark, Series, Span, Step, bars, linear_ticks, lines, log_ticks, short, time_line

AXES = ("calls", "cycles")

LINES = """\
<svg role="img" viewBox="0 0 300 264" width="300" height="264">
<title>a &lt; b</title>
<text class="axis" x="286" y="258" text-anchor="end">calls</text>
<text class="axis" text-anchor="middle" transform="translate(12 119) rotate(-90)">
cycles</text>
<text class="tick" x="62.0" y="240">0</text>
<text class="tick" x="106.8" y="240">2</text>
<text class="tick" x="151.6" y="240">4</text>
<text class="tick" x="196.4" y="240">6</text>
<text class="tick" x="241.2" y="240">8</text>
<text class="tick" x="286.0" y="240">10</text>
<path class="grid" d="M62 226.0H286"/>
<text x="56" y="230.0" text-anchor="end">1</text>
<path class="grid" d="M62 159.3H286"/>
<text x="56" y="163.3" text-anchor="end">10</text>
<path class="grid" d="M62 92.7H286"/>
<text x="56" y="96.7" text-anchor="end">100</text>
<path class="grid" d="M62 26.0H286"/>
<text x="56" y="30.0" text-anchor="end">1k</text>
<path class="base" d="M62 226H286"/>
<path class="line warm" d="M62.0 26.0H174.0L174.0 226.0H286.0"><title>warm boot</title></path>
<path class="mark first" d="M174.0 12V226"/>
<text class="note first" x="178.0" y="21">swapped</text>
</svg>"""


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (1060, [0, 200, 400, 600, 800, 1000]),
        (10, [0, 2, 4, 6, 8, 10]),
        (1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (7_000_000, [0, 2e6, 4e6, 6e6]),
    ],
)
def test_linear_scales_have_round_numbers(most: float, ticks: list[float]) -> None:
    """A handful of them, from 0 to what there is."""
    assert linear_ticks(most) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("least", "most", "ticks"),
    [
        (300, 5e6, [100, 1e3, 1e4, 1e5, 1e6, 1e7]),
        (1, 21.75, [1, 2, 5, 10, 20, 50]),
        (0.8, 3, [0.5, 1, 2, 5]),
        (100, 100, [100, 200]),
    ],
)
def test_logarithmic_scales_hold_every_value(least: float, most: float, ticks: list[float]) -> None:
    """From a round number below to one above, finer where there are few decades."""
    assert log_ticks(least, most) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.5, "0.5"), (999, "999"), (1e3, "1k"), (1.5e6, "1.5M"), (2e9, "2G")]
)
def test_axes_have_short_numbers(value: float, text: str) -> None:
    """With the letters of the SI."""
    assert short(value) == text


def test_a_line_is_drawn_in_steps_with_its_marks() -> None:
    """Values hold from place to place; the picture is the same each time."""
    series = [Series("warm boot", "warm", [Step(0, 5, 1000), Step(5, 10, 1)])]
    text = lines("a < b", series, [Mark(5, "swapped", "first")], AXES, 300)
    assert text == LINES


def test_bars_begin_at_1() -> None:
    """What is slower goes to the left of it, what is faster to the right, and all names and numbers are there."""
    picture = ElementTree.fromstring(bars("Speed", [("fast", 10.0, "10.00x"), ("slow", 0.5, "0.50x")], "times", 400))
    fast, slow = (box.attrib for box in picture.iter("rect"))
    [base] = [line.attrib["d"] for line in picture.iter("path") if line.attrib["class"] == "base"]
    one = float(base[1:].split()[0])
    assert float(fast["x"]) == one
    assert float(slow["x"]) + float(slow["width"]) == pytest.approx(one, abs=0.2)
    assert {"fast", "10.00x", "slow", "0.50x", "times"} <= {text.text for text in picture.iter("text")}


def test_a_time_line_names_what_has_room() -> None:
    """All else is told to the pointer; what takes no time is still seen."""
    spans = [Span(0, 0, 900, "work", "phase"), Span(1, 900, 900, "fib optimized", "decided")]
    picture = ElementTree.fromstring(time_line("When", ["boot", "compiles"], spans, "cycles", 500))
    assert [box.attrib["width"] for box in picture.iter("rect")][1] == "1.5"
    texts = [text.text for text in picture.iter("text")]
    assert "work" in texts
    assert "fib optimized" not in texts
    assert "fib optimized: 0 cycles" in [title.text for title in picture.iter("title")]


def test_names_do_no_harm() -> None:
    """They come from a guest."""
    bad = '<script>"&'
    series = [Series(bad, "warm", [Step(0, 5, 10)])]
    pictures = [
        lines(bad, series, [Mark(1, bad, "warm")], (bad, bad), 300),
        bars(bad, [(bad, 2.0, bad)], bad, 300),
        time_line(bad, [bad], [Span(0, 0, 5, bad, "phase")], bad, 300),
    ]
    for picture in pictures:
        assert "<script" not in picture
        assert bad in {each.text for each in ElementTree.fromstring(picture).iter()}
