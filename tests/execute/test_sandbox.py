"""The sandbox and its executor: what a level promises, limits, ends, and outputs that are taken or refused."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bfbuild.action.action import Action, InputFile, Request, Tree, make_action
from bfbuild.commands.project import Project
from bfbuild.digest import Digest
from bfbuild.errors import ActionError, Location
from bfbuild.execute.outcome import Outcome
from bfbuild.execute.sandbox import Bind, Sandbox, SandboxExecutor
from bfbuild.recipe.model import Toolchain
from bfbuild.store import Store

Run = Callable[..., Outcome]


@pytest.fixture(params=["bubblewrap", "proot"])
def level(request: pytest.FixtureRequest, sandbox: Sandbox) -> str:
    """Each level in turn; this machine may lack the better one."""
    if request.param == "bubblewrap" and sandbox.level != "bubblewrap":
        pytest.skip("this machine has no user namespaces")
    return str(request.param)


@pytest.fixture
def executor(level: str, sandbox: Sandbox, tmp_path: Path) -> SandboxExecutor:
    """An executor with a store of its own."""
    own = Sandbox(sandbox.tools, level)  # type: ignore[arg-type]
    return SandboxExecutor(Store(tmp_path / "cache"), own, timeout=20, memory=4 << 30)


@pytest.fixture
def run(executor: SandboxExecutor, project: Project, toolchain: Callable[[str], Path]) -> Run:
    """Run a Python script in the compiler's toolchain, with inputs by content."""
    recipe = project.graph.find("llvm")
    assert isinstance(recipe, Toolchain)
    root = toolchain("llvm")
    tree: Tree = project.toolchains.plan(recipe)

    def run(script: str, *outputs: str, **inputs: bytes) -> Outcome:
        action = make(
            tree, script, outputs, {name: executor.store.cas.put_bytes(data) for name, data in inputs.items()}
        )
        return executor.execute(action, lambda: root)

    return run


def make(tree: Tree, script: str, outputs: tuple[str, ...], inputs: dict[str, Digest]) -> Action:
    """Return an action that runs a script."""
    request = Request(
        label="test",
        kind="command",
        location=Location(Path("recipes/a.py"), 1),
        argv=("python3", "-S", "-c", script),
        inputs={name: InputFile(digest) for name, digest in inputs.items()},
        outputs=outputs,
        path=("/usr/bin",),
    )
    return make_action(request, tree, 0)


def text(executor: SandboxExecutor, digest: Digest) -> str:
    """Return what was printed."""
    return executor.store.cas.get_bytes(digest).decode()


def test_outputs_and_words_are_kept(run: Run, executor: SandboxExecutor, level: str) -> None:
    """What a tool makes and prints is in the store, with modes, times and sizes measured, and its level named."""
    outcome = run(
        "import os, sys\nopen('out/deep/a', 'w').write(open('in.txt').read() * 2)\n"
        "open('out/tool', 'w').write('#!')\nos.chmod('out/tool', 0o755)\n"
        "print('said')\nprint('complained', file=sys.stderr)\n",
        "deep/a",
        "tool",
        **{"in.txt": b"content "},
    )
    assert (outcome.exit_code, outcome.missing, outcome.limit, outcome.level) == (0, (), None, level)
    assert {name: (text(executor, made.digest), made.executable) for name, made in outcome.outputs.items()} == {
        "deep/a": ("content content ", False),
        "tool": ("#!", True),
    }
    assert (text(executor, outcome.stdout), text(executor, outcome.stderr)) == ("said\n", "complained\n")
    assert outcome.wall > 0
    assert (outcome.user_time or 0) + (outcome.system_time or 0) > 0
    assert (outcome.max_rss or 0) > 1 << 20
    assert list((executor.store.path / "tmp").iterdir()) == []


def test_an_exit_code_is_the_tools(run: Run) -> None:
    """Failure is an outcome, not an exception; a signal is one too."""
    assert run("raise SystemExit(7)").exit_code == 7
    assert run("import os; os.kill(os.getpid(), 9)").exit_code in (-9, 137, 255)


@pytest.mark.parametrize(
    "script",
    [
        "pass",
        "import os; os.mkdir('out/a')",
        "import os; os.symlink('/etc/hostname', 'out/a')",
        "import os; os.symlink('../in.txt', 'out/a')",
    ],
    ids=["nothing", "a folder", "a link outside", "a link to an input"],
)
def test_what_is_no_file_of_its_own_is_no_output(run: Run, script: str) -> None:
    """An output must be a plain file that the action made: nothing is followed out of its folder."""
    outcome = run(script, "a", **{"in.txt": b"content"})
    assert (outcome.exit_code, outcome.outputs, outcome.missing) == (0, {}, ("a",))


def test_a_link_in_place_of_a_folder_is_not_followed(run: Run) -> None:
    """Also a folder on the way to an output may not be a link."""
    outcome = run("import os; os.rmdir('out/deep'); os.symlink('/usr/bin', 'out/deep')", "deep/python3")
    assert (outcome.outputs, outcome.missing) == ({}, ("deep/python3",))


def test_inputs_in_the_store_cannot_be_harmed(run: Run, executor: SandboxExecutor) -> None:
    """A tool that tries to change its input changes at most its own copy."""
    script = "import os\ntry:\n os.chmod('in.txt', 0o777)\n open('in.txt', 'w').write('harm')\nexcept OSError: pass\n"
    run(script, **{"in.txt": b"content"})
    digest = executor.store.cas.put_bytes(b"content")
    assert executor.store.cas.get_bytes(digest) == b"content"
    assert executor.store.cas.path_of(digest).stat().st_mode & 0o777 == 0o444


def test_time_is_limited(run: Run, executor: SandboxExecutor) -> None:
    """What runs too long is ended with all it started, soon, and the limit is named."""
    executor.timeout = 1
    began = time.monotonic()
    outcome = run(
        "import subprocess, time\nsubprocess.Popen(['python3', '-c', 'import time; time.sleep(99)'])\ntime.sleep(99)"
    )
    assert outcome.limit == "it ran longer than 1 s"
    assert outcome.exit_code != 0
    assert time.monotonic() - began < 10
    assert not leftovers(executor)


def test_memory_is_limited(run: Run, executor: SandboxExecutor) -> None:
    """A tool that wants more than it may have fails by its own means."""
    executor.memory = 512 << 20
    outcome = run("bytes(1 << 30)")
    assert outcome.exit_code == 1
    assert "MemoryError" in text(executor, outcome.stderr)


def leftovers(executor: SandboxExecutor) -> list[str]:
    """Return the command lines of processes that have to do with an executor's store."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(executor.store.path) in line:
                found.append(line)
    return found


def test_what_was_started_and_left_is_ended(run: Run, executor: SandboxExecutor, level: str) -> None:
    """A process that an action leaves behind does not outlive it; proot waits for it as long as an action may take."""
    executor.timeout = 2
    outcome = run("import subprocess\nsubprocess.Popen(['python3', '-S', '-c', 'import time; time.sleep(99)'])\n")
    assert (outcome.limit is None) is (level == "bubblewrap")
    assert not leftovers(executor)


def test_cancel_ends_what_runs_and_refuses_more(run: Run, executor: SandboxExecutor) -> None:
    """After it nothing runs, what ran has no outcome, and nothing is started."""
    threading.Timer(0.5, executor.cancel).start()
    began = time.monotonic()
    with pytest.raises(ActionError, match="the build was stopped"):
        run("import time; time.sleep(99)")
    assert time.monotonic() - began < 10
    with pytest.raises(ActionError, match="the build was stopped"):
        run("pass")
    assert not leftovers(executor)
    assert list((executor.store.path / "tmp").iterdir()) == []


def test_a_command_line_that_is_too_long_is_told(run: Run) -> None:
    """What the kernel refuses to start is an error of the action, with the kernel's reason."""
    with pytest.raises(ActionError, match="cannot be started") as problem:
        run("#" + "x" * (200 << 10))
    assert problem.value.facts == [("recipe", "test"), ("why", "Argument list too long")]


def test_a_bind_is_seen_where_it_was_put(
    executor: SandboxExecutor, toolchain: Callable[[str], Path], tmp_path: Path
) -> None:
    """A host folder appears at its target, writable where that was asked for."""
    (tmp_path / "given").mkdir()
    argv = executor.sandbox.wrap(
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
