"""The page of a build: what it shows of a large one."""

from __future__ import annotations

from bfbuild.commands.page import MOST_DRAWN, Page, html
from bfbuild.digest import ActionDigest, digest_bytes
from bfbuild.store.trace import Build, Step


def build(objects: int) -> Build:
    """A build of so many objects, of which one ran, and their link."""
    labels = [f"{number}.o" for number in range(objects)]
    steps = [
        Step(
            label=label,
            action=ActionDigest(digest_bytes(label.encode()).hash, 1),
            decision="miss" if label == "7.o" else "hit",
            reason="it was never built" if label == "7.o" else "",
        )
        for label in labels
    ]
    link = Step(
        label="app.elf", action=ActionDigest("0" * 64, 1), decision="hit", reason="", needs=tuple(labels), cut_off=True
    )
    return Build(id="abc", project="large", started=0, targets=("app.elf",), steps=(*steps, link))


def page(objects: int) -> str:
    """The page of such a build, of whose executions nothing is known."""
    made = build(objects)
    return html(Page(made, dict.fromkeys((step.label for step in made.steps), None), ()))


def test_a_small_build_is_drawn_whole() -> None:
    """A box for every action."""
    text = page(20)
    assert "<h2>Graph</h2>" in text
    assert text.count("<rect") == 21


def test_of_a_large_build_what_ran_is_drawn() -> None:
    """With how many there are; the table still has all of them."""
    text = page(MOST_DRAWN + 100)
    assert f"({MOST_DRAWN + 101} actions)" not in text
    assert f" of {MOST_DRAWN + 101:,} actions)</h2>" in text
    assert text.count("<rect") < 10
    assert ">7.o</text>" in text
    assert text.count("<td class=name>") >= MOST_DRAWN + 101
    assert "from the store, 1 cut off" in text
