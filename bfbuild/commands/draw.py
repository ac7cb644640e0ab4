"""Draws a graph as SVG, in layers from left to right: what is needed stands left of what needs it.

A node's layer is the longest way to it from a node that needs nothing. Within a layer nodes are ordered by where their
neighbours stand, in a few sweeps (the barycentre method of Sugiyama, Tagawa and Toda, 1981), so that few lines cross.
Equal graphs give equal pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

SWEEPS = 4
ROW, HEIGHT, GAP, PAD = 26, 20, 60, 10  # pixels
CHARACTER = 6.6  # pixels of width, in the font below
STYLE = (
    "text{font:11px monospace;fill:#1b1f24}rect{stroke:#57606a;rx:4}path{fill:none;stroke:#8c959f}"
    ".hit{fill:#ddf4e4}.miss{fill:#ffd8b5}.other{fill:#eaeef2}.critical{stroke:#cf222e;stroke-width:2}"
)


@dataclass(frozen=True)
class Node:
    """A box: `name` is unique, `style` one of hit, miss, other, with `critical` drawn strongly, `title` its tooltip."""

    name: str
    style: str = "other"
    critical: bool = False
    title: str = ""


def svg(nodes: Sequence[Node], needs: Mapping[str, Sequence[str]]) -> str:
    """Return the picture; `needs` maps a node to those it needs, and every node comes after what it needs."""
    columns = _ordered(_layers(nodes, needs), needs)
    byname = {node.name: node for node in nodes}
    places: dict[str, tuple[float, float, float]] = {}  # x, y, width
    left, tallest = float(PAD), max((len(column) for column in columns), default=0)
    for column in columns:
        top = PAD + (tallest - len(column)) * ROW / 2
        width = max(len(name) for name in column) * CHARACTER + 2 * PAD
        for row, name in enumerate(column):
            places[name] = (left, top + row * ROW, width)
        left += width + GAP
    lines = [
        _line(places[need], places[name], critical=byname[name].critical and byname[need].critical)
        for name in places
        for need in needs.get(name, ())
    ]
    boxes = [_box(byname[name], place) for name, place in places.items()]
    height = tallest * ROW + 2 * PAD
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{left - GAP + PAD:.0f}" height="{height}">'
    return "\n".join([head, f"<style>{STYLE}</style>", *lines, *boxes, "</svg>"]) + "\n"


def _layers(nodes: Sequence[Node], needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    depth: dict[str, int] = {}
    for node in nodes:
        depth[node.name] = max((depth[need] + 1 for need in needs.get(node.name, ())), default=0)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name, layer in depth.items():
        columns[layer].append(name)
    return columns


def _ordered(columns: list[list[str]], needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    wanted_by: dict[str, list[str]] = {}
    for name, wanted in needs.items():
        for need in wanted:
            wanted_by.setdefault(need, []).append(name)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        neighbours = needs if forward else wanted_by
        rows = {name: row for column in columns for row, name in enumerate(column)}
        for column in columns if forward else reversed(columns):
            middle = {name: _mean([rows[each] for each in neighbours.get(name, ())], rows[name]) for name in column}
            column.sort(key=lambda name: (middle[name], name))
            rows.update({name: row for row, name in enumerate(column)})
    return columns


def _mean(values: Sequence[int], default: int) -> float:
    return sum(values) / len(values) if values else float(default)


def _line(start: tuple[float, float, float], end: tuple[float, float, float], *, critical: bool) -> str:
    x, y = start[0] + start[2], start[1] + HEIGHT / 2
    to_x, to_y = end[0], end[1] + HEIGHT / 2
    middle = (x + to_x) / 2
    mark = ' class="critical"' if critical else ""
    return f'<path{mark} d="M{x:.1f} {y:.1f}C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"/>'


def _box(node: Node, place: tuple[float, float, float]) -> str:
    x, y, width = place
    mark = f"{node.style} critical" if node.critical else node.style
    title = f"<title>{escape(node.title)}</title>" if node.title else ""
    return (
        f'<g>{title}<rect class="{mark}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{HEIGHT}"/>'
        f'<text x="{x + PAD:.1f}" y="{y + 14}">{escape(node.name)}</text></g>'
    )
