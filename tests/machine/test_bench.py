"""A boot's own measurements, as tables, JSON and differences."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from bfbuild.errors import MachineError
from bfbuild.machine.bench import Bench, Change, compare, measure, render, render_changes
from bfbuild.machine.transcript import parse

SIZES = {"stage 1": 512, "kernel": 28794, "section .text": 20000}
SAID = b"""\
@bf boot version=1
@bf ready init_cycles=812345
@bf test name=fibonacci cycles=17700 calls=10 result=55
@bf test name=count_primes cycles=50000 calls=5 result=25
@bf function name=fibonacci calls=10 total=17700 min=1700 max=2000 avg=1770
@bf overhead cycles=40
@bf done status=0
"""

TABLES = """\
size            bytes
-------------  ------
stage 1           512
kernel         28,794
section .text  20,000

time                          cycles
---------------------------  -------
kernel entry to the app      812,345
overhead of a profiled call       40

test          calls  cycles  result
------------  -----  ------  ------
fibonacci        10  17,700      55
count_primes      5  50,000      25

function   calls   total    min    max    avg
---------  -----  ------  -----  -----  -----
fibonacci     10  17,700  1,700  2,000  1,770
"""


def changed(*edits: tuple[str, str]) -> Bench:
    """Return the numbers of a guest that said something else."""
    text = SAID.decode()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return measure(parse(text.encode()), SIZES)


def test_the_tables_show_every_number() -> None:
    """Sizes, cycles, tests and profile stand in aligned columns, in the guest's order."""
    assert render(measure(parse(SAID), SIZES)) == TABLES


def test_equal_boots_give_equal_bytes() -> None:
    """The JSON is canonical: nothing in it depends on anything but the numbers and their order."""
    one, other = measure(parse(SAID), SIZES), measure(parse(b"chatter\r\n" + SAID), dict(SIZES))
    assert one.to_json() == other.to_json()
    assert one.to_json() == json.dumps(json.loads(one.to_json()), sort_keys=True, indent=2) + "\n"


def test_json_comes_back_as_it_went() -> None:
    """What was written is read as the same numbers."""
    bench = measure(parse(SAID), SIZES)
    assert Bench.from_json(bench.to_json(), "x.json") == bench


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (SAID.replace(b"@bf ready", b"@bf steady"), "never said 'ready'"),
        (SAID.replace(b"init_cycles", b"cycles"), "'ready' has no field 'init_cycles'"),
        (SAID.replace(b"@bf overhead cycles=40\n", b""), "never said 'overhead'"),
        (SAID.replace(b"avg=1770", b"avg=many"), "'function' holds no number"),
        (SAID.replace(b"name=count_primes", b"name=fibonacci"), "the guest contradicts itself"),
        (b"hello\n", "measures nothing of itself"),
        (SAID + SAID, "said 'ready' 2 times instead of once"),
    ],
)
def test_a_guest_that_did_not_measure_is_an_error(said: bytes, error: str) -> None:
    """A number that is missing, is none, or comes twice, is named."""
    with pytest.raises(MachineError, match=error):
        measure(parse(said), SIZES)


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        ("", "", ("why", "Invalid JSON")),
        ('"version": 1', '"version": 2', ("version", "Input should be 1")),
        ('"init_cycles": 812345', '"init_cycles": "many"', ("init_cycles", "valid integer")),
        ('"init_cycles": 812345', '"init_cycles": 1.5', ("init_cycles", "valid integer")),
        ('"init_cycles": 812345,', "", ("init_cycles", "required")),
        ('"bytes": 512', '"bytes": 512, "colour": 1', ("sizes.0.colour", "not permitted")),
        ('"name": "stage 1"', '"name": "kernel"', ("sizes", "named twice: kernel")),
    ],
)
def test_a_file_that_is_no_benchmark_is_an_error(old: str, new: str, fact: tuple[str, str]) -> None:
    """The error names the file, the key and what is wrong with it."""
    text = measure(parse(SAID), SIZES).to_json()
    with pytest.raises(MachineError, match="no benchmark") as caught:
        Bench.from_json(text.replace(old, new) if old else "{", "old.json")
    assert caught.value.facts[0] == ("file", "old.json")
    assert any(label == fact[0] and fact[1] in value for label, value in caught.value.facts)


def test_a_comparison_has_every_number_of_both() -> None:
    """Changes are absolute and in per cent; what one side lacks is None there, and what is gone comes last."""
    old = measure(parse(SAID), {**SIZES, "stage 2": 4096})
    new = changed(("cycles=40", "cycles=30"), ("name=count_primes", "name=primes"))
    changes = {change.what: change for change in compare(old, new)}
    assert changes["cycles of call overhead"] == Change("cycles of call overhead", 40, 30)
    assert (changes["cycles of call overhead"].delta, changes["cycles of call overhead"].percent) == (-10, -25.0)
    assert (changes["test primes: cycles"].old, changes["test primes: cycles"].delta) == (None, None)
    assert (changes["test count_primes: cycles"].new, changes["size of stage 2"].new) == (None, None)
    assert [change.what for change in compare(old, new)][-4:] == [
        "size of stage 2",
        "test count_primes: calls",
        "test count_primes: cycles",
        "test count_primes: result",
    ]


def test_nothing_has_no_per_cent() -> None:
    """A number that was zero grew by no share of itself."""
    assert asdict(Change("x", 0, 5)) | {"percent": Change("x", 0, 5).percent} == {
        "what": "x",
        "old": 0,
        "new": 5,
        "percent": None,
    }


def test_the_text_shows_only_what_changed() -> None:
    """Equal numbers are counted, the others shown with their change."""
    old, new = (
        measure(parse(SAID), SIZES),
        changed(("cycles=40", "cycles=30"), ("init_cycles=812345", "init_cycles=812346")),
    )
    assert render_changes(compare(old, new)) == (
        "what                         old      new  change      %\n"
        "-----------------------  -------  -------  ------  -----\n"
        "cycles to the app        812,345  812,346      +1   +0.0\n"
        "cycles of call overhead       40       30     -10  -25.0\n"
        "\n"
        "14 of 16 numbers are equal\n"
    )
    assert render_changes(compare(old, old)) == "16 of 16 numbers are equal\n"


def test_new_and_gone_numbers_are_marked() -> None:
    """A number that only one side has is shown as new or gone, never as a change from zero."""
    old, new = measure(parse(SAID), {"a": 1}), measure(parse(SAID), {"b": 0})
    assert [line.split()[-2:] for line in render_changes(compare(old, new)).splitlines()[2:4]] == [
        ["0", "new"],
        ["1", "gone"],
    ]
