"""A small store with one finished action, known to the last byte."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bfbuild.digest import ActionDigest, Digest, canonical
from bfbuild.protos.remote_execution_pb2 import Action, ActionResult, Command, Directory
from bfbuild.store import Store
from bfbuild.store.trace import Cause, Reason, Trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STARTED = 1_795_477_026_031_690_227


class Sample(NamedTuple):
    """A store and the digests of what is in it."""

    store: Store
    source: Digest
    tools: Digest
    work: Digest
    root: Digest
    command: Digest
    action: ActionDigest
    output: Digest


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sample]:
    """Give a store in which `demo/a.o` was compiled once, in a project that is the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BAREFLOW_CACHE", raising=False)
    monkeypatch.setenv("TZ", "UTC0")
    time.tzset()
    (tmp_path / "bareflow.toml").write_text("")
    store = Store(tmp_path / "cache")
    with store.cas.batch() as batch:
        source = batch.put_bytes(b"int main(void){return 0;}\n")
        output = batch.put_bytes(b"\x7fELF" + bytes(2000))
        empty = batch.put_bytes(b"")
        folder = Directory()
        folder.files.add(name="a.c", digest=source.to_message())
        folder.symlinks.add(name="b.c", target="a.c")
        inner = batch.put_bytes(canonical(folder))
        folder = Directory()
        folder.files.add(name="run.sh", digest=source.to_message(), is_executable=True)
        folder.directories.add(name="src", digest=inner.to_message())
        work = batch.put_bytes(canonical(folder))
        folder = Directory()
        folder.directories.add(name="lib", digest=work.to_message())
        tools = batch.put_bytes(canonical(folder))
        folder = Directory()
        folder.directories.add(name="usr", digest=tools.to_message())
        folder.directories.add(name="work", digest=work.to_message())
        root = batch.put_bytes(canonical(folder))
        run = Command(
            arguments=["clang-19", "-c", "src/a.c", "-o", "a b.o"], output_paths=["a b.o"], working_directory="work"
        )
        run.environment_variables.add(name="LC_ALL", value="C")
        command = batch.put_bytes(canonical(run))
        description = batch.put_bytes(
            canonical(Action(command_digest=command.to_message(), input_root_digest=root.to_message()))
        )
    action = ActionDigest(description.hash, description.size)
    result = ActionResult(stdout_digest=empty.to_message(), stderr_digest=empty.to_message())
    result.output_files.add(path="a b.o", digest=output.to_message())
    store.results.put(action, result)
    store.traces.record(
        Trace(
            label="demo/a.o",
            recipe="recipes/demo.py",
            line=7,
            kind="compile",
            action=action,
            command="clang-19 -c src/a.c",
            reason=Reason(
                text="src/a.c changed", causes=(Cause(kind="file", subject="src/a.c", old="1111", new=source.short),)
            ),
            toolchain=None,
            sandbox="bubblewrap",
            started=STARTED,
            duration=31_400_000,
            exit_code=0,
            stdout=empty,
            stderr=empty,
            outputs={"a b.o": output},
        )
    )
    yield Sample(store, source, tools, work, root, command, action, output)
    monkeypatch.undo()
    time.tzset()
