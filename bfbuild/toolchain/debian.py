"""The Debian archive: where its mirrors are, and what a toolchain needs of it.

Mirrors are the configured ones (BAREFLOW_DEBIAN_MIRROR), else those that the host's apt uses and that hold Debian. No
host is named here, and the lock names none either. Toolchains are resolved each by itself, without recommended
packages, from one release of Debian with its updates and security updates; what is not signed by a key of Debian's
archive keyring is refused.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import tempfile
import urllib.error
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from bfbuild.errors import BareflowError, Errors, FetchError, LockError
from bfbuild.toolchain.apt import ARCHITECTURE, Apt, said
from bfbuild.toolchain.lock import Lock, LockedPackage, LockedToolchain
from bfbuild.toolchain.proxy import opener

RELEASE = "bookworm"  # Debian 12
SECURITY = f"{RELEASE}-security"
SUITES = (RELEASE, f"{RELEASE}-updates", SECURITY)
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

TIMEOUT = 20  # seconds without a byte of a Release file
ELSEWHERE = "set BAREFLOW_DEBIAN_MIRROR to the base of a mirror of Debian, as a deb line has it, or to several"


def mirrors(configured: tuple[str, ...]) -> tuple[str, ...]:
    """Return the bases below which package files lie, to be tried in turn; raise FetchError where there is none.

    Configured ones are taken at their word. The host's apt may use archives of others too: those are left out.
    """
    if configured:
        return tuple(dict.fromkeys(base.rstrip("/") for base in configured))
    found: list[str] = []
    refused: list[tuple[str, str]] = []
    for base in _host_bases():
        try:
            releases = (_release(base, suite) for suite in SUITES)
            if any(re.search("^Origin: Debian$", release or "", re.MULTILINE) for release in releases):
                found.append(base)
            else:
                refused.append((base, f"holds no Debian {RELEASE}"))
        except _Away as away:
            refused.append((base, str(away)))
    if not found:
        raise FetchError(
            "no mirror of Debian is known",
            facts=refused or [("looked in", "the host's apt configuration")],
            hint=ELSEWHERE,
        )
    return tuple(found)


def dated(base: str, archive: Mapping[str, str]) -> str:
    """Return a mirror's base with the dates of a lock: `{bookworm}` is that of the suite when the lock was made.

    So a mirror that has the archive of every day serves a package after all others have dropped it.
    """
    for suite, date in archive.items():
        base = base.replace(f"{{{suite}}}", date)
    return base


def resolve(
    requests: Mapping[str, Sequence[str]],
    configured: tuple[str, ...],
    *,
    alone: Collection[str] = (),
    unsigned: bool = False,
) -> Lock:
    """Resolve toolchains (name -> requested packages) to a lock.

    A request is the name of a package, with `:ARCHITECTURE` after it for another than amd64. Toolchains in `alone` are
    made of these packages without what they depend on. `unsigned` takes archives that nobody signed. Raise FetchError
    where a mirror is away, and LockError for what cannot be resolved.
    """
    if not unsigned and not KEYRING.is_file():
        raise LockError(
            "the keys of the Debian archive are not here",
            facts=[("wanted", KEYRING)],
            hint="install the package debian-archive-keyring; a build needs only the lock, so another machine will do",
        )
    option = "trusted=yes" if unsigned else f"signed-by={KEYRING}"
    sources = [f"deb [{option}] {base} {suite} main" for base, suite in _offered(mirrors(configured))]
    architectures = {name.partition(":")[2] for packages in requests.values() for name in packages if ":" in name}
    with tempfile.TemporaryDirectory(prefix="bareflow-apt-") as folder:
        apt = Apt.prepare(Path(folder), sources, architectures, dated=bool(configured))
        return _lock(requests, _closures(apt, requests), apt.dates(), alone)


def _closures(apt: Apt, requests: Mapping[str, Sequence[str]]) -> dict[str, list[LockedPackage]]:
    """Resolve each toolchain; raise what is wrong with all of them."""
    closures: dict[str, list[LockedPackage]] = {}
    errors: list[BareflowError] = []
    for name, packages in requests.items():
        try:
            closures[name] = apt.closure(name, packages)
        except LockError as error:
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else Errors(errors)
    return closures


def _lock(
    requests: Mapping[str, Sequence[str]],
    closures: Mapping[str, Sequence[LockedPackage]],
    archive: dict[str, str],
    alone: Collection[str],
) -> Lock:
    made_of = {
        name: [each for each in closure if name not in alone or _is_asked(each, requests[name])]
        for name, closure in sorted(closures.items())
    }
    toolchains = {
        name: LockedToolchain(
            packages=tuple(sorted(set(requests[name]))),
            dependencies=name not in alone,
            closure=tuple(sorted(package.key for package in closure)),
        )
        for name, closure in made_of.items()
    }
    packages = {package.key: package for closure in made_of.values() for package in closure}
    return Lock(archive=archive, toolchains=toolchains, packages=tuple(packages[key] for key in sorted(packages)))


def _is_asked(package: LockedPackage, requests: Sequence[str]) -> bool:
    """Whether a request names this package; one without an architecture means amd64, or that of all machines."""
    return package.key in requests or (package.architecture in (ARCHITECTURE, "all") and package.name in requests)


def _offered(bases: Sequence[str]) -> list[tuple[str, str]]:
    """Return the suites there are, each with its mirror; raise FetchError where a mirror is away or lacks them all."""
    offered = []
    for base in bases:
        try:
            offered += [(base, suite) for suite in SUITES if _release(base, suite) is not None]
        except _Away as away:
            raise FetchError("a mirror is away", facts=[("mirror", base), ("why", away)], hint=ELSEWHERE) from away
    if RELEASE not in [suite for _, suite in offered]:
        raise FetchError(f"no mirror holds Debian {RELEASE}", facts=[("mirrors", "\n".join(bases))], hint=ELSEWHERE)
    return offered


class _Away(Exception):  # noqa: N818  (a mirror that does not answer; mirrors() passes over it, resolve() does not)
    """A mirror does not answer as one; the text says why."""


def _release(base: str, suite: str) -> str | None:
    """Return the head of a suite's Release file, on trust; None where the mirror does not have the suite."""
    try:
        with opener().open(f"{base}/dists/{suite}/Release", timeout=TIMEOUT) as response:
            head: bytes = response.read(4096)
            return head.decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        if error.code in (404, 410):
            return None
        raise _Away(f"HTTP {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, FileNotFoundError):
            return None
        raise _Away(str(error.reason)) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _Away(str(error)) from error


def _host_bases() -> list[str]:
    """Return the bases in the host's apt configuration, Debian's or not, as apt itself understands it."""
    with tempfile.TemporaryDirectory(prefix="bareflow-apt-") as empty:
        private = ["-o", f"Dir::State::lists={empty}", "-o", "Debug::NoLocking=1"]
        try:
            uris = said(["apt-get", *private, "update", "--print-uris"], {})
        except (OSError, subprocess.SubprocessError):
            return []
    bases: list[str] = []
    for base in re.findall("^'([^']+?)/dists/[^']+/InRelease'", uris, re.MULTILINE):
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
