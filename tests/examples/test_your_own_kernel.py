"""docs/your-own-kernel.md: what it says to type works, and prints what it shows; it ends at examples/hello-kernel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bfbuild.store import Store
from tests.examples.document import Command, File, Step, differences, run, steps
from tests.small import Roots

OWN = {
    "bareflow.toml",
    "README.md",
    ".gitignore",
}  # the example lives in this repository, the reader's project does not


@pytest.fixture(scope="module")
def walk(repository: Path) -> list[Step]:
    """The document's steps."""
    return list(steps((repository / "docs" / "your-own-kernel.md").read_text(encoding="utf-8")))


def test_the_document_makes_the_example(walk: list[Step], repository: Path) -> None:
    """Each file of the example stands in the document, to the letter, and no other."""
    example = repository / "examples" / "hello-kernel"
    shown = {step.path: step.text for step in walk if isinstance(step, File)}
    sources = [
        *example.glob("*.py"),
        *(path for name in ("recipes", "src", "tools") for path in example.glob(f"{name}/*.*")),
    ]
    wanted = {path.relative_to(example).as_posix(): path.read_text(encoding="utf-8") for path in sources}
    assert {path: text for path, text in shown.items() if path not in OWN} == wanted


def test_the_document_works(
    walk: list[Step], repository: Path, roots: Roots, offline: Mapping[str, str], tmp_path: Path
) -> None:
    """From an empty folder, with an installed bfbuild, every command prints what the document shows below it."""
    (tmp_path / "bareflow").symlink_to(repository)
    roots.lend(Store(tmp_path / "store"))
    printed = run(walk, tmp_path, {**offline, "BAREFLOW_CACHE": str(tmp_path / "store")})
    commands = [step for step in walk if isinstance(step, Command)]
    assert len(printed) == len(commands), printed[-1]
    wrong = [
        "\n".join([f"$ {command.line}", *lines])
        for command, actual in zip(commands, printed, strict=True)
        if (lines := differences(command.printed, [line.replace(str(tmp_path), "/home/you") for line in actual]))
    ]
    assert "\n".join(wrong) == ""
