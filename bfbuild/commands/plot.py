"""Draws figures as SVG: lines over a scale, bars, spans on a time line; pure, equal figures give equal pictures.

Colours are classes that the page's style defines, for dark and for light (bench_page.py); each picture says in words
what its axes are, and has a title for those who cannot see it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 38  # pixels around a plot
HEIGHT, NOTE = 200, 14  # pixels of a plot, and of a line of words above it
CHARACTER = 6.2  # pixels of width, in the font of the style
STEPS = (1, 2, 5)
FEW_DECADES = 1.5  # a scale this short has lines at 2 and 5 too
WANTED_TICKS = 6


@dataclass(frozen=True)
class Step:
    """A value that holds from one place to the next."""

    start: float
    end: float
    value: float


@dataclass(frozen=True)
class Series:
    """A line in steps; `style` is its class."""

    name: str
    style: str
    steps: Sequence[Step]


@dataclass(frozen=True)
class Mark:
    """Something that happened at a place, named where it stands."""

    at: float
    name: str
    style: str


@dataclass(frozen=True)
class Span:
    """A stretch of a lane of a time line; one without a length is drawn as a thin line."""

    lane: int
    start: float
    end: float
    name: str
    style: str


def short(value: float) -> str:
    """A number for an axis: 20k, 1.5M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def linear_ticks(most: float) -> list[float]:
    """Round numbers from 0 to `most`, about half a dozen."""
    rough = max(most, 1e-9) / WANTED_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (*STEPS, 10) if each * power >= rough)
    return [number * step for number in range(int(most / step + 1e-9) + 1)]


def log_ticks(least: float, most: float) -> list[float]:
    """Powers of ten from below `least` to above `most`, on short scales with what lies between."""
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))
    steps = STEPS if math.log10(most / least) < FEW_DECADES else (1,)
    ticks = [step * 10.0**power for power in range(low, high + 1) for step in steps]
    below = max((tick for tick in ticks if tick <= least), default=ticks[0])
    above = min((tick for tick in ticks if tick >= most and tick > below), default=ticks[-1])
    return [tick for tick in ticks if below <= tick <= above]


class _Scale:
    """From a value to a pixel."""

    def __init__(self, ticks: Sequence[float], start: float, end: float, *, log: bool = False, most: float = 0) -> None:
        self.ticks, self.log = ticks, log
        low, high = ticks[0], max(ticks[-1], most)
        self.low, self.factor = self._of(low), (end - start) / ((self._of(high) - self._of(low)) or 1)
        self.start = start

    def _of(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def __call__(self, value: float) -> float:
        return self.start + (self._of(value) - self.low) * self.factor


def lines(title: str, series: Sequence[Series], marks: Sequence[Mark], axes: tuple[str, str], width: int) -> str:
    """Return lines over a linear scale, with their values, which must be above 0, on a logarithmic one.

    What is marked has its name above, in a row of its own.
    """
    top = TOP + len(marks) * NOTE
    height = top + HEIGHT + BOTTOM
    values = [step.value for each in series for step in each.steps]
    last = max(step.end for each in series for step in each.steps)
    x = _Scale(linear_ticks(last), LEFT, width - RIGHT, most=last)
    y = _Scale(log_ticks(min(values), max(values)), height - BOTTOM, top, log=True)
    parts = [*_frame(title, width, height, axes), *_grid(x, y, width, height)]
    for each in series:
        way = "".join(
            f"{'L' if number else 'M'}{x(step.start):.1f} {y(step.value):.1f}H{x(step.end):.1f}"
            for number, step in enumerate(each.steps)
        )
        parts.append(f'<path class="line {each.style}" d="{way}"><title>{escape(each.name)}</title></path>')
    for row, mark in enumerate(marks):
        at, line = x(mark.at), TOP + row * NOTE
        room = at + len(mark.name) * CHARACTER < width - RIGHT
        place = f'x="{at + 4:.1f}"' if room else f'x="{at - 4:.1f}" text-anchor="end"'
        parts.append(f'<path class="mark {mark.style}" d="M{at:.1f} {line}V{height - BOTTOM}"/>')
        parts.append(f'<text class="note {mark.style}" {place} y="{line + 9}">{escape(mark.name)}</text>')
    return "\n".join([*parts, "</svg>"])


def bars(title: str, rows: Sequence[tuple[str, float, str]], axis: str, width: int) -> str:
    """Return a bar for each row (name, value, what to write at it) on a logarithmic scale, from 1 on."""
    row_height, left = 24, 20 + int(max(len(name) for name, _, _ in rows) * CHARACTER)
    height = len(rows) * row_height + TOP + BOTTOM
    values = [value for _, value, _ in rows]
    ticks = log_ticks(min(*values, 1.0), max(*values, 2.0))
    x = _Scale(ticks, left, width - RIGHT - 60, log=True)
    parts = [*_frame(title, width, height, (axis, ""))]
    for tick in ticks:
        style = "base" if tick == 1 else "grid"
        parts.append(f'<path class="{style}" d="M{x(tick):.1f} {TOP}V{height - BOTTOM}"/>')
        parts.append(f'<text class="tick" x="{x(tick):.1f}" y="{height - BOTTOM + 14}">{short(tick)}x</text>')
    for number, (name, value, told) in enumerate(rows):
        top = TOP + number * row_height
        start, end = sorted((x(1), x(value)))
        parts.append(f'<text x="{left - 8}" y="{top + 16}" text-anchor="end">{escape(name)}</text>')
        parts.append(
            f'<rect class="warm" x="{start:.1f}" y="{top + 4}" width="{max(end - start, 1):.1f}" height="16"/>'
        )
        parts.append(f'<text x="{end + 6:.1f}" y="{top + 16}">{escape(told)}</text>')
    return "\n".join([*parts, "</svg>"])


def time_line(title: str, lanes: Sequence[str], spans: Sequence[Span], axis: str, width: int) -> str:
    """Return lanes with what happened in them; names are written where they have room, and told to the pointer."""
    row_height, left = 26, 20 + int(max(len(lane) for lane in lanes) * CHARACTER)
    height = len(lanes) * row_height + TOP + BOTTOM
    last = max(span.end for span in spans)
    x = _Scale(linear_ticks(last), left, width - RIGHT, most=last)
    parts = [*_frame(title, width, height, (axis, ""))]
    for tick in x.ticks:
        parts.append(f'<path class="grid" d="M{x(tick):.1f} {TOP}V{height - BOTTOM}"/>')
        parts.append(f'<text class="tick" x="{x(tick):.1f}" y="{height - BOTTOM + 14}">{short(tick)}</text>')
    for number, lane in enumerate(lanes):
        y = TOP + number * row_height + 17
        parts.append(f'<text x="{left - 8}" y="{y}" text-anchor="end">{escape(lane)}</text>')
    for span in spans:
        start, length = x(span.start), max(x(span.end) - x(span.start), 1.5)
        top = TOP + span.lane * row_height + 3
        told = f"<title>{escape(span.name)}: {short(round(span.end - span.start))} cycles</title>"
        box = f'<rect class="{span.style}" x="{start:.1f}" y="{top}" width="{length:.1f}" height="20"/>'
        room = length > len(span.name) * CHARACTER + 8
        label = f'<text class="in" x="{start + 4:.1f}" y="{top + 14}">{escape(span.name)}</text>' if room else ""
        parts.append(f"<g>{told}{box}{label}</g>")
    return "\n".join([*parts, "</svg>"])


def _frame(title: str, width: int, height: int, axes: tuple[str, str]) -> Iterator[str]:
    yield f'<svg role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    yield f"<title>{escape(title)}</title>"
    yield f'<text class="axis" x="{width - RIGHT}" y="{height - 6}" text-anchor="end">{escape(axes[0])}</text>'
    if axes[1]:
        middle = (height - BOTTOM + TOP) / 2
        yield f'<text class="axis" text-anchor="middle" transform="translate(12 {middle:.0f}) rotate(-90)">'
        yield f"{escape(axes[1])}</text>"


def _grid(x: _Scale, y: _Scale, width: int, height: int) -> Iterator[str]:
    for tick in x.ticks:
        yield f'<text class="tick" x="{x(tick):.1f}" y="{height - BOTTOM + 14}">{short(tick)}</text>'
    for tick in y.ticks:
        yield f'<path class="grid" d="M{LEFT} {y(tick):.1f}H{width - RIGHT}"/>'
        yield f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{short(tick)}</text>'
    yield f'<path class="base" d="M{LEFT} {height - BOTTOM}H{width - RIGHT}"/>'
