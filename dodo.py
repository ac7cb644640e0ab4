"""What doit shows of BareFlow: the tasks that bfbuild gives every project, and the tests of this one."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bfbuild.commands.tasks import DOIT, command_task, project_tasks, text_option

DOIT_CONFIG = DOIT
ROOT = Path(__file__).parent


def task_project() -> Iterator[dict[str, Any]]:
    """Image, run, bench, debug and build, from recipes/."""
    yield from project_tasks(ROOT)


def chat(root: Path, prompt: str) -> int:
    """Boot the chat program, with code for its processor if it is known: to answer, or to talk in this terminal."""
    from bfbuild.commands.boot import run  # noqa: PLC0415  (a listing of tasks needs none of it)

    args = f"ask {prompt}" if prompt else "talk"
    name = "chat-warm" if (root / "src/app/chat/profile.json").is_file() else "chat"
    return run(root, name, interactive=not prompt, screenshot="", disk="", args=args)


def task_chat() -> Iterator[dict[str, Any]]:
    """Talk with a language model on bare metal; Ctrl-A X leaves."""
    prompt = text_option("prompt", "QUESTION", "answer this, and exit")
    yield command_task("chat", ROOT, chat, [prompt], "talk with a language model on bare metal (leave with Ctrl-A X)")


def task_gate() -> dict[str, Any]:
    """Check format, lint and types, of Python and of C."""
    tools = [[sys.executable, "-m", *words] for words in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"])]
    return {"actions": [*tools, [sys.executable, "-m", "pytest", "-q", "tests/gate"]], "verbosity": 2}


def task_test() -> dict[str, Any]:
    """Pass the gate, then every test: as many files at once as there are processors."""
    everything = [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "loadfile"]
    return {"actions": [everything], "task_dep": ["gate"], "verbosity": 2}
