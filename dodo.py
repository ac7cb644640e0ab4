"""What doit shows of BareFlow: the tasks that bfbuild gives every project, and the tests of this one."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bfbuild.commands.tasks import DOIT, project_tasks

DOIT_CONFIG = DOIT
ROOT = Path(__file__).parent


def task_project() -> Iterator[dict[str, Any]]:
    """Image, run, bench, debug and build, from recipes/."""
    yield from project_tasks(ROOT)


def task_gate() -> dict[str, Any]:
    """Check format, lint and types, of Python and of C."""
    tools = [[sys.executable, "-m", *words] for words in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"])]
    return {"actions": [*tools, [sys.executable, "-m", "pytest", "-q", "tests/gate"]], "verbosity": 2}


def task_test() -> dict[str, Any]:
    """Pass the gate, then every test: as many files at once as there are processors."""
    everything = [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "loadfile"]
    return {"actions": [everything], "task_dep": ["gate"], "verbosity": 2}
