"""The page of a build: self-contained HTML that loads nothing and runs no script; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from bfbuild.commands.cache.text import count, seconds, size, when
from bfbuild.commands.draw import Node, svg
from bfbuild.commands.timeline import critical_path, lanes

if TYPE_CHECKING:
    from bfbuild.explain.roots import Root
    from bfbuild.explain.told import Told
    from bfbuild.store.trace import Build, Step, Trace

MOST_DRAWN = 300  # boxes of the graph; more are no picture
MOST_LISTED = 12  # labels under a cause
LANE, WIDTH = 22, 1160  # pixels of the time line
STYLE = """
body{font:14px/1.45 system-ui,sans-serif;margin:0;color:#1f2328;background:#f6f8fa}
main{max-width:1200px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:24px;margin:0 0 2px}h2{font-size:17px;margin:34px 0 10px}
p.about{color:#59636e;margin:0 0 18px}code,pre,td.name,li,.diff{font-family:ui-monospace,monospace;font-size:12.5px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px}
.card,.box{background:#fff;border:1px solid #d1d9e0;border-radius:8px;padding:12px 16px}
.card b{display:block;font-size:22px}.card span{color:#59636e}
.box+.box{margin-top:10px}.box h3{font-size:14px;margin:0}.box p{margin:4px 0 0;color:#59636e}
pre.diff{margin:8px 0 0;padding:8px 10px;background:#f6f8fa;border-radius:6px;overflow:auto}
ins{color:#1a7f37;text-decoration:none}del{color:#cf222e;text-decoration:none}
table{border-collapse:collapse;width:100%}th{color:#59636e;font-weight:600;text-align:left}
td,th{padding:4px 8px;border-bottom:1px solid #eaeef2;vertical-align:top}td.n,th.n{text-align:right;white-space:nowrap}
tr.miss td.word{color:#bc4c00;font-weight:600}tr.hit td.word{color:#59636e}
tr.critical td.name{box-shadow:inset 3px 0 #cf222e}
.bar{background:#54aeff;height:9px;margin-top:6px;border-radius:2px;min-width:1px}tr.miss .bar{background:#fb8f44}
.scroll{overflow:auto;max-height:75vh}.legend{color:#59636e;margin:8px 0 0}
.line rect{fill:#fb8f44}.line text{font:11px ui-monospace,monospace;fill:#1f2328}.line path{stroke:#d1d9e0}
"""


@dataclass(frozen=True)
class Page:
    """What a page shows: a build, the executions behind its steps (in it or before), and its root causes."""

    build: Build
    executions: Mapping[str, Trace | None]
    causes: Sequence[tuple[Root, Told]]

    @property
    def ran(self) -> list[Step]:
        """The steps that were executed in this build."""
        return [step for step in self.build.steps if step.decision == "miss"]

    @property
    def cost(self) -> dict[str, int]:
        """How long each step's action took when it ran, in ns."""
        return {label: trace.duration for label, trace in self.executions.items() if trace is not None}

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """Which step needs which."""
        return {step.label: step.needs for step in self.build.steps}


def html(page: Page) -> str:
    """Return the page."""
    build, cost = page.build, page.cost
    critical = critical_path([step.label for step in build.steps], page.needs, cost)
    title = f"{build.project}: {', '.join(build.targets)}"
    parts = [
        "<!doctype html>",
        f'<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style><main>',
        f"<h1>{escape(title)}</h1><p class=about>build <code>{escape(build.id)}</code> of {when(build.started)}</p>",
        *_cards(page, critical),
        "<h2>Why</h2>",
        *(_causes(page) or ["<div class=box>Nothing ran: everything was in the store.</div>"]),
        *_timeline(page),
        "<h2>Critical path</h2>",
        "<p class=about>What a build from nothing could not take less than, however many actions run at once.</p>",
        f"<table>{''.join(_rows(page, critical, critical))}</table>",
        "<h2>Actions</h2>",
        "<table><tr><th>action<th>kind<th>decision<th>cause<th class=n>time<th><th class=n>size</tr>",
        *_rows(page, [step.label for step in build.steps], critical),
        "</table>",
        *_graph(page, critical),
        "</main></html>\n",
    ]
    return "\n".join(parts)


def _cards(page: Page, critical: Sequence[str]) -> Iterator[str]:
    steps, ran, cost = page.build.steps, page.ran, page.cost
    cut_off = sum(step.cut_off for step in steps)
    hits = f"from the store{f', {cut_off} cut off' if cut_off else ''}"
    cards = [
        (str(len(steps)), count(len(steps), "action").partition(" ")[2]),
        (str(len(ran)), "ran"),
        (str(len(steps) - len(ran)), hits),
        (seconds(sum(cost.get(step.label, 0) for step in ran)), "of work in this build"),
        (seconds(sum(cost.values())), "of work from nothing"),
        (seconds(sum(cost.get(label, 0) for label in critical)), "on the critical path"),
    ]
    yield "<div class=cards>"
    yield from (f"<div class=card><b>{escape(value)}</b><span>{escape(what)}</span></div>" for value, what in cards)
    yield "</div>"


def _causes(page: Page) -> list[str]:
    return [
        f"<div class=box><h3>{escape(told.line)}</h3>"
        f"{f'<p>{escape(told.commit)}</p>' if told.commit else ''}{_diff(told.diff)}"
        f"{_labels('acts on', root.direct)}{_labels('then', root.follow)}</div>"
        for root, told in page.causes
    ]


def _labels(word: str, labels: Sequence[str]) -> str:
    rest = f" and {len(labels) - MOST_LISTED:,} more" if len(labels) > MOST_LISTED else ""
    named = ", ".join(f"<code>{escape(label)}</code>" for label in labels[:MOST_LISTED])
    return f"<p>{word} {named}{rest}</p>" if labels else ""


def _diff(lines: Sequence[str]) -> str:
    marks = {"+": "ins", "-": "del"}
    marked = [
        f"<{marks[line[0]]}>{escape(line)}</{marks[line[0]]}>" if line[:1] in marks else escape(line) for line in lines
    ]
    return f"<pre class=diff>{chr(10).join(marked)}</pre>" if lines else ""


def _timeline(page: Page) -> Iterator[str]:
    """What ran side by side, as bars."""
    placed = lanes(trace for step in page.ran if (trace := page.executions[step.label]) is not None)
    if not placed:
        return
    first = min(trace.started for _, trace in placed)
    total = max(trace.started + trace.duration for _, trace in placed) - first
    scale = WIDTH / max(total, 1)
    height = (max(lane for lane, _ in placed) + 1) * LANE
    yield f"<h2>Time line</h2><div class='box scroll'><svg class=line width={WIDTH} height={height + 18}>"
    for tenth in range(11):
        x = tenth * WIDTH / 10
        yield f'<path d="M{x:.0f} 0V{height}"/><text x="{min(x, WIDTH - 50):.0f}" y="{height + 14}">'
        yield f"{seconds(total * tenth // 10)}</text>"
    for lane, trace in placed:
        x, width = (trace.started - first) * scale, max(trace.duration * scale, 1)
        y = lane * LANE + 2
        told = f"{trace.label}: {seconds(trace.duration)}, {trace.reason.text}"
        shown = trace.label.rsplit("/", 1)[-1]
        label = f'<text x="{x + 4:.1f}" y="{y + 13}">{escape(shown)}</text>' if width > len(shown) * 7 + 8 else ""
        box = f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{LANE - 4}" rx="3"/>'
        yield f"<g><title>{escape(told)}</title>{box}{label}</g>"
    yield "</svg></div>"


def _rows(page: Page, labels: Sequence[str], critical: Sequence[str]) -> Iterator[str]:
    steps, cost, path = {step.label: step for step in page.build.steps}, page.cost, set(critical)
    longest = max(cost.values(), default=1) or 1
    for label in labels:
        step, trace = steps[label], page.executions[label]
        took = cost.get(label, 0)
        made = sum(digest.size for digest in trace.outputs.values()) if trace is not None else 0
        word = (
            "cut off" if step.cut_off else {"hit": "server" if step.reason else "store", "miss": "ran"}[step.decision]
        )
        style = f"{step.decision}{' critical' if label in path else ''}"
        yield (
            f'<tr class="{style}"><td class=name>{escape(label)}<td>{escape(trace.kind) if trace is not None else ""}'
            f"<td class=word>{word}<td>{escape(step.reason)}<td class=n>{seconds(took) if trace is not None else ''}"
            f'<td style="width:130px"><div class=bar style="width:{120 * took / longest:.0f}px"></div>'
            f"<td class=n>{size(made) if trace is not None else ''}</tr>"
        )


def _graph(page: Page, critical: Sequence[str]) -> Iterator[str]:
    """The picture of all steps; of a large build, of what ran and of the critical path."""
    steps = list(page.build.steps)
    if len(steps) > MOST_DRAWN:
        wanted = {*critical, *page.build.targets}
        wanted.update([step.label for step in page.ran][: MOST_DRAWN - len(wanted)])
        steps = [step for step in steps if step.label in wanted]
    drawn = {step.label for step in steps}
    nodes = [Node(step.label, step.decision, step.label in critical, step.reason or "from the store") for step in steps]
    needs = {step.label: [need for need in step.needs if need in drawn] for step in steps}
    all_of = "" if len(steps) == len(page.build.steps) else f" ({len(steps)} of {len(page.build.steps):,} actions)"
    yield f"<h2>Graph{all_of}</h2><div class='box scroll'>{svg(nodes, needs)}</div>"
    yield "<p class=legend>Orange ran, green came from the store, red is the critical path.</p>"
