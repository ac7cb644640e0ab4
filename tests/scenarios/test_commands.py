"""doit's words as a user types them, in a small project that boots: what they print, what they write, how they end."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Tool
from tests.small import Roots, Small


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, repository: Path, roots: Roots, built_small: Small) -> Small:
    """A built project for tests that leave its sources as they are."""
    return built_small.copy(tmp_path_factory.mktemp("commands") / "small", repository, roots)


def on_terminal(small: Small, *arguments: str, **environment: str) -> str:
    """Run doit with a terminal for its standard error; return what the terminal got."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "doit", *arguments],
        cwd=small.root,
        env=small.environment(**environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=follower,
    )
    os.close(follower)
    said = b""
    try:
        while data := os.read(leader, 1 << 16):
            said += data
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(leader)
        process.wait(60)
    return said.decode()


# image, build, compile_commands.json


def test_image_prints_where_and_what(copy: Small) -> None:
    """One line an image on standard output, what was done on standard error, programs beside the image."""
    done = copy.doit("image")
    digest = copy.build().output("small.img").digest.hash
    assert (done.code, done.out) == (0, f"build/small.img  {digest}\n")
    assert done.err.startswith("11 actions: 0 run, 11 hit, ")
    assert {path.name for path in (copy.root / "build").iterdir()} == {
        *("small.img", "kernel.elf", "layout.h", "layout.inc", ".snapshot"),
    }


def test_plain_lines_tell_what_ran_and_why(small: Small) -> None:
    """Not on a terminal there is a line for each execution with its cause, and no control character."""
    done = small.doit("build", "greeting.txt", "library.a")
    lines = done.err.splitlines()
    assert sorted(lines[:-1]) == [
        "       c  src/library/thrice.c.o  (it was never built)",
        "       c  src/library/twice.c.o  (it was never built)",
        " archive  library.a  (it was never built)",
        " command  greeting.txt  (it was never built)",
    ]
    assert lines[-1].startswith("4 actions: 4 run, 0 hit, ")
    assert "\033" not in done.err + done.out
    assert [line.split()[0] for line in done.out.splitlines()] == ["build/greeting.txt", "build/library.a"]


def test_a_warning_of_a_tool_is_shown(copy: Small) -> None:
    """What a compiler says although it succeeds is not lost."""
    copy.edit("src/other.c", "int other = 3;", "static int unused;\nint other = 3;")
    done = copy.doit("image")
    assert done.code == 0
    assert "src/other.c:1:12: warning: unused variable 'unused'" in done.err


def test_a_build_by_name_takes_recipes_and_outputs(shared: Small) -> None:
    """A target may be a recipe or one of its outputs; an unknown one is told with the nearest."""
    assert shared.doit("build", "layout").out.count("build/layout.") == 2
    done = shared.doit("build", "kernel.elv")
    assert done.code == 2
    assert "error: no recipe has this name\n  wanted   kernel.elv\n  nearest  kernel.elf\n" in done.err


def test_the_compilation_database_compiles(copy: Small, tool: Tool) -> None:
    """Each entry of compile_commands.json, run in the project's folder, finds its source and all its headers."""
    copy.doit("image")
    entries = json.loads((copy.root / "compile_commands.json").read_text())
    assert [entry["file"] for entry in entries] == [
        *("src/library/thrice.c", "src/library/twice.c", "src/other.c", "src/start.c"),
    ]
    for entry in entries:
        assert Path(entry["directory"]) == copy.root
        done = tool(*entry["arguments"], "-fsyntax-only", cwd=Path(entry["directory"]))
        assert done.returncode == 0, done.stderr


# exit codes


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("image",), 0, ""),
        (("build", "nothing.of.this.name"), 2, "error: no recipe has this name"),
        (("build", "kernel.raw", "--jobs", "-1"), 2, "error: there must be at least one job"),
        (("build", "kernel.raw", "--nothing"), 2, "error: this command line cannot be read"),
        (
            ("image", "--nothing"),
            2,
            "error: this command line cannot be read\n"
            "  why      option --nothing not recognized\n  options  --jobs, --keep-going, --trace\n",
        ),
        (("--image", "demo"), 2, "  options  --name, --args, --interactive, --screenshot, --disk\n"),
        (("why", "--jsn"), 2, "  options  --between, --json\n"),
        (("cache", "gc", "--dri"), 2, "  why      option --dri not recognized\n"),
        (("list", "--nothing"), 3, "ERROR"),
        (("nothing",), 3, "ERROR"),
        (("why",), 2, "error: "),
        (("why", "nothing"), 2, "error: no build on record has this target"),
        (("replay",), 2, "error: replay takes one digest or target"),
        (("replay", "nothing"), 2, "error: no execution of this is in the store"),
        (("info", "nothing"), 2, "error: no recipe has this name"),
        (("info", "greeting.txt"), 2, "error: "),
        (("run", "--name", "dem"), 2, "error: no run has this name\n  wanted   dem\n  nearest  demo"),
        (("bench", "--compare", "nothing.json"), 2, "error: a file cannot be read"),
        (("bench", "--native"), 2, "error: this run has no twin"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_exit_codes(shared: Small, arguments: tuple[str, ...], code: int, says: str) -> None:
    """0 done, 1 failed, 2 could not be tried, 3 a line that is doit's own; never a traceback."""
    done = shared.doit(*arguments)
    assert done.code == code, done
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_failed_build_ends_with_1(copy: Small) -> None:
    """A compile error is what was asked for and failed; also with --keep-going, which builds the rest."""
    copy.edit("src/start.c", "return", "retrun")
    copy.edit("src/words.txt", "hello", "good day")
    done = copy.doit("image", "--keep-going")
    assert done.code == 1
    assert "  failed  src/start.c.o\n" in done.err
    assert " command  greeting.txt  (input src/words.txt changed)\n" in done.err
    assert done.err.count("error: an action failed\n") == 1
    assert copy.doit("image").code == 1
    assert "error: an action failed" in done.err
    assert done.out == ""


# why, replay, info


def test_why_tells_what_changed(copy: Small) -> None:
    """After a change the target ran, with the old and the new digest of the source; before, it came from the store."""
    copy.doit("image")
    assert "from the store" in copy.doit("why", "small.img").out
    old = copy.open().files.file(copy.open().graph.file("src/start.c")).digest.short
    copy.edit("src/start.c", "return", "return 1 +")
    new = copy.open().files.file(copy.open().graph.file("src/start.c")).digest.short
    copy.doit("image")
    told = copy.doit("why", "kernel.elf")
    assert told.code == 0
    assert "src/start.c" in told.out
    assert f"{old} -> {new}" in told.out
    assert "recipes/small.py:" in told.out


def test_replay_shows_a_failing_action_again(copy: Small) -> None:
    """The line that the error names runs the command once more, in the same sandbox, with its output; exit 1."""
    copy.edit("src/start.c", "return", "retrun")
    failed = copy.doit("image")
    [line] = [line for line in failed.err.splitlines() if line.startswith("  replay")]
    done = copy.doit(*line.split()[2:])
    assert done.code == 1
    assert "error: use of undeclared identifier 'retrun'" in done.err
    folder = copy.root / done.err.rsplit("inputs and outputs are in ", 1)[1].strip()
    source = folder / "in/src/start.c"
    assert "retrun" in source.read_text()
    source.write_text("people may change it: it is a copy")
    copy.edit("src/start.c", "retrun", "return")
    assert copy.doit("image").code == 0


def test_replay_makes_what_the_action_made(shared: Small) -> None:
    """A replay of a good action leaves the very bytes that the store has, and records nothing."""
    before = len(shared.traces())
    done = shared.doit("replay", "kernel.elf")
    assert done.code == 0
    folder = shared.root / done.err.rsplit("inputs and outputs are in ", 1)[1].strip()
    right = shared.build().output("kernel.elf").digest
    assert (folder / "out/kernel.elf").read_bytes() == shared.store.cas.get_bytes(right)
    assert len(shared.traces()) == before


def test_info_says_what_llvm_says(shared: Small, tool: Tool) -> None:
    """Sizes by section and by symbol, equal to those of another reader of ELF."""
    found = json.loads(shared.doit("info", "--json").out)["kernel.elf"]
    elf = str(shared.root / "build/kernel.elf")
    rows = [line.split() for line in tool("llvm-nm", "--print-size", "--radix=d", elf).stdout.splitlines()]
    assert found["symbols"] == {row[3]: int(row[1]) for row in rows if len(row) == 4 and row[2] != "A"}
    table = [line.split() for line in tool("llvm-size", "-A", elf).stdout.splitlines()]
    sizes = {row[0]: int(row[1]) for row in table if len(row) == 3 and row[1].isdigit()}
    assert found["sections"].items() <= sizes.items()
    assert {".text", ".data"} <= found["sections"].keys()
    text = shared.doit("info", "kernel.elf", "--symbols", "1").out
    assert f"{sum(found['sections'].values()):>9}  in all" in text
    assert "the largest 1 of" in text


# run, bench


def test_run_boots_and_shows_what_the_guest_says(shared: Small) -> None:
    """The guest's lines on standard output, without records for machines; the verdict on standard error; exit 0.

    A plain `doit` means the same.
    """
    for words in (("run",), ()):
        done = shared.doit(*words)
        assert (done.code, done.out) == (0, "hello from the small guest\n"), done.err
        assert "demo: ok, " in done.err


def test_a_guest_that_fails_is_a_failure(copy: Small) -> None:
    """Another exit status than success ends with 1 and says what the guest did."""
    copy.edit("src/boot.asm", "mov al, 0x10", "mov al, 0x11")
    done = copy.doit("run")
    assert done.code == 1
    assert "error: the app reported a failure" in done.err
    assert "hello from the small guest" in done.err


def test_bench_is_the_same_each_time(shared: Small) -> None:
    """Two runs write equal JSON, which compares as equal, and equal pages; the tables show what was measured."""
    first = shared.doit("bench", "--json", "one.json")
    second = shared.doit("bench", "--json", "two.json", "--compare", "one.json", "--html", "two.html")
    assert (first.code, second.code) == (0, 0), first.err + second.err
    one, two = ((shared.root / name).read_text() for name in ("one.json", "two.json"))
    assert one == two
    assert (shared.root / "build/bench.html").read_text() == (shared.root / "two.html").read_text()
    assert first.out.endswith("\nbuild/bench.html\n")
    [run] = json.loads(one)["runs"]
    [measured] = run["boots"]
    assert measured["init_cycles"] > 0
    assert f"{measured['init_cycles']:,}" in first.out
    assert {"name": "boot", "bytes": 512} in run["sizes"]


def test_bench_compares_with_an_older_run(copy: Small) -> None:
    """A guest that does more before its app shows the difference; a file that is no benchmark is refused."""
    assert copy.doit("bench", "--json", "old.json").code == 0
    copy.edit("src/boot.asm", "sub eax, ebx\n", "sub eax, ebx\n        add eax, 7\n")
    done = copy.doit("bench", "--compare", "old.json", "--json", "new.json")
    assert done.code == 0
    old, new = (
        json.loads((copy.root / name).read_text())["runs"][0]["boots"][0]["init_cycles"]
        for name in ("old.json", "new.json")
    )
    assert new == old + 7
    assert "+7" in done.out
    (copy.root / "old.json").write_text("{}")
    refused = copy.doit("bench", "--compare", "old.json")
    assert refused.code == 1
    assert "error: this file is no benchmark" in refused.err


# terminals


@pytest.mark.parametrize(
    ("environment", "live", "colour"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, True),
    ],
    ids=["colour", "NO_COLOR", "dumb"],
)
def test_a_terminal_gets_a_live_display(copy: Small, environment: dict[str, str], live: bool, colour: bool) -> None:
    """A bar that moves and goes, and red errors, where the terminal can and the user wants; always all the lines."""
    copy.edit("src/words.txt", "hello", "good day")
    copy.edit("src/start.c", "return", "retrun")
    said = on_terminal(copy, "image", "--keep-going", **environment)
    assert "command  greeting.txt  (input src/words.txt changed)" in said
    assert "error: an action failed" in said
    assert ("\033[?25l" in said) is live, "a live display hides the cursor"
    if live:
        assert said.rindex("\033[?25h") > said.rindex("\033[?25l"), "and shows it again"
    assert ("\033[1;31m" in said) is colour


def test_a_reader_that_leaves_is_no_error(shared: Small) -> None:
    """Piped into `head`, a command ends quietly."""
    script = f"{sys.executable} -m doit why small.img | true"
    done = subprocess.run(
        ["sh", "-c", script], cwd=shared.root, env=shared.environment(), capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
