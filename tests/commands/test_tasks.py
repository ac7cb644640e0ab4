"""The tasks that doit sees: all there, described, cheap to list, with doit's notes kept nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from doit.cmd_base import ModuleTaskLoader

from bfbuild.commands import doit_run
from bfbuild.commands.tasks import DOIT, project_tasks
from tests.small import DODO, Small


def test_the_tasks_of_a_project(tmp_path: Path) -> None:
    """Each task has a name, a sentence and its options; listing them touches nothing."""
    tasks = {task["basename"]: task for task in project_tasks(tmp_path)}
    assert set(tasks) == {"image", "image:warm", "optimize", "build", "run", "bench", "debug"}
    assert all(task["doc"] and task["verbosity"] == 2 for task in tasks.values())
    assert {name: [param["long"] for param in task["params"]] for name, task in tasks.items()} == {
        "image": ["jobs", "keep-going", "trace"],
        "image:warm": ["jobs", "keep-going", "trace"],
        "optimize": ["jobs", "keep-going"],
        "build": ["jobs", "keep-going", "trace"],
        "run": ["name", "args", "interactive", "screenshot", "disk"],
        "bench": ["name", "native", "json", "compare", "html"],
        "debug": ["name", "port"],
    }
    assert list(tmp_path.iterdir()) == []


def test_listing_reads_no_recipe(tmp_path: Path) -> None:
    """`doit list` works in a project whose recipes and configuration are wrong, and leaves nothing behind."""
    (tmp_path / "dodo.py").write_text(DODO)
    (tmp_path / "bareflow.toml").write_text("nonsense")
    done = subprocess.run(
        [sys.executable, "-B", "-m", "doit", "list"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert rows["image"] == "build the disk images"
    assert {path.name for path in tmp_path.iterdir()} == {"dodo.py", "bareflow.toml"}


def test_doit_keeps_no_notes() -> None:
    """What doit would write about a run goes nowhere, and it remembers nothing."""
    codec = DOIT["codec_cls"]()  # type: ignore[operator]
    assert codec.encode({"image": {"result:": "x"}}) == ""
    assert codec.decode("anything") == {}
    assert DOIT["dep_file"] == "/dev/null"


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ([], []),
        (["image"], ["image"]),
        (["--name", "demo"], ["run", "--name", "demo"]),
        (["--screenshot=x.png"], ["run", "--screenshot=x.png"]),
        (["-i"], ["run", "-i"]),
        (["--disk", "my.img"], ["run", "--disk", "my.img"]),
        (["--prompt", "hello"], ["run", "--prompt", "hello"]),
        (["--verbosity", "2", "image"], ["--verbosity", "2", "image"]),
        (["--verb", "2", "image"], ["--verb", "2", "image"]),
        (["-n2", "image"], ["-n2", "image"]),
    ],
)
def test_run_with_options_of_the_boot_means_the_boot(
    monkeypatch: pytest.MonkeyPatch, typed: list[str], means: list[str]
) -> None:
    """`doit run` is doit's own command; with options behind it that are not doit's, it means our task."""
    seen: list[list[str]] = []
    monkeypatch.setattr("doit.cmd_run.Run.parse_execute", lambda _, words: seen.append(words))
    doit_run.Run(task_loader=ModuleTaskLoader({})).parse_execute(typed)
    assert seen == [means]


def test_options_may_stand_behind_names(copy: Small) -> None:
    """For doit a line's options end at the first name; for a user the order does not matter."""
    copy.edit("src/start.c", "return", "retrun")
    copy.edit("src/words.txt", "hello", "good day")
    done = copy.doit("build", "small.img", "--keep-going", "-j", "1", "kernel.raw")
    assert done.code == 1
    assert "command  greeting.txt" in done.err
