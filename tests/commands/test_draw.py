"""Pictures of graphs."""

from __future__ import annotations

import xml.etree.ElementTree as Xml

from bfbuild.commands.draw import Node, svg

SVG = "{http://www.w3.org/2000/svg}"
NEEDS = {"elf": ["a.o", "b.o"], "img": ["elf"]}


def boxes(text: str) -> dict[str, tuple[float, float]]:
    """Where each box stands, by the text in it."""
    found = {}
    for group in Xml.fromstring(text).iter(f"{SVG}g"):
        box, words = group.find(f"{SVG}rect"), group.find(f"{SVG}text")
        assert box is not None
        assert words is not None
        found[str(words.text)] = (float(box.attrib["x"]), float(box.attrib["y"]))
    return found


def test_what_is_needed_stands_left_of_what_needs_it() -> None:
    """Each arrow goes to the right."""
    places = boxes(svg([Node(name) for name in ("a.o", "b.o", "elf", "img")], NEEDS))
    assert places["a.o"][0] == places["b.o"][0] < places["elf"][0] < places["img"][0]


def test_no_box_lies_on_another() -> None:
    """Every box has a place of its own."""
    places = boxes(svg([Node(name) for name in ("a.o", "b.o", "elf", "img")], NEEDS))
    assert len(set(places.values())) == len(places) == 4


def test_names_and_tooltips_are_escaped() -> None:
    """A name that looks like markup is text."""
    text = svg([Node("<b>", title='"&"')], {})
    assert list(boxes(text)) == ["<b>"]


def test_nothing_is_drawn_for_nothing() -> None:
    """An empty graph is a picture, an empty one."""
    assert boxes(svg([], {})) == {}


def test_equal_graphs_give_equal_pictures() -> None:
    """The order in which needs are named does not matter."""
    nodes = [Node(name) for name in ("a.o", "b.o", "elf", "img")]
    turned = {name: list(reversed(wanted)) for name, wanted in NEEDS.items()}
    assert boxes(svg(nodes, NEEDS)) == boxes(svg(nodes, turned))
