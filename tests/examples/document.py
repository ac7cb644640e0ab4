"""A walk-through as a script: the files that a document shows, and the commands it says to type, in order.

A file is a line that holds nothing but its path, in bold code (**`path`**), and the fenced block below it. Commands are
the lines that start with `$ ` in a block fenced as `console`; the lines below each are what it prints. Other blocks are
for reading. A printed line `...` stands for any lines.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"^(?:\*\*`(?P<path>[^`\n]+)`\*\*\n\n)?```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
MARK = "\x1e"
TIMEOUT_S = 300.0

# What differs from one machine, or one second, to the next.
VARYING = (
    (r"\b[0-9a-f]{12,64}\b", "DIGEST"),
    (r"\b\d+\.\d+ (m?s|min)\b", "TIME"),
    (r"\d{4}-\d\d-\d\d [\d:]{8}", "DATE"),
)


@dataclass(frozen=True)
class File:
    """A file that is shown in full."""

    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command that is to be typed, and the lines that it is said to print."""

    line: str
    printed: tuple[str, ...]


Step = File | Command


def steps(document: str) -> Iterator[Step]:
    """Yield what a document shows, in order."""
    for block in BLOCK.finditer(document):
        if block["path"]:
            yield File(block["path"], block["text"])
        elif block["kind"] == "console":
            for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
                line, *printed = part.splitlines()
                yield Command(line, tuple(printed))


def run(walk: Sequence[Step], folder: Path, environment: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Do all of it in one shell that starts in `folder`; return what each command printed, on either stream."""
    script = "\n".join(_typed(step) for step in walk)
    ended = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**environment, "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    return [tuple(part.splitlines()) for part in ended.stdout.split(MARK)[1:]]


def _typed(step: Step) -> str:
    if isinstance(step, Command):
        return f"printf '{MARK}'\n{step.line}"
    return f"mkdir -p $(dirname {step.path})\ncat >{step.path} <<'{MARK}'\n{step.text}{MARK}"


def differences(promised: Sequence[str], printed: Sequence[str]) -> list[str]:
    """Return the lines that only one side has, marked - and +; actions that run at once may be told in any order."""
    said, heard = sorted(map(plain, promised)), sorted(map(plain, printed))
    missing = [f"- {line}" for line in said if line != "..." and said.count(line) > heard.count(line)]
    more = [] if "..." in said else [f"+ {line}" for line in heard if heard.count(line) > said.count(line)]
    return missing + more


def plain(line: str) -> str:
    """Return a line without what varies."""
    for pattern, word in VARYING:
        line = re.sub(pattern, word, line)
    return line.rstrip()
