"""`doit cache gc [--dry-run]`: remove what nothing keeps, and say what it would cost to have it back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bfbuild import config
from bfbuild.commands.cache import text as show
from bfbuild.store.collect import Collected, Limits, Plan, collect, plan

if TYPE_CHECKING:
    from bfbuild.store import Store

DAY = 24 * 3600 * 10**9  # ns


class Report(NamedTuple):
    """What may go, and what went, None where nothing was to be removed."""

    plan: Plan
    collected: Collected | None


def look(store: Store, *, dry_run: bool) -> Report:
    """Collect by the limits of the project around the current folder; raise StoreError where that cannot be."""
    settings = config.load(config.find_root(Path.cwd())).settings.store
    limits = Limits(builds=settings.keep_builds, age=settings.keep_days * DAY, size=settings.max_size or None)
    now = time.time_ns()
    return Report(plan(store, limits, now), None) if dry_run else Report(*collect(store, limits, now))


def text(report: Report) -> str:
    """Return the lines for people."""
    planned, done = report
    frees = planned.frees if done is None else done.bytes
    lines = [f"{'frees' if done is None else 'freed'} {show.size(frees)}; {_cost(planned)}"]
    results, content, trees, roots = _counts(report)
    parts = [show.count(results, "result"), show.count(content, "blob")]
    parts += [show.count(trees, "unpacked folder")] if trees else []
    parts += [f"{show.count(roots, 'root')} of checkouts that are gone"] if roots else []
    lines += [f"  {', '.join(parts)}", f"  keeps {show.size(planned.kept)}"]
    return "\n".join(lines)


def data(report: Report) -> object:
    """Return the same for programs; times in ns."""
    planned, done = report
    results, content, trees, roots = _counts(report)
    return {
        "dry_run": done is None,
        "freed_bytes": planned.frees if done is None else done.bytes,
        "kept_bytes": planned.kept,
        "results": results,
        "content": content,
        "trees": trees,
        "roots": roots,
        "records": None if done is None else done.records,
        "rebuild_ns": planned.rebuild,
        "rebuild_unknown": planned.unknown,
        "download_bytes": planned.download,
    }


def _counts(report: Report) -> tuple[int, int, int, int]:
    planned, done = report
    if done is None:
        return len(planned.results), len(planned.content), len(planned.trees), len(planned.roots)
    return done.results, done.content, done.trees, done.roots


def _cost(planned: Plan) -> str:
    cost = f"rebuilding would take {show.span(planned.rebuild)}"
    if planned.unknown:
        cost += f" and what {show.count(planned.unknown, 'result')} took that nobody recorded"
    if planned.download:
        cost += f", and a download of {show.size(planned.download)}"
    return cost
