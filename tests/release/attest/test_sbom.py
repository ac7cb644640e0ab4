"""Both SBOMs, validated by what those publish who define them, and held against the image itself."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from bfbuild.disk.fat16.reader import read_tree
from bfbuild.release.sbom import cyclonedx
from bfbuild.release.spdx import spdx
from bfbuild.release.verify import sha256
from tests.release.attest.conftest import IMAGE

if TYPE_CHECKING:
    from bfbuild.release.facts import Facts
    from tests.release.attest.made import Made

DATA_AT = 64 * 512  # of the partition in the small project's layout


def _bom(facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cyclonedx(facts))
    return found


def test_cyclonedx_fits_the_published_schema(whole: Facts) -> None:
    """As strictly as the standard's own validator checks version 1.6."""
    text = cyclonedx(whole).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert json.loads(text)["specVersion"] == "1.6"


def test_spdx_is_valid(whole: Facts) -> None:
    """The tools of the SPDX project read it and find nothing wrong, licence expressions included."""
    document = JsonLikeDictParser().parse(json.loads(spdx(whole)))  # type: ignore[no-untyped-call]
    assert [each.validation_message for each in validate_full_spdx_document(document)] == []
    assert document.creation_info.spdx_version == "SPDX-2.3"


def test_all_files_of_the_image_are_covered(whole: Facts, made: Made) -> None:
    """Loader, kernel and each file of the file system stand in both, with the hashes that the image really has."""
    image = made.content[IMAGE]
    files = {path: sha256(data) for path, data in read_tree(io.BytesIO(image), DATA_AT).items()}
    parts = {part.path or part.place: part.digest.hash for part in whole.parts}
    assert parts.keys() == {"BOOT", "KERNEL", *files}
    assert files.items() <= parts.items()
    components = _bom(whole)["components"]
    listed = {each["name"]: each["hashes"][0]["content"] for each in components}
    assert listed[IMAGE] == sha256(image)
    assert {
        word["name"]: word["value"] for each in components if each["name"] == IMAGE for word in each["properties"]
    } == {
        "bareflow:disk": IMAGE,
        "bareflow:size": str(3 << 20),
        "bareflow:time": "315532800",
        "bareflow:partition:1": "DATA lba=64 sectors=6000 type=6 bootable=0 filesystem=fat16 label=SMALL",
    }
    assert parts.items() <= listed.items()
    hashes = {each["checksumValue"] for file in json.loads(spdx(whole))["files"] for each in file["checksums"]}
    assert set(parts.values()) <= hashes


def test_each_file_is_traced_to_sources_and_packages(whole: Facts) -> None:
    """Following what depends on what, the kernel comes from its sources and all packages of its toolchain."""
    bom = _bom(whole)
    needs = {each["ref"]: set(each.get("dependsOn", ())) for each in bom["dependencies"]}
    kernel = needs[f"part:{IMAGE}:KERNEL"]
    assert {"source:src/start.c", "source:src/library/twice.c", "source:src/kernel.ld", "toolchain:llvm"} <= kernel
    assert "source:src/boot.asm" not in kernel
    assert needs["toolchain:llvm"] == {f"package:{key}" for key in whole.toolchains["llvm"].packages}
    assert needs[f"part:{IMAGE}:DATA:GREETING.TXT"] == {"source:src/shout.py", "source:src/words.txt", "toolchain:llvm"}


def test_each_package_has_licences_and_its_copyright_file(whole: Facts) -> None:
    """Every locked package of the real toolchain ships one; its digest and what it says are told."""
    packages = {each["purl"]: each for each in _bom(whole)["components"] if "purl" in each}
    assert len(packages) == len(whole.packages) > 50
    for purl, each in packages.items():
        assert PackageURL.from_string(purl).to_string() == purl
        properties = {word["name"]: word["value"] for word in each["properties"]}
        assert properties["bareflow:copyright-file"].startswith("usr/share/doc/")
        assert len(properties["bareflow:copyright-sha256"]) == 64
        assert each["licenses"][0]["expression"]


def test_equal_facts_make_equal_bytes(whole: Facts) -> None:
    """The time is that of the commit, and the serial number follows from what it is about."""
    assert cyclonedx(whole) == cyclonedx(whole)
    assert spdx(whole) == spdx(whole)
    assert _bom(whole)["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    assert json.loads(spdx(whole))["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
