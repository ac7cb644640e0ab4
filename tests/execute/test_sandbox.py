"""The sandbox, apart from what every executor promises (test_contract.py): memory, binds, machines where none works."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bfbuild.errors import ActionError
from bfbuild.execute.sandbox import Bind, Sandbox, SandboxExecutor
from tests.execute.conftest import Place


@pytest.mark.parametrize("place", ["bubblewrap", "proot"], indirect=True)
def test_memory_is_limited(place: Place) -> None:
    """A tool that wants more than it may have fails by its own means."""
    assert isinstance(place.executor, SandboxExecutor)
    place.executor.memory = 512 << 20
    outcome = place.run("bytes(1 << 30)")
    assert outcome.exit_code == 1
    assert "MemoryError" in place.text(outcome.stderr)


@pytest.mark.parametrize("place", ["bubblewrap", "proot"], indirect=True)
def test_a_bind_is_seen_where_it_was_put(place: Place, toolchain: Callable[[str], Path], tmp_path: Path) -> None:
    """A host folder appears at its target, writable where that was asked for."""
    assert isinstance(place.executor, SandboxExecutor)
    (tmp_path / "given").mkdir()
    argv = place.executor.sandbox.wrap(
        ["python3", "-S", "-c", "open('/work/made', 'w').write('yes')"],
        [Bind(tmp_path / "given", "/work", writable=True)],
        toolchain("llvm"),
        "/work",
    )
    subprocess.run(argv, env={"PATH": "/usr/bin", "PYTHONDONTWRITEBYTECODE": "1"}, check=True, timeout=60)
    assert (tmp_path / "given/made").read_text() == "yes"


def test_a_machine_where_no_sandbox_works_is_told(tmp_path: Path) -> None:
    """What each level said, and what may help."""
    tools = tmp_path / "usr/lib/x86_64-linux-gnu"
    tools.mkdir(parents=True)
    loader = tools / "ld-linux-x86-64.so.2"
    loader.write_text("#!/bin/sh\necho not allowed here >&2\nexit 1\n")
    loader.chmod(0o755)
    with pytest.raises(ActionError, match="no sandbox works") as problem:
        _ = Sandbox(tmp_path).level
    assert problem.value.facts == [("bubblewrap", "not allowed here"), ("proot", "not allowed here")]
    assert "user namespaces" in str(problem.value.hint)
