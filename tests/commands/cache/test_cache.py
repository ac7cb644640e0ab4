"""`doit cache`: the words, their tables, their JSON, and what is said to a wrong question."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from doit.cmd_base import Command
from doit.doit_cmd import DoitMain

from bfbuild.commands.cache import ls, text

if TYPE_CHECKING:
    from .conftest import Sample

ENTRY = "bfbuild.commands.cache:Cache"


def doit(*words: str) -> int:
    """Run doit with the command as its plugin, and return the exit code."""
    code: int = DoitMain(extra_config={"COMMAND": {"cache": ENTRY}}).run(list(words))
    return code


def test_the_package_registers_the_command() -> None:
    """The entry point in pyproject.toml names a doit command of that name."""
    pyproject = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    assert pyproject["project"]["entry-points"]["doit.COMMAND"]["cache"] == ENTRY
    module, name = ENTRY.split(":")
    command = getattr(import_module(module), name)
    assert issubclass(command, Command)
    assert command.get_name() == "cache"


def test_ls_lists_results_newest_first(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    """Each result in the store stands once, with its label, and none that failed or is gone."""
    store = sample.store
    first = next(store.traces.recent())
    again = replace(first, label="demo/copy.o", started=first.started + 10**9)
    failed = replace(first, label="demo/bad.o", started=first.started + 2 * 10**9, exit_code=1, outputs={})
    for trace in (again, failed, replace(again, label="demo/gone.o", action=replace(first.action, hash="0" * 64))):
        store.traces.record(trace)
    assert doit("cache", "ls") == 0
    assert capsys.readouterr().out == (
        "label        action        outputs    size  when\n"
        f"demo/copy.o  {first.action.short}        1  2.0 kB  2026-11-23 23:37:07\n"
    )


def test_ls_tells_programs_the_same(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` gives full digests, bytes and UTC, wherever the option stands."""
    expected = {
        "results": [
            {
                "label": "demo/a.o",
                "action": str(sample.action),
                "outputs": {"a b.o": str(sample.output)},
                "bytes": 2004,
                "when": "2026-11-23T23:37:06.031Z",
            }
        ],
        "unreadable_traces": 0,
    }
    for words in (("cache", "ls", "--json"), ("cache", "--json", "ls")):
        assert doit(*words) == 0
        assert json.loads(capsys.readouterr().out) == expected


def test_ls_says_what_it_could_not_read(sample: Sample) -> None:
    """A damaged trace is not silently left out."""
    [path] = (sample.store.path / "trace").iterdir()
    path.write_bytes(b"damaged")
    assert ls.text(ls.look(sample.store)).splitlines() == [
        "the store holds no results yet",
        "1 trace could not be read",
    ]


def test_size_adds_up(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    """Files and bytes by kind are those on the disk."""
    assert doit("cache", "size", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told) == ["cas", "ac", "trace", "trees", "tmp"]
    for kind, usage in told.items():
        files = [path for path in (sample.store.path / kind).rglob("*") if path.is_file()]
        assert usage == {"files": len(files), "bytes": sum(path.stat().st_size for path in files)}
    assert doit("cache", "size") == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["kind", "files", "size"]
    assert table[-1].split()[:2] == ["all", "11"]


def test_show_answers_on_the_command_line(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    """`doit cache show` prints what the store knows, for people or programs."""
    assert doit("cache", "show", sample.source.hash[:6]) == 0
    assert capsys.readouterr().out == f"file {sample.source}\ncontent\nint main(void){{return 0;}}\n"
    assert doit("cache", "show", "demo/a.o", "--json") == 0
    assert json.loads(capsys.readouterr().out)["digest"] == str(sample.action)


@pytest.mark.usefixtures("sample")
def test_what_the_store_cannot_answer_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown target is one clear error on standard error, and nothing on standard output."""
    assert doit("cache", "show", "demo/b.o") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "error: the store knows no target or digest demo/b.o",
        "  nearest  demo/a.o",
        "  hint     `doit cache ls` lists what it knows; of a digest, 6 digits are enough",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "ERROR: say what to do: "),
        (("shwo",), "ERROR: cache knows no word 'shwo'; did you mean show?\n"),
        (("ls", "more"), "ERROR: usage: "),
        (("show",), "ERROR: usage: "),
        (("pin",), "ERROR: usage: "),
        (("pin", "a", "b", "c"), "ERROR: usage: "),
        (("ls", "--dry-run"), "ERROR: usage: "),
        (("gc", "--rebuild"), "ERROR: usage: "),
    ],
)
@pytest.mark.usefixtures("sample")
def test_a_wrong_question_is_exit_3(words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing, unknown or superfluous word gets the usage, as doit's own commands do."""
    assert doit("cache", *words) == 3
    assert capsys.readouterr().err.startswith(told)


@pytest.mark.usefixtures("sample")
def test_what_is_no_option_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told with the options that there are."""
    assert doit("cache", "--jsno", "ls") == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: this command line cannot be read",
        "  why      option --jsno not recognized",
        "  options  --json, --dry-run, --rebuild",
    ]


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (28_794, "28.8 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (10**12, "1.0 TB"),
    ],
)
def test_sizes_are_short(count: int, shown: str) -> None:
    """A size is told in a few digits and a power of 1000."""
    assert text.size(count) == shown
