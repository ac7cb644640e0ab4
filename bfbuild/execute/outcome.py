"""What one execution did, wherever that was, as the API's record of it and back; and what may run an action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from bfbuild.action.action import OUT
from bfbuild.digest import Digest, digest_bytes
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.store.trace import SERVER

if TYPE_CHECKING:
    from bfbuild.action.action import Action

Level = Literal["bubblewrap", "proot"]  # of a sandbox of this machine
Tools = Callable[[], Path]  # makes sure that a toolchain is unpacked, and says where


@dataclass(frozen=True)
class Made:
    """One output that an action made."""

    digest: Digest
    executable: bool


@dataclass(frozen=True)
class Outcome:
    """What one execution did. Times in ns, memory in bytes; `missing` are declared outputs that were not made."""

    exit_code: int
    stdout: Digest
    stderr: Digest
    outputs: Mapping[str, Made]
    missing: tuple[str, ...]
    level: Level | Literal["remote", "server"]
    wall: int
    user_time: int | None = None  # where known
    system_time: int | None = None  # where known
    max_rss: int | None = None  # where known
    limit: str | None = None  # what stopped it, where a limit did


class Executor(Protocol):
    """Runs actions. Safe to call from several threads."""

    def execute(self, action: Action, tools: Tools) -> Outcome:
        """Run an action whose inputs are in the store, and keep its outputs there; `tools` is for its toolchain."""

    def cancel(self) -> None:
        """End all that is running, and refuse to start more."""


def outputs_of(action: Action, outcome: Outcome) -> dict[str, Digest]:
    """Return the outputs by name, what the tool printed among them where that was wanted."""
    printed = {action.request.stdout: outcome.stdout} if action.request.stdout and outcome.exit_code == 0 else {}
    return {action.request.name(place): made.digest for place, made in outcome.outputs.items()} | printed


def outcome_of(result: api.ActionResult, wall: int) -> Outcome:
    """Return what an execution came to that was elsewhere: of what it printed only what counts is known."""
    nothing = digest_bytes(b"")
    return Outcome(
        exit_code=0,
        stdout=Digest.of_message(result.stdout_digest) if result.HasField("stdout_digest") else nothing,
        stderr=nothing,
        outputs={
            output.path.removeprefix(f"{OUT}/"): Made(Digest.of_message(output.digest), output.is_executable)
            for output in result.output_files
        },
        missing=(),
        level=SERVER,
        wall=wall,
    )


def result_of(action: Action, outcome: Outcome) -> api.ActionResult:
    """Return the API's record of a good execution: it depends on the action alone, so equal ones are equal."""
    return api.ActionResult(
        output_files=[
            api.OutputFile(path=f"{OUT}/{name}", digest=made.digest.to_message(), is_executable=made.executable)
            for name, made in sorted(outcome.outputs.items())
        ],
        stdout_digest=outcome.stdout.to_message() if action.request.stdout is not None else None,
    )
