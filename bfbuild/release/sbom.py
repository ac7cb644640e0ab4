"""What a release is made of, in the two standard forms: CycloneDX 1.6, and SPDX 2.3 (spdx.py).

Each image is a component with its layout, and each file of it one with its hash; a file depends on the sources that it
comes from and on the toolchains whose programs made it, and those on their locked packages, each with licences and
copyright file. Equal facts make equal bytes: the serial number is a digest, the time is SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bfbuild.digest import Digest, digest_bytes
from bfbuild.release.dsse import canonical
from bfbuild.release.facts import MADE
from bfbuild.release.licences import grouped

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component

    from bfbuild.release.facts import Disk, Facts, Identity, Package, Part

CYCLONEDX, SPDX = "sbom.cdx.json", "sbom.spdx.json"


def cyclonedx(facts: Facts) -> bytes:
    """Return the SBOM as CycloneDX 1.6."""
    from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415  (for whoever makes a release)

    text: str = JsonV1Dot6(_bom(facts)).output_as_string(indent=1)
    return text.encode() + b"\n"


def serial(identity: Identity) -> uuid.UUID:
    """Return a document's number, made from what it is about (RFC 9562, version 8)."""
    words = (identity.name, identity.version, identity.commit, str(identity.epoch), str(identity.lock))
    data = bytearray(bytes.fromhex(digest_bytes(canonical(words)).hash)[:16])
    data[6], data[8] = data[6] & 0x0F | 0x80, data[8] & 0x3F | 0x80
    return uuid.UUID(bytes=bytes(data))


def licence(package: Package) -> str | None:
    """Return what holds for a package, as one SPDX expression; None where no copyright file says so."""
    found = package.copyright.licences if package.copyright is not None else ()
    return " AND ".join(grouped(each) for each in found) if len(found) > 1 else next(iter(found), None)


def sources(facts: Facts) -> dict[str, Digest]:
    """Return all sources that images come from, by path."""
    return dict(sorted(facts.sources({part.made_of for part in facts.parts}).items()))


def _bom(facts: Facts) -> Bom:
    from cyclonedx.model.bom import Bom, BomMetaData  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.model.tool import ToolRepository  # noqa: PLC0415

    identity = facts.identity
    whole = Component(
        type=ComponentType.FIRMWARE, name=identity.name, version=identity.version, bom_ref=f"release:{identity.name}"
    )
    builder = Component(type=ComponentType.APPLICATION, name="bfbuild", version=identity.commit, bom_ref="bfbuild")
    bom = Bom(
        serial_number=serial(identity),
        metadata=BomMetaData(
            component=whole,
            tools=ToolRepository(components=[builder]),
            timestamp=datetime.fromtimestamp(identity.epoch, UTC),
        ),
    )
    packages = {key: _package(package) for key, package in sorted(facts.packages.items())}
    tools = {
        name: _file(f"toolchain:{name}", name, each.root, kind="platform") for name, each in facts.toolchains.items()
    }
    texts = {path: _file(f"source:{path}", path, digest) for path, digest in sources(facts).items()}
    parts = [(part, _part(facts, part)) for part in facts.parts]
    disks = {disk.image: _disk(facts, disk) for disk in facts.disks}
    for component in [
        *packages.values(),
        *tools.values(),
        *texts.values(),
        *disks.values(),
        *(each for _, each in parts),
    ]:
        bom.components.add(component)
    for name, component in tools.items():
        bom.register_dependency(component, [packages[key] for key in facts.toolchains[name].packages])
    for part, component in parts:
        needs = [texts[path] for path in facts.sources([part.made_of])]
        needs += [tools[name] for name in facts.tools([part.made_of])]
        bom.register_dependency(component, needs)
    for image, component in disks.items():
        bom.register_dependency(component, [each for part, each in parts if part.image == image])
    bom.register_dependency(whole, disks.values())
    return bom


def _file(ref: str, name: str, digest: Digest, *, kind: str = "file") -> Component:
    from cyclonedx.model import HashAlgorithm, HashType  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415

    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest.hash)]
    return Component(type=ComponentType(kind), name=name, bom_ref=ref, hashes=hashes)


def _disk(facts: Facts, disk: Disk) -> Component:
    from cyclonedx.model import Property  # noqa: PLC0415

    component = _file(f"image:{disk.image}", facts.shipped(disk.image), disk.digest)
    words = {"disk": component.name, "size": str(disk.digest.size), "time": str(disk.time)}
    for number, each in enumerate(disk.partitions, 1):
        words[f"partition:{number}"] = (
            f"{each.name} lba={each.lba} sectors={each.sectors} type={each.type} bootable={each.bootable:d}"
            f" filesystem={each.filesystem} label={each.label}"
        )
    component.properties = [Property(name=f"bareflow:{name}", value=value) for name, value in words.items()]
    return component


def _part(facts: Facts, part: Part) -> Component:
    from cyclonedx.model import Property  # noqa: PLC0415

    ref = f"part:{part.image}:{part.place}" + (f":{part.path}" if part.path is not None else "")
    component = _file(ref, part.path or part.place, part.digest)
    component.properties = [Property(name=name, value=value) for name, value in _properties(facts, part)]
    return component


def _properties(facts: Facts, part: Part) -> Iterator[tuple[str, str]]:
    yield "bareflow:image", facts.shipped(part.image)
    yield "bareflow:place", part.place
    if part.path is not None:
        yield "bareflow:path", part.path
    yield "bareflow:offset", str(part.offset)
    yield "bareflow:size", str(part.digest.size)
    yield "bareflow:made-of", part.made_of
    if part.made_of.startswith(MADE):
        yield "bareflow:recipe", facts.behind([part.made_of])[-1].recipe


def _package(package: Package) -> Component:
    from cyclonedx.model import Property  # noqa: PLC0415
    from cyclonedx.model.license import LicenseExpression  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    component = _file(f"package:{package.key}", package.name, package.digest, kind="library")
    component.version = package.version
    component.purl = PackageURL.from_string(package.purl)
    expression = licence(package)
    if expression is not None:
        component.licenses = [LicenseExpression(value=expression)]
    properties = [Property(name="bareflow:package-file", value=package.path)]
    if package.copyright is not None:
        properties += [
            Property(name="bareflow:copyright-file", value=package.copyright.path),
            Property(name="bareflow:copyright-sha256", value=package.copyright.digest.hash),
        ]
    component.properties = properties
    return component
