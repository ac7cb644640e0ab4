"""Resolves toolchains against the Debian archive: names of packages to a lock.

The host's apt-get does the work, on private state: an empty package database, its own lists, no configuration of the
host's but the way to the network. So the answer depends on the archive and the names alone, nothing of the host is
touched, and a plain user may do it. Each toolchain is resolved by itself, without recommended packages. What apt
downloads must be signed by a key of Debian's archive keyring.

Which mirrors: the configured ones (BAREFLOW_DEBIAN_MIRROR), else those that the host's apt uses. No host is named here.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import tempfile
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote

from bfbuild.errors import FetchError, LockError
from bfbuild.toolchain.lock import Lock, LockedPackage, LockedToolchain

RELEASE = "bookworm"  # Debian 12
SUITES = (RELEASE, f"{RELEASE}-updates", f"{RELEASE}-security")
COMPONENT = "main"
ARCHITECTURE = "amd64"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

PROBE_TIMEOUT = 20  # seconds without a byte of a Release file
APT_TIMEOUT = 600  # seconds for one command of apt's

# What a private apt keeps of the host's configuration: the way to the network.
NETWORK = re.compile(r"^Acquire::(https?|ftp|Retries|ForceIPv[46]|Check-Valid-Until|Check-Date)\b")
ELSEWHERE = "set BAREFLOW_DEBIAN_MIRROR to the base of a Debian mirror, as in deb lines, or to several"


def mirrors(configured: tuple[str, ...]) -> tuple[str, ...]:
    """Return the bases below which package files lie, to be tried in turn.

    The configured ones are taken as they are; of those that the host's apt uses, the ones that hold Debian. Raise
    FetchError where there is none.
    """
    if configured:
        return tuple(dict.fromkeys(base.rstrip("/") for base in configured))
    found, refusals = [], []
    for base in _host_bases():
        try:
            releases = (_release(base, suite) for suite in SUITES)
            if any(release and re.search("^Origin: Debian$", release, re.MULTILINE) for release in releases):
                found.append(base)
            else:
                refusals.append((base, f"holds no Debian {RELEASE}"))
        except FetchError as error:
            refusals.append((base, dict(error.facts)["why"]))
    if not found:
        raise FetchError(
            "no mirror of the Debian archive is known",
            facts=refusals or [("looked in", "the host's apt configuration, which names none")],
            hint=ELSEWHERE,
        )
    return tuple(found)


def resolve(requests: Mapping[str, Sequence[str]], configured: tuple[str, ...], *, unsigned: bool = False) -> Lock:
    """Resolve each toolchain (name -> requested packages) to all that it needs.

    A request is a package's name, with `:ARCHITECTURE` for another than amd64. `unsigned` takes the archive's word
    without a signature. Raise FetchError where no mirror answers and LockError for what cannot be resolved.
    """
    if not unsigned and not KEYRING.is_file():
        raise LockError(
            "the keys of the Debian archive are not here",
            facts=[("wanted", KEYRING)],
            hint="install the package debian-archive-keyring, or resolve on another machine: a build needs only the lock",
        )
    bases = mirrors(configured)
    option = "trusted=yes" if unsigned else f"signed-by={KEYRING}"
    sources = [f"deb [{option}] {base} {suite} {COMPONENT}" for base, suite in _offered(bases)]
    asked = {name for packages in requests.values() for name in packages}
    architectures = [ARCHITECTURE, *sorted({name.partition(":")[2] for name in asked if ":" in name} - {ARCHITECTURE})]
    with tempfile.TemporaryDirectory(prefix="bareflow-lock-") as folder:
        # A dated snapshot is past its date by its nature; the lock and the command show which day it is.
        settings = ['Acquire::Check-Valid-Until "false";'] if configured else []
        apt = _Apt.prepare(Path(folder), sources, architectures, settings)
        apt.run("the package lists cannot be had", [("mirrors", "\n".join(bases))], "apt-get", "update", "-qq")
        closures = {name: apt.closure(name, packages) for name, packages in sorted(requests.items())}
        archive = apt.dates()
    return _lock(requests, closures, archive)


def _lock(
    requests: Mapping[str, Sequence[str]], closures: Mapping[str, list[LockedPackage]], archive: dict[str, str]
) -> Lock:
    packages: dict[str, LockedPackage] = {}
    for closure in closures.values():
        for package in closure:
            known = packages.setdefault(package.key, package)
            if known != package:
                raise LockError(
                    "toolchains need one package in two versions",
                    facts=[("package", package.key), ("versions", f"{known.version} and {package.version}")],
                )
    return Lock(
        archive=archive,
        toolchains={
            name: LockedToolchain(
                packages=tuple(sorted(set(requests[name]))), closure=tuple(sorted(each.key for each in closure))
            )
            for name, closure in closures.items()
        },
        packages=tuple(packages[key] for key in sorted(packages)),
    )


def _offered(bases: Iterable[str]) -> list[tuple[str, str]]:
    """Return which (base, suite) there are; raise FetchError where a mirror is away or none has the release itself."""
    offered = [(base, suite) for base in bases for suite in SUITES if _release(base, suite) is not None]
    if RELEASE not in [suite for _, suite in offered]:
        raise FetchError(
            f"no mirror holds Debian {RELEASE}", facts=[("mirrors", "\n".join(bases))], hint=ELSEWHERE
        )
    return offered


def _release(base: str, suite: str) -> str | None:
    """Return the head of a suite's Release file, unchecked; None where there is none. Raise FetchError."""
    url = f"{base}/dists/{suite}/Release"
    try:
        with urllib.request.urlopen(url, timeout=PROBE_TIMEOUT) as response:  # noqa: S310  (file: is meant to work)
            return str(response.read(4096).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        if error.code in (404, 410):
            return None
        why = f"HTTP {error.code} {error.reason}"
    except urllib.error.URLError as error:
        if isinstance(error.reason, FileNotFoundError):
            return None
        why = str(error.reason)
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = str(error)
    raise FetchError("a mirror does not answer", facts=[("mirror", base), ("asked for", url), ("why", why)])


def _host_bases() -> list[str]:
    """Return the bases in the host's apt configuration, Debian's or not, as apt itself understands it."""
    with tempfile.TemporaryDirectory(prefix="bareflow-lock-") as empty:
        try:
            said = _said(["apt-get", "-o", f"Dir::State::lists={empty}", "-o", "Debug::NoLocking=1", "update", "--print-uris"])
        except (OSError, subprocess.SubprocessError):
            return []
    bases = []
    for base in re.findall("^'([^']+?)/dists/[^']+/InRelease'", said, re.MULTILINE):
        if base.startswith("mirror+file:"):
            bases += _listed(Path(unquote(base.removeprefix("mirror+file:"))))
        elif base.startswith(("http:", "https:", "file:")):
            bases.append(base)
    return list(dict.fromkeys(bases))


def _listed(path: Path) -> list[str]:
    """Return the bases in a file of mirrors (apt-transport-mirror(1)), as Debian's cloud images have it."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [line.split()[0].rstrip("/") for line in lines if line.strip() and not line.startswith("#")]


@dataclass(frozen=True)
class _Apt:
    """An apt of our own in one folder."""

    config: Path

    @classmethod
    def prepare(cls, folder: Path, sources: Sequence[str], architectures: Sequence[str], settings: Sequence[str]) -> _Apt:
        """Lay out the private state; raise LockError where the host has no apt."""
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text("\n".join([*sources, ""]))
        apt = cls(folder / "apt.conf")
        # Read before all others, this file keeps them from being read: theirs are hooks, pins and indexes.
        private = f"""
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
            APT::Architecture "{ARCHITECTURE}";
            APT::Architectures {{ {" ".join(f'"{each}";' for each in architectures)} }};
            APT::Cmd::Pattern-Only "1";
            APT::Install-Recommends "0";
            APT::Sandbox::User "root";
            Acquire::Languages "none";
        """
        host = apt.run("the host's apt cannot be used", [], "apt-config", "dump", private=False)
        network = [line for line in host.splitlines() if NETWORK.match(line)]
        apt.config.write_text("\n".join([textwrap.dedent(private), *network, *settings, ""]))
        return apt

    def run(self, headline: str, facts: Sequence[tuple[str, object]], *command: str, private: bool = True) -> str:
        """Return what a command of apt's says; raise LockError with the headline, the facts and its complaints."""
        try:
            return _said(command, {"APT_CONFIG": str(self.config)} if private else {})
        except FileNotFoundError as error:
            raise LockError(
                f"{command[0]} is not here, and resolving needs it",
                hint="resolve on a Debian machine or in a container of one: a build needs only the lock",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise LockError(headline, facts=[*facts, ("why", f"no end after {APT_TIMEOUT} s")]) from error
        except subprocess.CalledProcessError as error:
            raise LockError(headline, facts=facts, detail=error.stderr) from error

    def closure(self, toolchain: str, packages: Sequence[str]) -> list[LockedPackage]:
        """Return all that `packages` need, themselves among it."""
        facts = [("toolchain", toolchain), ("packages", ", ".join(packages))]
        headline = "a toolchain cannot be resolved"
        plan = self.run(headline, facts, "apt-get", "--simulate", "-qq", "install", "--", *packages)
        chosen = [
            f"{name}:{architecture}={version}"
            for name, version, architecture in re.findall(
                r"^Inst ([^ :]+)\S* \((\S+) [^\[]*\[(\w+)\]\)", plan, re.MULTILINE
            )
        ]
        shown = self.run(headline, facts, "apt-cache", "show", "--", *chosen)
        found = {}
        for fields in _stanzas(shown):
            try:
                package = LockedPackage(
                    name=fields["Package"],
                    version=fields["Version"],
                    architecture=fields["Architecture"],
                    path=fields["Filename"],
                    size=int(fields["Size"]),
                    sha256=fields["SHA256"],
                )
            except (KeyError, ValueError) as error:
                raise LockError(headline, facts=[*facts, ("package", fields.get("Package")), ("why", error)]) from error
            found.setdefault(f"{package.key}={package.version}", package)
        return [found[name] for name in chosen]

    def dates(self) -> dict[str, str]:
        """Return suite -> date of the Release file that apt took, as a snapshot is asked for."""
        dates: dict[str, str] = {}
        for path in (self.config.parent / "lists").glob("*Release"):
            fields = dict(re.findall(r"^(Codename|Date): (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE))
            date = parsedate_to_datetime(fields["Date"]).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
            dates[fields["Codename"]] = max(date, dates.get(fields["Codename"], ""))
        return dates


def _said(command: Sequence[str], environment: Mapping[str, str] = {}) -> str:
    return subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=APT_TIMEOUT,
        env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
    ).stdout


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    """Yield the fields of each paragraph (deb822(5)); a continued field has its first line."""
    for paragraph in text.strip().split("\n\n"):
        yield {
            name: value.strip()
            for name, colon, value in (line.partition(":") for line in paragraph.splitlines())
            if colon and not name.startswith((" ", "\t"))
        }
