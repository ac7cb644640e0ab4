"""The spec of a disk: a text that says what to make, written by bfbuild and read by the script in the sandbox.

It is one Python literal, because that is what python3-minimal can parse: a dictionary of strings, whole numbers, lists
and dictionaries. Keys that are not needed are left out.

    size         bytes of the disk
    regions      list of {name, lba, sectors}
    partitions   list of {name, lba, sectors, type, bootable, filesystem, label}; the last four optional
    prefix       of the names in headers; default "BF_"
    constants    further numbers for headers: {name: value}
    content      bytes of a region, or of a partition without file system: {place: path of a file}
    files        files of a FAT16 partition: {partition: {path on the disk: path of a file}}
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, NamedTuple

from .faults import DiskError
from .layout import Layout, Partition, Region

if TYPE_CHECKING:
    from collections.abc import Mapping

_REGION: dict[str, type] = {"name": str, "lba": int, "sectors": int}
_PARTITION: dict[str, type] = {**_REGION, "type": int, "bootable": bool, "filesystem": str, "label": str}
_SPEC: dict[str, type] = {
    "size": int,
    "regions": list,
    "partitions": list,
    "prefix": str,
    "constants": dict,
    "content": dict,
    "files": dict,
}
_DEFAULTS: dict[str, Any] = {
    "regions": [],
    "partitions": [],
    "prefix": "BF_",
    "constants": {},
    "content": {},
    "files": {},
}


class Spec(NamedTuple):
    """A layout and what fills it: place -> path, and partition -> path on the disk -> path."""

    layout: Layout
    content: Mapping[str, str] = {}
    files: Mapping[str, Mapping[str, str]] = {}


def to_text(spec: Spec) -> str:
    """Return the text of a spec: equal specs have equal texts, and what has its default value is left out."""
    layout = spec.layout
    fields = {
        "size": layout.size,
        "regions": [region._asdict() for region in layout.regions],
        "partitions": [partition._asdict() for partition in layout.partitions],
        "prefix": layout.prefix,
        "constants": _sorted(layout.constants),
        "content": _sorted(spec.content),
        "files": {name: _sorted(files) for name, files in sorted(spec.files.items())},
    }
    lines = [f"{key!a}: {value!a},\n" for key, value in fields.items() if value != _DEFAULTS.get(key)]
    return "".join(["{\n", *lines, "}\n"])


def parse(text: str) -> Spec:
    """Read a spec; raise DiskError, naming the field, where it is none. The layout's numbers are not checked here."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise DiskError("the spec is no Python literal", [("reason", str(error).partition(": <")[0])]) from None
    fields = {**_DEFAULTS, **_fields(value, "the spec", _SPEC, required=1)}
    layout = Layout(
        size=fields["size"],
        regions=tuple(_region(each, f"regions[{at}]") for at, each in enumerate(fields["regions"])),
        partitions=tuple(_partition(each, f"partitions[{at}]") for at, each in enumerate(fields["partitions"])),
        prefix=fields["prefix"],
        constants=_mapping(fields["constants"], "constants", int),
    )
    files = _mapping(fields["files"], "files", dict)
    return Spec(
        layout,
        content=_mapping(fields["content"], "content", str),
        files={name: _mapping(each, f"files[{name!r}]", str) for name, each in files.items()},
    )


def _sorted(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(mapping.items()))


def _region(value: object, where: str) -> Region:
    return Region(**_fields(value, where, _REGION, required=3))


def _partition(value: object, where: str) -> Partition:
    return Partition(**_fields(value, where, _PARTITION, required=3))


def _fields(value: object, where: str, types: dict[str, type], *, required: int) -> dict[str, Any]:
    """Return a dictionary that has the first `required` fields, no unknown ones, and the right types."""
    fields = _mapping(value, where, object)
    if unknown := sorted(fields.keys() - types.keys()):
        raise DiskError(
            "the spec has an unknown field", [("in", where), ("field", unknown[0]), ("known", " ".join(types))]
        )
    if missing := [key for key in [*types][:required] if key not in fields]:
        raise DiskError("the spec lacks a field", [("in", where), ("field", missing[0])])
    for key, each in fields.items():
        _check_type(each, f"{where}: {key}", types[key])
    return fields


def _mapping(value: object, where: str, kind: type) -> dict[str, Any]:
    """Return a dictionary from strings to values of a type."""
    _check_type(value, where, dict)
    assert isinstance(value, dict)
    for key, each in value.items():
        _check_type(key, f"a key of {where}", str)
        _check_type(each, f"{where}: {key}", kind)
    return value


def _check_type(value: object, where: str, kind: type) -> None:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        facts = [("at", where), ("expected", kind.__name__), ("found", f"{type(value).__name__} {str(value)[:60]}")]
        raise DiskError("a field of the spec has the wrong type", facts)
