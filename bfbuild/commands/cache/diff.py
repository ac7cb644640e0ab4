"""`doit cache diff A B`: two contents compared by what they mean, with the causes where records know them.

A and B are targets, TARGET@BUILD, digests or paths of files.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bfbuild.commands.known import Known, known
from bfbuild.compare import archive, compare, elf
from bfbuild.compare import disk as disks
from bfbuild.compare.finding import Finding, lines
from bfbuild.compare.finding import data as findings_data
from bfbuild.explain.changes import between_actions
from bfbuild.explain.content import Content, find
from bfbuild.explain.origin import Origins
from bfbuild.explain.roots import Root, attribute
from bfbuild.explain.told import Told, tell

if TYPE_CHECKING:
    from bfbuild.disk.spec import Spec
    from bfbuild.store import Store


@dataclass(frozen=True)
class Difference:
    """Two contents, what differs, the causes, and which label the bytes of a finding (kind, name) are from."""

    old: Content
    new: Content
    findings: tuple[Finding, ...]
    causes: list[tuple[Root, Told]]
    makers: dict[tuple[str, str], str]

    def beside(self, finding: Finding) -> str:
        """Return the cause of a finding, to stand behind it; nothing where there is one for all."""
        label = self.makers.get((finding.kind, finding.name))
        told = [told.brief for root, told in self.causes if label in (*root.direct, *root.follow)]
        return f"  cause: {'; '.join(told)}" if told and label is not None else ""


def look(store: Store, first: str, second: str) -> Difference:
    """Compare; raise an error of ours where one of them cannot be had."""
    project = known(Path.cwd(), store)
    old, new = (find(project.records, word, Path.cwd()) for word in (first, second))
    comparison = _Comparison(Origins(project.records), old, new)
    findings = comparison.findings()
    return Difference(old, new, findings, _causes(project, old, new), comparison.makers)


def text(about: Difference) -> str:
    """Return the lines for people."""
    heads = [f"{sign} {_named(each)}" for sign, each in (("-", about.old), ("+", about.new))]
    if not about.findings:
        return "\n".join([*heads, "the same bytes"])
    causes = [line for _, told in about.causes for line in (f"cause: {told.line}", *_below(told))]
    return "\n".join([*heads, *lines(about.findings, about.beside), *causes])


def data(about: Difference) -> object:
    """Return the same for programs."""
    return {
        "old": str(about.old.digest),
        "new": str(about.new.digest),
        "findings": _with_causes(about, findings_data(about.findings)),
        "causes": [asdict(told) for _, told in about.causes],
    }


def _with_causes(about: Difference, findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for each in findings:
        cause = about.beside(Finding(each["kind"], each["name"], ""))
        each["cause"] = cause.removeprefix("  cause: ") or None
        _with_causes(about, each["inside"])
    return findings


def _named(content: Content) -> str:
    by = f"  by action {content.trace.action.short}" if content.trace is not None else ""
    return f"{content.name}  {content.digest.short}, {content.digest.size:,} bytes{by}"


def _below(told: Told) -> list[str]:
    return [f"  {line}" for line in [*told.diff, *([told.commit] if told.commit else [])]]


@dataclass
class _Comparison:
    """One comparison; `makers` fills as programs and images are met."""

    origins: Origins
    old: Content
    new: Content
    makers: dict[tuple[str, str], str] = field(default_factory=dict)

    def findings(self) -> tuple[Finding, ...]:
        """Compare place by place where both are images whose layouts are known, else by format."""
        before, after = (self.origins.spec(each.trace) for each in (self.old, self.new))
        if before is None or after is None or not self.old.data[:512] or self.old.data == self.new.data:
            self._learn_symbols(self.old)
            self._learn_symbols(self.new)
            return compare(self.old.data, self.new.data)
        self._learn_files(after)
        places = tuple(disks.places(spec.layout) for spec in (before, after))
        return disks.by_place(
            self.old.data,
            self.new.data,
            places[0],
            places[1],
            lambda place, one, other: self._in_place(place, (before, one), (after, other)),
        )

    def _in_place(self, place: str, old: tuple[Spec, bytes], new: tuple[Spec, bytes]) -> tuple[Finding, ...]:
        """Compare the programs in a place by section and symbol, other content by format."""
        programs = []
        for image, (spec, content) in ((self.old, old), (self.new, new)):
            source = spec.content.get(place)
            found = self.origins.program(image.trace, source, content) if source and image.trace else None
            programs.append(found)
        before, after = programs
        if before is None or after is None or before.data == after.data:
            return compare(old[1], new[1])
        for each in (before, after):
            self._learn_symbols(Content(each.name, each.data, self.new.digest, each.trace))
        return (Finding("program", after.name, "changed", compare(before.data, after.data)),)

    def _learn_symbols(self, content: Content) -> None:
        if not elf.is_one(content.data) and not archive.is_one(content.data):
            return
        for (name, _), trace in self.origins.definers(content.trace).items():
            self.makers["symbol", name] = trace.label
            self.makers["member", Path(trace.label).name] = trace.label

    def _learn_files(self, spec: Spec) -> None:
        trace = self.new.trace
        named = [("place", spec.content), *(("file", files) for files in spec.files.values())]
        for kind, places in named if trace is not None else ():
            for name, place in places.items():
                maker = self.origins.maker(trace, place) if trace is not None else None
                if maker is not None:
                    self.makers[kind, name] = maker.label


def _causes(project: Known, old: Content, new: Content) -> list[tuple[Root, Told]]:
    if old.trace is None or new.trace is None or old.trace.label != new.trace.label:
        return []
    changes, needs = between_actions(project.records, new.trace.label, old.trace.action, new.trace.action)
    roots = attribute(changes, lambda label, output: project.records.maker(needs.get(label, ()), output))
    return tell(project.records, roots, project.root, project.lock)
