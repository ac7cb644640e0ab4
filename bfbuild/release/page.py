"""The page of a release: self-contained HTML that loads nothing and runs no script; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bfbuild.machine.figures import Benched
    from bfbuild.release.dist import About
    from bfbuild.release.facts import Facts

FORMS = {
    ".img": "raw disk: write it to a device, or boot it in any virtual machine",
    ".qcow2": "disk for QEMU",
    ".vdi": "disk for VirtualBox",
    ".elf": "the program with its symbols, for a debugger",
    ".map": "what the linker put where",
    ".lock": "the packages that it is built with",
    ".tar.xz": "all that is needed to build it again without a network",
}


def html(about: About, facts: Facts, style: str) -> str:
    """Return the page; `style` is that of all pages of ours."""
    title = f"{about.name} {about.version}"
    parts = [
        "<!doctype html>",
        f'<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{style}</style><main>',
        f"<h1>{escape(title)}</h1><p class=about>commit <code>{escape(about.commit)}</code> of "
        f"{datetime.fromtimestamp(about.source_date_epoch, UTC):%Y-%m-%d %H:%M} UTC</p>",
        *_cards(about, facts),
        *_check(),
        "<h2>Files</h2>",
        *_table(("file", "what it is", "bytes", "SHA-256"), _files(about)),
        *_figures(about),
        "<h2>What lies on the disks</h2>",
        *_table(("image", "place", "made of", "by the toolchains"), _parts(facts)),
        "<h2>Built twice</h2>",
        f"<p>{about.actions} actions ran from nothing in each of two builds, in the sandbox "
        f"<code>{escape(about.sandbox)}</code>, and made the same bytes. The builds differed in:</p><ul>",
        *(f"<li>{escape(kind)}" for kind in about.disturbed),
        "</ul>",
        "<h2>Tools</h2>",
        *_table(("package", "version", "licences", "in the toolchains"), _packages(facts)),
        "</main></html>\n",
    ]
    return "\n".join(parts)


def _cards(about: About, facts: Facts) -> Iterator[str]:
    images = [name for name in about.files if name.endswith(".img")]
    sources = facts.sources([f"build/{output}" for made in facts.actions for output in made.outputs])
    cards = [
        (str(len(images)), "images" if len(images) != 1 else "image"),
        (str(about.actions), "actions"),
        (str(len(sources)), "sources"),
        (str(len(facts.packages)), "locked packages"),
        ("2", "equal builds"),
    ]
    yield "<div class=cards>"
    yield from (f"<div class=card><b>{escape(value)}</b><span>{escape(what)}</span></div>" for value, what in cards)
    yield "</div>"


def _check() -> Iterator[str]:
    yield "<h2>Check it</h2><div class=box><p>With Python alone:</p><pre class=diff>python3 verify.py .</pre>"
    yield "<p>The hashes by themselves, and the signature with minisign:</p>"
    yield "<pre class=diff>sha256sum --check SHA256SUMS\nminisign -Vm SHA256SUMS -p release.pub</pre>"
    yield "<p>Build it again from its commit, also without a network:</p>"
    yield "<pre class=diff>doit cache import closure.tar.xz\ndoit release</pre></div>"


def _files(about: About) -> Iterator[Sequence[str]]:
    for name, each in sorted(about.files.items()):
        what = next((words for suffix, words in FORMS.items() if name.endswith(suffix)), "")
        yield name, what, f"{each.size:,}", each.sha256


def _figures(about: About) -> Iterator[str]:
    for run in about.figures.runs:
        yield f"<h2>{escape(run.name)}, booted</h2>"
        yield "<p class=about>With counted instructions, one cycle each: the same numbers in every boot.</p>"
        yield from _table(("what", "number"), _numbers(run))


def _numbers(run: Benched) -> Iterator[Sequence[str]]:
    yield from ((f"size of {row.name}, bytes", f"{row.bytes:,}") for row in run.sizes)
    for boot in run.boots:
        which = "" if boot.kind == "only" else f"{boot.kind}: "
        yield f"{which}kernel entry to the app, cycles", f"{boot.init_cycles:,}"
        yield f"{which}overhead of a profiled call, cycles", f"{boot.overhead_cycles:,}"
        yield from ((f"{which}{row.name}, cycles of {row.calls:,} calls", f"{row.cycles:,}") for row in boot.tests)


def _parts(facts: Facts) -> Iterator[Sequence[str]]:
    for part in facts.parts:
        place = f"{part.place} {part.path or ''}".strip()
        yield part.image, place, part.made_of, ", ".join(facts.tools([part.made_of]))


def _packages(facts: Facts) -> Iterator[Sequence[str]]:
    for key, package in sorted(facts.packages.items()):
        users = [tools.name for tools in facts.toolchains.values() if key in tools.packages]
        yield key, package.version, ", ".join(_licences(facts, key)) or "-", ", ".join(sorted(users))


def _licences(facts: Facts, key: str) -> tuple[str, ...]:
    known = facts.packages[key].copyright
    return known.licences if known is not None else ()


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    numbers = {index for index, word in enumerate(head) if word in ("bytes", "number")}
    classes = [" class=n" if index in numbers else " class=name" for index in range(len(head))]
    yield f"<table><tr>{''.join(f'<th{kind}>{escape(word)}' for kind, word in zip(classes, head, strict=True))}</tr>"
    for row in rows:
        yield f"<tr>{''.join(f'<td{kind}>{escape(cell)}' for kind, cell in zip(classes, row, strict=True))}</tr>"
    yield "</table>"
