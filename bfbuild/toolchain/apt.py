"""A private apt: the host's program on state of our own, so that its answer depends on the archive alone.

The package database is empty, the lists are fetched anew, and of the host's configuration only the way to the network
is kept (proxies, time-outs): no pins, no hooks, no sources. Nothing of the host is touched, and a plain user may do it.
apt checks the archive's signatures; what it then says of packages can be believed.
"""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote

from bfbuild.errors import LockError, nearest
from bfbuild.toolchain.lock import LockedPackage

ARCHITECTURE = "amd64"
REQUEST = re.compile(
    r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.](:[a-z0-9-]+)?"
)  # apt would read a name with "-" after it as "remove"
TIMEOUT = 600  # seconds for one command

_NETWORK = re.compile(r"Acquire::(https?|ftp|Retries|ForceIPv[46]|Check-Valid-Until|Check-Date)\b")
# 'URI' NAME_VERSION_ARCHITECTURE.deb SIZE HASH, with "_", ":" and "%" in the three written as %XX
_PLANNED = re.compile(r"^'([^']+)' ([^_\s]+)_([^_\s]+)_([^_\s]+)\.deb ", re.MULTILINE)

# Read before the host's own files, this one keeps them from being read. apt may stay root where it is run as root: the
# user it would become could not reach the folder. A list that cannot be had is an error, not one list fewer.
_CONFIGURATION = """\
    Dir::Etc::main "/dev/null";
    Dir::Etc::parts "/dev/null";
    Dir::Etc::preferences "/dev/null";
    Dir::Etc::preferencesparts "/dev/null";
    Dir::Etc::sourcelist "{folder}/sources.list";
    Dir::Etc::sourceparts "/dev/null";
    Dir::State "{folder}";
    Dir::State::lists "{folder}/lists";
    Dir::State::status "{folder}/status";
    Dir::Cache "{folder}/cache";
    Debug::NoLocking "1";
    APT::Architecture "{architecture}";
    APT::Architectures {{ {architectures} }};
    APT::Cmd::Pattern-Only "1";
    APT::Install-Recommends "0";
    APT::Sandbox::User "root";
    APT::Update::Error-Mode "any";
    Acquire::Languages "none";
    """


def said(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return what a command of apt's writes; raise OSError or SubprocessError."""
    return subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT,
        env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
    ).stdout


@dataclass(frozen=True)
class Apt:
    """An apt with all its state in one folder."""

    folder: Path

    @classmethod
    def prepare(cls, folder: Path, sources: Sequence[str], architectures: set[str], *, dated: bool) -> Apt:
        """Lay out the state in an empty folder and fetch the lists; raise LockError.

        `sources` are lines as in sources.list(5), `architectures` those of packages besides amd64. A `dated` archive is
        a state of the past, and may be older than it says it should get.
        """
        apt = cls(folder)
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text("\n".join([*sources, ""]), encoding="utf-8")
        native_first = [ARCHITECTURE, *sorted(architectures - {ARCHITECTURE})]
        private = textwrap.dedent(_CONFIGURATION).format(
            folder=folder, architecture=ARCHITECTURE, architectures=" ".join(f'"{each}";' for each in native_first)
        )
        host = apt._run("the host's apt cannot be used", "apt-config", "dump", environment={})
        network = [line for line in host.splitlines() if _NETWORK.match(line)]
        past = ['Acquire::Check-Valid-Until "0";'] if dated else []
        (folder / "apt.conf").write_text("\n".join([private, *network, *past, ""]), encoding="utf-8")
        apt._run(
            "the lists of packages cannot be had", "apt-get", "update", "-qq", facts=[("sources", "\n".join(sources))]
        )
        return apt

    def closure(self, toolchain: str, requests: Sequence[str]) -> list[LockedPackage]:
        """Return the packages that are requested and all they depend on; raise LockError where that cannot be."""
        facts = [("toolchain", toolchain), ("packages", ", ".join(requests))]
        wrong = [name for name in requests if not REQUEST.fullmatch(name)]
        if wrong:
            raise LockError("this is no name of a package", facts=[*facts, ("wrong", ", ".join(wrong))])
        failed = "a toolchain cannot be resolved"
        try:
            plan = self._run(failed, "apt-get", "--print-uris", "-q", "install", "--", *requests, facts=facts)
        except LockError as error:
            error.facts += self._unknown(error.detail or "")
            raise
        planned = [(unquote(uri), *map(unquote, what)) for uri, *what in _PLANNED.findall(plan)]
        exact = [f"{name}:{architecture}={version}" for _, name, version, architecture in planned]
        shown = self._run(failed, "apt-cache", "show", "--", *exact, facts=facts)
        known = [_package(fields) for fields in _paragraphs(shown)]
        return [next(each for each in known if uri.endswith(f"/{each.path}")) for uri, *_ in planned]

    def dates(self) -> dict[str, str]:
        """Return suite -> date of its Release file, in the form in which a snapshot is asked for."""
        dates: dict[str, str] = {}
        for path in (self.folder / "lists").glob("*Release"):
            fields = dict(re.findall(r"^(Codename|Date): (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE))
            date = parsedate_to_datetime(fields["Date"]).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
            dates[fields["Codename"]] = max(date, dates.get(fields["Codename"], ""))
        return dates

    def _unknown(self, complaints: str) -> list[tuple[str, str]]:
        """Return facts on a name that apt does not know: the name, and the one that was perhaps meant."""
        match = re.search(r"^E: Unable to locate package (\S+)$", complaints, re.MULTILINE)
        if match is None:
            return []
        name = match[1]
        guess = nearest(name, self._run("", "apt-cache", "pkgnames", name[:1]).split())
        return [("unknown", name), *([("nearest", guess)] if guess else [])]

    def _run(
        self,
        failed: str,
        *command: str,
        facts: Sequence[tuple[str, object]] = (),
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Return what a command says; raise LockError with the headline `failed`, the facts and its complaints."""
        try:
            return said(command, {"APT_CONFIG": str(self.folder / "apt.conf")} if environment is None else environment)
        except FileNotFoundError as error:
            raise LockError(
                f"there is no {command[0]} here, and resolving needs it",
                hint="resolve on a Debian machine, or in a container of one; a build needs only the lock",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise LockError(failed, facts=[*facts, ("why", f"{command[0]} had no end after {TIMEOUT} s")]) from error
        except subprocess.CalledProcessError as error:
            complaints = re.sub(
                r"^.*\.\.\.$\n", "", f"{error.stdout}{error.stderr}", flags=re.MULTILINE
            )  # not "Reading ..."
            raise LockError(failed, facts=facts, detail=complaints) from error


def _package(fields: Mapping[str, str]) -> LockedPackage:
    """Read a paragraph of a Packages file; raise LockError where it lacks what a lock must know."""
    try:
        return LockedPackage(
            name=fields["Package"],
            version=fields["Version"],
            architecture=fields["Architecture"],
            path=fields["Filename"],
            size=int(fields["Size"]),
            sha256=fields["SHA256"],
        )
    except (KeyError, ValueError) as error:
        raise LockError(
            "the archive describes a package badly", facts=[("package", fields.get("Package", "?")), ("why", error)]
        ) from error


def _paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Yield the fields of each paragraph (deb822(5)); of a field with several lines, the first."""
    for paragraph in text.strip().split("\n\n"):
        lines = (line.partition(":") for line in paragraph.splitlines() if not line.startswith((" ", "\t")))
        yield {name: value.strip() for name, _, value in lines}
