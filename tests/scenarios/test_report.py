"""`doit report`, `--trace` and `doit graph` in the small project: pages and pictures that stand for themselves."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.small import ACTIONS, Roots, Small

VOID = {"meta", "th", "td", "tr", "p"}  # may stay open in HTML
NEEDS = {
    ("src/start.c.o", "kernel.elf"),
    ("library.a", "kernel.elf"),
    ("kernel.elf", "kernel.raw"),
    ("boot.bin", "small.img"),
}


class Reader(HTMLParser):
    """Collects what a page would load, its texts, and whether its elements are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.texts: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [str(value) for name, value in attrs if name in ("src", "href", "action")]
        self.loads += [tag] if tag in ("script", "link", "iframe") else []
        if tag not in VOID and not (self.open and self.open[-1] == "svg" and tag == "path"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(path: Path) -> Reader:
    """Return what is in a page."""
    reader = Reader()
    reader.feed(path.read_text())
    return reader


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory, repository: Path, roots: Roots, built_small: Small) -> Small:
    """A project that was built, changed, and built again with a Chrome trace."""
    small = built_small.copy(tmp_path_factory.mktemp("report") / "small", repository, roots)
    small.edit("src/library/twice.c", "2 * number", "number << 1 << 1")
    small.edit("src/words.txt", "hello", "<script>alert(1)</script> & more")
    done = small.doit("image", "--trace", "trace.json")
    assert done.code == 0, done.err
    return small


def test_the_page_tells_what_ran_and_why_and_loads_nothing(changed: Small) -> None:
    """Every action with decision and cause, the root causes with their texts, the critical path, the graph."""
    assert changed.doit("report").out == "build/report.html\n"
    page = read(changed.root / "build/report.html")
    assert page.loads == []
    assert page.open == []
    text = "\n".join(page.texts)
    assert "source src/library/twice.c" in text
    assert "+int twice(int number) { return number << 1 << 1; }" in text
    assert "+<script>alert(1)</script> & more" in text, "what people write is text, never markup"
    assert {"Why", "Time line", "Critical path", "Actions", "Graph"} <= set(page.texts)
    assert set(ACTIONS) <= set(page.texts)
    decisions = [text for text in page.texts if text in ("ran", "store", "cut off")]
    assert decisions.count("ran") >= 6, "the actions of the change, and the card"
    assert decisions.count("store") >= 5, "and the others"


def test_a_build_of_nothing_but_hits_has_a_page(changed: Small) -> None:
    """It says that nothing ran, and still knows what each action took when it ran."""
    changed.build("kernel.raw")
    changed.doit("report", "kernel.raw")
    page = read(changed.root / "build/report.html")
    assert "Nothing ran: everything was in the store." in page.texts
    assert "Time line" not in page.texts
    assert any(re.fullmatch(r"[\d.]+ ms", text) for text in page.texts)


def trace_of(path: Path) -> dict[str, Mapping[str, Any]]:
    """Return the events of a Chrome trace by name, after checking what every viewer wants of them."""
    events = json.loads(path.read_text())["traceEvents"]
    assert all(event["ph"] == "X" and event["ts"] >= 0 and event["dur"] > 0 for event in events)
    return {event["name"]: event for event in events}


def test_a_build_writes_its_chrome_trace(changed: Small) -> None:
    """What ran, with its reason; an archive does not start before its member is done; the report writes the same."""
    events = trace_of(changed.root / "trace.json")
    assert set(events) == {
        "src/library/twice.c.o",
        "library.a",
        "kernel.elf",
        "kernel.raw",
        "greeting.txt",
        "small.img",
    }
    assert events["greeting.txt"]["args"]["reason"] == "input src/words.txt changed"
    member, archive = events["src/library/twice.c.o"], events["library.a"]
    assert member["ts"] + member["dur"] <= archive["ts"]
    assert changed.doit("report", "small.img", "--trace", "again.json").code == 0
    assert trace_of(changed.root / "again.json") == events


def test_a_trace_of_a_build_that_ran_nothing_is_empty(changed: Small) -> None:
    """Not the last one's, and not missing, also where the snapshot could have answered."""
    assert changed.doit("image").code == 0
    assert changed.doit("image", "--trace", "empty.json").code == 0
    assert trace_of(changed.root / "empty.json") == {}


def test_a_report_of_what_was_never_built_is_refused(small: Small) -> None:
    """Exit 2, and what to do."""
    done = small.doit("report")
    assert done.code == 2
    assert "error: no build is on record\n  hint  doit image" in done.err


# graph


def test_mermaid_names_every_recipe_and_need(changed: Small) -> None:
    """Boxes by number, arrows from what is needed to what needs it."""
    lines = changed.doit("graph", "small.img").out.splitlines()
    assert lines[0] == "flowchart LR"
    names = {found[1]: found[2] for line in lines if (found := re.fullmatch(r'    (n\d+)\["(.*)"\]', line))}
    arrows = [found.groups() for line in lines if (found := re.fullmatch(r"    (n\d+) --> (n\d+)", line))]
    assert set(ACTIONS) <= set(names.values())
    assert {(names[need], names[name]) for need, name in arrows} >= NEEDS
    assert len(lines) == 1 + len(names) + len(arrows)


def test_dot_says_the_same(changed: Small) -> None:
    """The same boxes and arrows in Graphviz's notation."""
    text = changed.doit("graph", "--format", "dot", "small.img").out
    assert text.startswith("digraph recipes {\n")
    assert text.endswith("}\n")
    assert set(re.findall(r'^    "(.*)" -> "(.*)";$', text, re.MULTILINE)) >= NEEDS


def test_svg_is_a_picture_of_it(changed: Small) -> None:
    """Well-formed XML with a box for each recipe, its name in it."""
    picture = ET.fromstring(changed.doit("graph", "small.img", "--format", "svg").out)
    shown = {element.text for element in picture.iter() if element.tag.endswith("}text")}
    assert set(ACTIONS) <= shown


def test_an_unknown_format_is_refused(changed: Small) -> None:
    """With the nearest there is; exit 2."""
    done = changed.doit("graph", "--format", "svgg")
    assert done.code == 2
    assert "error: no such format\n  wanted   svgg\n  nearest  svg\n" in done.err
