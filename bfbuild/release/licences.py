"""What a Debian copyright file says about licences, in the words of SPDX.

Where a file is machine-readable (DEP-5), the short names of its `License` fields become SPDX identifiers, and names
that SPDX does not have become `LicenseRef-NAME`. Any other file is one licence, `LicenseRef-PACKAGE-copyright`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# Short names of DEP-5 (in lower case) and of files that nearly follow it, as SPDX has them.
NAMES = {
    "afl-2.1": "AFL-2.1",
    "apache-2": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "apache-2-llvm-exceptions": "Apache-2.0 WITH LLVM-exception",
    "apache-2.0-with-llvm-exceptions": "Apache-2.0 WITH LLVM-exception",
    "artistic": "Artistic-1.0-Perl",
    "artistic-2": "Artistic-2.0",
    "artistic-2.0": "Artistic-2.0",
    "beerware": "Beerware",
    "bitstream-vera": "Bitstream-Vera",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause": "BSD-4-Clause",
    "bsl-1.0": "BSL-1.0",
    "cc0": "CC0-1.0",
    "cc0-1.0": "CC0-1.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "expat": "MIT",
    "fsfap": "FSFAP",
    "fsful": "FSFUL",
    "fsfullr": "FSFULLR",
    "ftl": "FTL",
    "gfdl-niv-1.3+": "GFDL-1.3-no-invariants-or-later",
    "hpnd": "HPND",
    "icu": "ICU",
    "isc": "ISC",
    "libpng": "Libpng",
    "mit": "MIT",
    "ntp": "NTP",
    "ofl-1.1": "OFL-1.1",
    "tcl": "TCL",
    "x11": "X11",
    "zlib": "Zlib",
    "zpl-2.1": "ZPL-2.1",
}
_GNU = re.compile(r"(AGPL|LGPL|GPL|GFDL)-?v?(\d)(?:\.(\d))?(?:\.0)?(\+?)", re.IGNORECASE)
_JOINT = re.compile(r"\s+(and|or)\s+", re.IGNORECASE)


def licences(text: str, package: str) -> tuple[str, ...]:
    """Return the SPDX expressions of a copyright file, sorted; all of them hold, each for some files of the package."""
    if not re.match(r"\s*Format(-Specification)?:", text, re.IGNORECASE):
        return (reference(f"{package}-copyright"),)
    found = {expression(name) for name in _names(text) if name}
    return tuple(sorted(found)) or (reference(f"{package}-copyright"),)


def expression(name: str) -> str:
    """Return a DEP-5 licence (`GPL-2+ or Artistic, and Expat`) as SPDX has it; a comma binds less than the words."""
    pieces = re.split(r",\s*(and|or)\s+", name.strip(), flags=re.IGNORECASE)
    if len(pieces) == 1:
        words = _JOINT.split(pieces[0])
        return " ".join(word.upper() if at % 2 else _one(word) for at, word in enumerate(words))
    parts = [piece.upper() if at % 2 else expression(piece) for at, piece in enumerate(pieces)]
    return " ".join(grouped(part) for part in parts)


def grouped(part: str) -> str:
    """Return an expression so that it can stand beside another."""
    return f"({part})" if re.search(" (AND|OR) ", part) else part


def reference(name: str) -> str:
    """Return the SPDX name of a licence that SPDX does not list."""
    plain = re.sub("[^A-Za-z0-9.]+", "-", name.replace("+", "-plus-")).strip("-")
    return f"LicenseRef-{plain or 'unnamed'}"


def references(expressions: tuple[str, ...]) -> Iterator[str]:
    """Yield every LicenseRef among expressions, as often as it stands there."""
    for each in expressions:
        yield from re.findall(r"LicenseRef-[A-Za-z0-9.-]+", each)


def _one(name: str) -> str:
    name = name.strip()
    gnu = _GNU.fullmatch(name)
    if gnu is not None:
        family, major, minor, later = gnu.groups()
        return f"{family.upper()}-{major}.{minor or 0}-{'or-later' if later else 'only'}"
    return NAMES.get(name.lower()) or reference(name)


def _names(text: str) -> Iterator[str]:
    """Yield the first line of each `License` field that says what holds for files."""
    for stanza in re.split(r"\n\s*\n", text):
        if re.search(r"^Files:", stanza, re.MULTILINE | re.IGNORECASE):
            yield from re.findall(r"^License:[ \t]*(.*?)[ \t]*$", stanza, re.MULTILINE | re.IGNORECASE)
