"""What a release is made of, as SPDX 2.3: the same facts as sbom.py, in the other standard form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bfbuild.digest import Digest
from bfbuild.release.dsse import canonical
from bfbuild.release.licences import references
from bfbuild.release.sbom import licence, serial, sources

if TYPE_CHECKING:
    from bfbuild.release.facts import Facts, Package, Part

DOCUMENT, RELEASE = "SPDXRef-DOCUMENT", "SPDXRef-Release"
UNKNOWN = "NOASSERTION"


def spdx(facts: Facts) -> bytes:
    """Return the SBOM as SPDX 2.3 in JSON."""
    return canonical(_document(facts)) + b"\n"


def _document(facts: Facts) -> dict[str, Any]:
    identity = facts.identity
    ids = _Ids()
    created = datetime.fromtimestamp(identity.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    texts = sources(facts)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": f"{identity.name}-{identity.version}",
        "documentNamespace": f"urn:uuid:{serial(identity)}",
        "creationInfo": {"created": created, "creators": ["Tool: bfbuild"]},
        "packages": [
            _release(facts),
            *(_package(ids, each) for _, each in sorted(facts.packages.items())),
        ],
        "files": [
            *(_part(ids, facts, part) for part in facts.parts),
            *(_file(ids.source(path), f"./{path}", digest, facts, "SOURCE") for path, digest in texts.items()),
        ],
        "relationships": list(_relationships(ids, facts)),
        "hasExtractedLicensingInfos": list(_references(facts)),
    }


class _Ids:
    """SPDX identifiers: letters, digits, dots and dashes, so what they are for is counted."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], str] = {}

    def of(self, *key: str) -> str:
        return self._known.setdefault(key, f"SPDXRef-{key[0]}-{len(self._known) + 1}")

    def part(self, part: Part) -> str:
        return self.of("Part", part.image, part.place, part.path or "")

    def source(self, path: str) -> str:
        return self.of("Source", path)

    def package(self, key: str) -> str:
        return self.of("Package", key)


def _release(facts: Facts) -> dict[str, Any]:
    return {
        "SPDXID": RELEASE,
        "name": facts.identity.name,
        "versionInfo": facts.identity.version,
        "sourceInfo": f"commit {facts.identity.commit}",
        "primaryPackagePurpose": "FIRMWARE",
        **_plain_package(UNKNOWN),
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": _verification_code(facts)},
        "licenseInfoFromFiles": [UNKNOWN],
    }


def _verification_code(facts: Facts) -> str:
    """Return SHA-1 over the SHA-1s of all files in the package, as SPDX 2.3 defines it (section 7.9)."""
    hashes = sorted(facts.sha1[part.digest] for part in facts.parts)
    return hashlib.sha1("".join(hashes).encode(), usedforsecurity=False).hexdigest()


def _package(ids: _Ids, package: Package) -> dict[str, Any]:
    found = package.copyright
    told = f"see {found.path} in the package, SHA-256 {found.digest.hash}" if found is not None else UNKNOWN
    return {
        "SPDXID": ids.package(package.key),
        "name": package.name,
        "versionInfo": package.version,
        "packageFileName": package.path.rpartition("/")[2],
        "checksums": [{"algorithm": "SHA256", "checksumValue": package.digest.hash}],
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": package.purl}
        ],
        **_plain_package(told),
        "licenseDeclared": licence(package) or UNKNOWN,
    }


def _plain_package(copyright_text: str) -> dict[str, Any]:
    return {
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": UNKNOWN,
        "copyrightText": copyright_text,
    }


def _part(ids: _Ids, facts: Facts, part: Part) -> dict[str, Any]:
    name = f"./{facts.shipped(part.image)}/{part.place}" + (f"/{part.path}" if part.path is not None else "")
    return _file(ids.part(part), name, part.digest, facts, "BINARY") | {"comment": f"made of {part.made_of}"}


def _file(spdx_id: str, name: str, digest: Digest, facts: Facts, kind: str) -> dict[str, Any]:
    return {
        "SPDXID": spdx_id,
        "fileName": name,
        "fileTypes": [kind],
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": facts.sha1[digest]},
            {"algorithm": "SHA256", "checksumValue": digest.hash},
        ],
        "licenseConcluded": UNKNOWN,
        "licenseInfoInFiles": [UNKNOWN],
        "copyrightText": UNKNOWN,
    }


def _relationships(ids: _Ids, facts: Facts) -> Iterator[dict[str, str]]:
    def related(one: str, how: str, other: str) -> dict[str, str]:
        return {"spdxElementId": one, "relationshipType": how, "relatedSpdxElement": other}

    yield related(DOCUMENT, "DESCRIBES", RELEASE)
    for part in facts.parts:
        yield related(RELEASE, "CONTAINS", ids.part(part))
        for path in facts.sources([part.made_of]):
            yield related(ids.part(part), "GENERATED_FROM", ids.source(path))
        for tools in facts.tools([part.made_of]):
            for key in facts.toolchains[tools].packages:
                yield related(ids.package(key), "BUILD_TOOL_OF", ids.part(part))


def _references(facts: Facts) -> Iterator[dict[str, str]]:
    """Yield each licence that SPDX does not list, with where its text stands."""
    where: dict[str, list[str]] = {}
    for _, package in sorted(facts.packages.items()):
        for name in dict.fromkeys(references(package.copyright.licences if package.copyright is not None else ())):
            where.setdefault(name, []).append(f"{package.key} {package.version}")
    for name, packages in sorted(where.items()):
        yield {
            "licenseId": name,
            "name": name.removeprefix("LicenseRef-"),
            "extractedText": f"its text stands in the copyright file of: {', '.join(packages)}",
        }
