"""Tab in a shell: commands, words, targets and builds, as bash and zsh really complete them."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bfbuild.commands.cache import WORDS
from bfbuild.commands.complete import COMMANDS, complete
from tests.small import ACTIONS, Roots, Small

PROGRAMS = str(Path(sys.executable).parent)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, repository: Path, roots: Roots, built_small: Small) -> Small:
    """A built project with a task of its own."""
    small = built_small.copy(tmp_path_factory.mktemp("completion") / "small", repository, roots)
    dodo = small.root / "dodo.py"
    dodo.write_text(f'{dodo.read_text()}\n\ndef task_flash():\n    return {{"actions": ["true"]}}\n')
    for shell in ("bash", "zsh"):
        done = small.doit("tabcompletion", "--shell", shell)
        assert done.code == 0
        (small.root / f"complete.{shell}").write_text(done.out)
    return small


def completed(small: Small, *words: str) -> list[str]:
    """Return what bash offers for the last of the words, by the script."""
    line = " ".join(f"'{word}'" for word in ("doit", *words))
    script = (
        f"source complete.bash; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _bareflow;"
        ' (( ${#COMPREPLY[@]} )) && printf "%s\\n" "${COMPREPLY[@]}"; true'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=small.root,
        env={**small.environment(), "PATH": f"{PROGRAMS}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def typed(small: Small, argv: list[str], line: str, wanted: str, **environment: str) -> str:
    """Type a line and Tab into an interactive shell; return what it showed by the time `wanted` came, or too late."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        argv,
        cwd=small.root,
        env={**small.environment(), "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "TERM": "dumb", **environment},
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    shown = ""
    deadline = time.monotonic() + 60
    os.write(leader, line.encode())
    try:
        while wanted not in shown and time.monotonic() < deadline:
            if select.select([leader], [], [], 1)[0]:
                shown += os.read(leader, 4096).decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    return shown


def test_every_command_is_offered(shared: Small) -> None:
    """The table has all that `doit help` lists and all tasks, also those of the user's dodo.py."""
    commands = set(re.findall(r"^  \S+ ([a-z-]+) ", shared.doit("help").out, re.MULTILINE))
    tasks = {line.split()[0] for line in shared.doit("list").out.splitlines()}
    assert set(completed(shared, "")) == commands | tasks
    assert tasks - COMMANDS.keys() == {"flash"}


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        (("wh",), ["where", "why"]),
        (("why", "kernel."), ["kernel.elf", "kernel.raw"]),
        (("why", ""), sorted(ACTIONS)),
        (("image", ""), ["small.img"]),
        (("where", "s"), ["small.img"]),
        (("cache", ""), sorted({word.split()[0] for word in WORDS})),
        (("cache", "ir", ""), ["diff", "ls", "show", "validate"]),
        (("cache", "show", "boot"), ["boot.bin"]),
        (("cache", "diff", "kernel.elf", "lib"), ["library.a"]),
        (("why", "--between", "pre"), ["previous"]),
        (("why", "--between", "previous", "la"), ["last"]),
        (("why", "--"), ["--between", "--json"]),
        (("build", "--k"), ["--keep-going"]),
        (("graph", "--format", ""), ["dot", "mermaid", "svg"]),
        (("run", "fl"), ["flash"]),
        (("report", "--trace", ""), []),  # a file: the shell's own business
        (("nothing", ""), []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_words_of_a_line(shared: Small, words: tuple[str, ...], offers: list[str]) -> None:
    """What may come next, from the records of the last builds."""
    assert completed(shared, *words) == offers


def test_no_recipe_is_loaded(shared: Small) -> None:
    """A project whose recipes are broken completes all the same, and so does a folder that is no project."""
    recipe = shared.root / "recipes/small.py"
    text = recipe.read_text()
    try:
        recipe.write_text("broken(")
        assert completed(shared, "why", "kernel.e") == ["kernel.elf"]
    finally:
        recipe.write_text(text)
    assert complete(["why", ""], Path("/")) == []


def test_tab_in_bash(shared: Small) -> None:
    """Typed into bash itself, a target is completed to its end."""
    shown = typed(shared, ["bash", "--norc", "-i"], "source complete.bash\ndoit why kernel.e\t", "kernel.elf")
    assert "doit why kernel.elf" in shown


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_tab_in_zsh(shared: Small) -> None:
    """The same in zsh, whose script is another."""
    start = "autoload -Uz compinit; compinit -u -D; source complete.zsh\n"
    shown = typed(shared, ["zsh", "-f", "-i"], f"{start}doit why kernel.e\t", "kernel.elf")
    assert "kernel.elf" in shown


def test_other_shells_are_refused(shared: Small) -> None:
    """With what there is; exit 2."""
    done = shared.doit("tabcompletion", "--shell", "fish")
    assert done.code == 2
    assert "error: there is no script for this shell" in done.err
