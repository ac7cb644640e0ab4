"""A boot's own measurements, as tables, JSON and differences."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import pytest

from bfbuild.errors import MachineError
from bfbuild.machine import figures
from bfbuild.machine.bench import Change, compare, render, render_changes, sentence, speedups
from bfbuild.machine.boots import boots
from bfbuild.machine.figures import Bench, Benched, Boot, Kind, sizes_of
from bfbuild.machine.spec import BootSpec
from bfbuild.machine.transcript import Transcript, parse
from tests.machine.said import AOT, FIRST, WARM, booted, twin

ROWS = (
    *(figures.Size, figures.Test, figures.Function, figures.Amount, figures.Optimized, figures.Event, figures.Sample),
)
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
small
=====

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


def measure(said: Transcript, sizes: dict[str, int]) -> Bench:
    """The bench of a run that was booted once."""
    run = Benched(name="small", sizes=sizes_of(sizes), boots=(Boot.of(said, "only"),))
    return Bench(runs=(run,))


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
        ('"version": 3', '"version": "two"', ("version", "Input should be 3")),
        ('"init_cycles": 812345', '"init_cycles": "many"', ("runs.0.boots.0.init_cycles", "valid integer")),
        ('"init_cycles": 812345', '"init_cycles": 1.5', ("runs.0.boots.0.init_cycles", "valid integer")),
        ('"init_cycles": 812345,', "", ("runs.0.boots.0.init_cycles", "required")),
        ('"bytes": 512', '"bytes": 512, "colour": 1', ("runs.0.sizes.0.colour", "not permitted")),
        ('"name": "stage 1"', '"name": "kernel"', ("runs.0.sizes", "named twice: kernel")),
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
    assert changes["small: cycles of call overhead"] == Change("small: cycles of call overhead", 40, 30)
    assert (changes["small: cycles of call overhead"].delta, changes["small: cycles of call overhead"].percent) == (
        -10,
        -25.0,
    )
    assert (changes["small: test primes: cycles"].old, changes["small: test primes: cycles"].delta) == (None, None)
    assert (changes["small: test count_primes: cycles"].new, changes["small: size of stage 2"].new) == (None, None)
    assert [change.what for change in compare(old, new)][-4:] == [
        "small: size of stage 2",
        "small: test count_primes: calls",
        "small: test count_primes: cycles",
        "small: test count_primes: result",
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
        "what                                old      new  change      %\n"
        "------------------------------  -------  -------  ------  -----\n"
        "small: cycles to the app        812,345  812,346      +1   +0.0\n"
        "small: cycles of call overhead       40       30     -10  -25.0\n"
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


# Guests that optimize themselves: three boots.

THREE_TABLES = """\
twin
====

size    bytes
------  -----
kernel     10

function, cycles a call    aot  first  warm  faster       first boot        warm boot  compiled in
-----------------------  -----  -----  ----  ------  ---------------  ---------------  -----------
fib                      1,000    100   100  10.00x  optimized, here  optimized, disk        3,000
slow                       100    100   100   1.00x   rejected, here   rejected, disk          500

boot, cycles                     aot   first    warm
----------------------------  ------  ------  ------
kernel entry to the app          500     500     500
start of the JIT                       1,000     400
compiler read and started              4,000
compiling                              3,500
until all are swapped                  9,800     300
whole program                 20,000  30,000  15,000
counting adds to a call            0      38      38
sectors read                       0   1,010       9
sectors read of the compiler       0   1,000       0
whole program, by AOT's        1.00x   1.50x   0.75x

warm against AOT: geometric mean 3.16x, least 1.00x (slow), most 10.00x (fib)
"""


def test_three_boots_stand_side_by_side(tmp_path: Path) -> None:
    """Per function and in total; what a boot did not do is left empty; a function without a test is left out."""
    assert render(Bench(runs=(twin(tmp_path, FIRST, WARM, AOT),))) == THREE_TABLES


def test_what_else_is_measured_stands_side_by_side_too(tmp_path: Path) -> None:
    """Tests of no function, as time or as calls a second by the clock of the boots, and amounts in their units."""
    boots = [
        said
        + b"@bf test name=load cycles=%d calls=1 result=1\n@bf test name=say cycles=%d calls=4 result=4\n" % cycles
        + b"@bf amount name=heap value=%d unit=KiB\n" % cycles[1]
        for said, cycles in ((FIRST, (3000, 9000)), (WARM, (1500, 2000)), (AOT, (3000, 8000)))
    ]
    run = twin(tmp_path, *boots).model_copy(update={"cycles_per_ms": 1000})
    shown = {" ".join(line.split()) for line in render(Bench(runs=(run,))).splitlines()}
    assert {"load 3,000 3,000 1,500 2.00x", "say 2,000 2,250 500 4.00x"} <= shown
    assert {"load, ms 3.00 3.00 1.50", "say, calls a second 500.00 444.44 2,000.00"} <= shown
    assert "heap, KiB 8,000 9,000 2,000" in shown
    changed = {change.what for change in compare(Bench(runs=(twin(tmp_path, FIRST, WARM, AOT),)), Bench(runs=(run,)))}
    assert {"twin, warm: amount heap: value", "twin, aot: test say: cycles"} <= changed


def test_a_guest_that_optimizes_nothing_is_booted_once(tmp_path: Path) -> None:
    """On a disk of its own, so that the image stays what it was."""
    (tmp_path / "disk.img").write_bytes(b"a disk")
    seen: list[BootSpec] = []

    def start(spec: BootSpec, _which: str) -> Transcript:
        seen.append(spec)
        spec.image.write_bytes(b"written to")
        return parse(SAID)

    assert [boot.kind for boot in boots(BootSpec(tmp_path / "disk.img"), start)] == ["only"]
    assert (tmp_path / "disk.img").read_bytes() == b"a disk"
    assert [spec.writable for spec in seen] == [True]


def test_the_warm_boot_has_the_disk_of_the_first(tmp_path: Path) -> None:
    """And the boot without optimizing has the image, and is told so."""
    (tmp_path / "disk.img").write_bytes(b"empty")
    seen: list[tuple[str, bytes, str]] = []

    def start(spec: BootSpec, which: str) -> Transcript:
        seen.append((which, spec.image.read_bytes(), spec.args))
        if spec.writable:
            spec.image.write_bytes(spec.image.read_bytes() + b", then written")
        return parse({"": FIRST, "warm": WARM, "aot": AOT}[which])

    assert [boot.kind for boot in boots(BootSpec(tmp_path / "disk.img"), start)] == ["aot", "first", "warm"]
    assert seen == [("", b"empty", ""), ("warm", b"empty, then written", ""), ("aot", b"empty", "aot")]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ((FIRST, WARM, FIRST), "the guest optimizes itself where it should not"),
        ((FIRST, WARM.replace(b"result=34", b"result=35"), AOT), "optimized code computes something else"),
        ((FIRST, b"hello", AOT), "the guest measures nothing of itself"),
        ((FIRST.replace(b"what=tried ", b""), WARM, AOT), "the guest's record 'event' has no field 'what'"),
    ],
    ids=["it never stops", "another result", "silence", "a broken event"],
)
def test_boots_that_cannot_be_compared_are_an_error(tmp_path: Path, said: tuple[bytes, ...], error: str) -> None:
    """A guest that does something else than its boots are meant to compare is told so."""
    with pytest.raises(MachineError, match=error):
        booted(tmp_path, *said)


def test_a_guest_that_measures_no_function_is_told_what_to_say(tmp_path: Path) -> None:
    """The record that is missing stands in the hint."""
    quiet = [said.replace(b"name=now:", b"name=later:") for said in (FIRST, WARM, AOT)]
    with pytest.raises(MachineError, match="measures none of them") as caught:
        render(Bench(runs=(twin(tmp_path, *quiet),)))
    assert "@bf test name=now:fib calls=N" in str(caught.value.hint)


def test_times_are_summed_up_by_their_geometric_mean() -> None:
    """Twice as fast and half as fast is as fast."""
    assert sentence({"a": 2.0, "b": 0.5}) == ("warm against AOT: geometric mean 1.00x, least 0.50x (b), most 2.00x (a)")


def test_a_test_of_the_function_s_own_name_counts_too(tmp_path: Path) -> None:
    """A guest need not say "now"."""
    plain = [said.replace(b"name=now:", b"name=") for said in (FIRST, WARM, AOT)]
    assert speedups(twin(tmp_path, *plain)) == {"fib": 10.0, "slow": 1.0}


def test_three_boots_come_back_from_json(tmp_path: Path) -> None:
    """With events and samples, byte for byte."""
    text = Bench(runs=(twin(tmp_path, FIRST, WARM, AOT),)).to_json()
    again = Bench.from_json(text, "x.json")
    assert again.to_json() == text
    assert again.runs[0].by_kind["first"].samples[0].model_dump() == {
        "at": 9700,
        "name": "fib",
        "n": 150,
        "count": 50,
        "cycles": 60000,
    }


def test_a_comparison_looks_at_each_boot(tmp_path: Path) -> None:
    """What got slower in one of the boots is shown under its name, and so are times that come from events."""
    old = Bench(runs=(twin(tmp_path, FIRST, WARM, AOT),))
    late = FIRST.replace(b"at=9000 sectors=1008 what=compiled", b"at=9050 sectors=1008 what=compiled")
    new = Bench(runs=(twin(tmp_path, late, WARM.replace(b"cycles=900 ", b"cycles=1800 "), AOT),))
    changed_ = [(each.what, each.delta) for each in compare(old, new) if each.delta]
    assert changed_ == [
        ("twin, first: compiling", 50),
        ("twin, first: compiling fib", 50),
        ("twin, warm: test now:fib: cycles", 900),
    ]


def test_only_runs_of_the_new_bench_are_compared(tmp_path: Path) -> None:
    """So a bench of one run by its name is compared with an older one of all."""
    one, other = twin(tmp_path, FIRST, WARM, AOT), measure(parse(SAID), SIZES).runs[0]
    assert {each.old == each.new for each in compare(Bench(runs=(other, one)), Bench(runs=(one,)))} == {True}


def test_a_benchmark_of_another_version_says_so() -> None:
    """A file of an older bfbuild is refused in words about its version, not about its keys."""
    with pytest.raises(MachineError, match="this benchmark has another format") as caught:
        Bench.from_json('{"version": 1, "init_cycles": 5}', "old.json")
    assert ("version", "1") in caught.value.facts


def test_the_format_of_the_json_is_version_3(tmp_path: Path) -> None:
    """Who changes a key changes the version: programs of others read it."""
    kinds: tuple[Kind, ...] = ("only", "aot", "first", "warm")
    assert json.loads(Bench(runs=(twin(tmp_path, FIRST, WARM, AOT),)).to_json())["version"] == 3
    assert {model.__name__: list(model.model_fields) for model in (Bench, Benched, Boot, *ROWS)} == {
        "Bench": ["version", "clock", "runs"],
        "Benched": ["name", "sizes", "boots", "cycles_per_ms", "notes"],
        "Boot": [
            *("kind", "init_cycles", "overhead_cycles"),
            *("tests", "functions", "amounts", "optimized", "events", "samples"),
        ],
        "Size": ["name", "bytes"],
        "Test": ["name", "calls", "cycles", "result"],
        "Function": ["name", "calls", "total", "min", "max", "avg"],
        "Amount": ["name", "value", "unit"],
        "Optimized": ["name", "state", "origin", "calls", "before", "after", "per_mille"],
        "Event": ["at", "sectors", "what", "name"],
        "Sample": ["at", "name", "n", "count", "cycles"],
    }
    assert get_args(Kind) == kinds
