"""Specs: what is written is read, equal specs are equal texts, and a wrong field is named."""

from __future__ import annotations

import pytest

from bfbuild.disk.faults import DiskError
from bfbuild.disk.layout import Layout, Partition, Region
from bfbuild.disk.spec import Spec, parse, to_text

FULL = Spec(
    Layout(
        size=64 << 20,
        regions=(Region("STAGE1", 0, 1), Region("KERNEL", 9, 1015)),
        partitions=(
            Partition("DATA", 2048, 100_000, bootable=True, label="BAREFLOW"),
            Partition("RAW", 102_048, 1, type=0xDA, filesystem="none"),
        ),
        prefix="",
        constants={"MAGIC": 1, "ADDRESS": 2},
    ),
    content={"STAGE1": "out/stage1.bin", "RAW": "weights"},
    files={"DATA": {"docs/ä 😀 'quoted'": "a", "B": 'b "and" c'}},
)
FULL_TEXT = """\
{
'size': 67108864,
'regions': [{'name': 'STAGE1', 'lba': 0, 'sectors': 1}, {'name': 'KERNEL', 'lba': 9, 'sectors': 1015}],
'partitions': [{'name': 'DATA', 'lba': 2048, 'sectors': 100000, 'type': 6, 'bootable': True, 'filesystem': 'fat16', \
'label': 'BAREFLOW'}, {'name': 'RAW', 'lba': 102048, 'sectors': 1, 'type': 218, 'bootable': False, \
'filesystem': 'none', 'label': ''}],
'prefix': '',
'constants': {'ADDRESS': 2, 'MAGIC': 1},
'content': {'RAW': 'weights', 'STAGE1': 'out/stage1.bin'},
'files': {'DATA': {'B': 'b "and" c', "docs/\\xe4 \\U0001f600 'quoted'": 'a'}},
}
"""


def test_a_spec_is_this_text_and_reads_back() -> None:
    """The text is part of an action's key, so it is a constant: keys sorted where order means nothing, ASCII."""
    assert to_text(FULL) == FULL_TEXT
    assert parse(FULL_TEXT) == FULL


def test_what_is_not_needed_is_left_out() -> None:
    """A spec with nothing but a size is one line, and gets the defaults back."""
    assert to_text(Spec(Layout(size=512))) == "{\n'size': 512,\n}\n"
    assert parse("{'size': 512}") == Spec(Layout(size=512))


def test_a_partition_has_defaults() -> None:
    """Without a word, a partition is FAT16, of type 6, not bootable, without label."""
    text = "{'size': 512, 'partitions': [{'name': 'P', 'lba': 1, 'sectors': 2}]}"
    assert parse(text).layout.partitions == (Partition("P", 1, 2, 0x06, False, "fat16", ""),)


BAD = {
    "no literal": ("size = 4", "no Python literal", "reason", "invalid syntax"),
    "a program": ("__import__('os').abort()", "no Python literal", "reason", "malformed node"),
    "an unhashable key": ("{[]: 1}", "no Python literal", "reason", "unhashable"),
    "a list": ("[]", "wrong type", "at", "the spec"),
    "no size": ("{}", "lacks a field", "field", "size"),
    "a size in words": ("{'size': '64M'}", "wrong type", "at", "the spec: size"),
    "a size that is a truth value": ("{'size': True}", "wrong type", "found", "bool True"),
    "an unknown field": ("{'size': 512, 'sise': 1}", "unknown field", "field", "sise"),
    "a region that is a number": ("{'size': 512, 'regions': [1]}", "wrong type", "at", "regions[0]"),
    "a region without sectors": (
        "{'size': 512, 'regions': [{'name': 'A', 'lba': 0}]}",
        "lacks a field",
        "field",
        "sectors",
    ),
    "a partition with an unknown field": (
        "{'size': 512, 'partitions': [{'name': 'A', 'lba': 0, 'sectors': 1, 'boot': 1}]}",
        "unknown field",
        "in",
        "partitions[0]",
    ),
    "a constant in words": ("{'size': 512, 'constants': {'A': '1'}}", "wrong type", "at", "constants: A"),
    "a number as a path": ("{'size': 512, 'files': {'P': {'a': 1}}}", "wrong type", "at", "files['P']: a"),
    "a number as a name": ("{'size': 512, 'content': {1: 'a'}}", "wrong type", "at", "a key of content"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_spec_is_refused(case: str) -> None:
    """Each mistake has its headline and names the field."""
    text, headline, label, value = BAD[case]
    with pytest.raises(DiskError, match=headline) as caught:
        parse(text)
    assert value in dict(caught.value.facts)[label]
