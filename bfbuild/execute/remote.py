"""The executor that has actions run at a cluster, by any server of the Remote Execution API.

An action is sent as it is: its key is the digest of the very messages that the server gets, so equal actions meet there
whoever sends them. Only platform properties, where a project asks for some, are added to it. What an action needs is
asked for with FindMissingBlobs, and sent where it is missing: the action, its folders, its inputs, and its toolchain.

A toolchain travels once, as a tree by digest: the digest is part of the key anyway, so nothing can run with other tools
than those that were locked, which no property that names an image could promise. A toolchain that the server has
already is neither fetched nor unpacked here.

What comes back is a result like any other, and its content is checked against its digest on arrival. What is not
believed: a failure, or a missing output, that the server has on record (it may have been a full disk). What is not an
outcome: a status that says that the server could not execute; the second time it is a NotExecutedError. The sandbox
there is the cluster's own (its user, its host name, its limits): its results have a level of their own in the traces.
"""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from google.rpc import code_pb2

from bfbuild.action.action import OUT
from bfbuild.digest import ActionDigest, Digest, canonical, digest_bytes
from bfbuild.errors import RemoteError
from bfbuild.execute.hybrid import NotExecutedError
from bfbuild.execute.outcome import Made, Outcome
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.remote.blobs import Blobs
from bfbuild.remote.capabilities import capabilities
from bfbuild.remote.failures import Away, Failed, Full, Wrong
from bfbuild.remote.operations import Operations, OverdueError
from bfbuild.store.cas import Presence
from bfbuild.store.lookup import StoreLookup
from bfbuild.store.trace import REMOTE
from bfbuild.store.tree import Listing, list_tree, read_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from bfbuild.action.action import Action
    from bfbuild.execute.outcome import Tools
    from bfbuild.remote.blobs import Tell
    from bfbuild.remote.channel import Channel
    from bfbuild.store import Store


@dataclass(frozen=True)
class _Sent:
    """An action as the server gets it: its name there, and its messages."""

    name: ActionDigest
    blobs: Mapping[Digest, bytes]


@dataclass
class RemoteExecutor:
    """Runs actions at a cluster. Safe to call from several threads; `cancel` ends all that is running.

    Raise NotExecutedError where that cannot be done, which says nothing about the action.
    """

    store: Store
    channel: Channel
    timeout: int  # seconds
    transfer: Callable[[str, int, int], None]  # is told: of what, so many bytes, of so many
    _known: set[Digest] = field(default_factory=set)  # what the server has, as far as we know
    _brought: set[Digest] = field(default_factory=set)  # the toolchains of which it has everything
    _bringing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._operations = Operations(self.channel)

    def execute(self, action: Action, tools: Tools) -> Outcome:
        """Run an action at the cluster, sending what it lacks, and keep its outputs in the store."""
        why = "it answers with a failure that it has on record, whatever it is asked"
        try:
            for again in (False, True):
                try:
                    outcome = self._attempt(action, tools, again=again)
                except (Away, Full):
                    raise
                except Failed as problem:  # something that the action needs may be gone there
                    why = problem.why
                else:
                    if outcome is not None:
                        return outcome
        except OverdueError as overdue:
            if not overdue.executing:
                raise NotExecutedError(f"nothing came back within {self.timeout} s", away=True) from overdue
            return self._stopped()
        except Failed as problem:
            raise NotExecutedError(problem.why, away=True) from problem
        raise NotExecutedError(why, away=False)

    def cancel(self) -> None:
        """End all that is running there, and refuse to start more."""
        self._operations.cancel()

    @cached_property
    def _blobs(self) -> Blobs:
        """The server's content, once it said what it can."""
        can = capabilities(self.channel)
        if not can.executes:
            raise RemoteError(
                "the remote server executes nothing",
                facts=[("server", self.channel.url)],
                hint="`exec` of [remote] names a server that does; as a cache, `cache` names it",
            )
        return Blobs(self.channel, can)

    def _attempt(self, action: Action, tools: Tools, *, again: bool) -> Outcome | None:
        """Execute once; return None where the server has an answer on record that is not believed."""
        sent = self._sent(action)
        self._send(action, sent, tools, sure=again)
        started = time.monotonic_ns()
        answer = self._operations.run(sent.name, again=again, limit=self.timeout)
        if answer.status.code != code_pb2.OK:
            raise Failed(self.channel.url, code_pb2.Code.Name(answer.status.code), answer.status.message)
        try:
            outcome = self._outcome(action, answer.result, time.monotonic_ns() - started)
        except ValueError as error:
            raise Wrong(self.channel.url, "DATA_LOSS", str(error)) from error
        good = outcome.exit_code == 0 and not outcome.missing
        return outcome if good or not answer.cached_result else None

    def _sent(self, action: Action) -> _Sent:
        """Return the action as the server gets it."""
        platform = self.channel.remote.platform
        if not platform:
            return _Sent(action.digest, action.blobs)
        properties = [api.Platform.Property(name=name, value=value) for name, value in sorted(platform.items())]
        message = api.Action.FromString(action.blobs[action.digest.description])
        message.platform.properties.extend(properties)
        data = canonical(message)
        name = digest_bytes(data)
        return _Sent(ActionDigest(name.hash, name.size), {**action.blobs, name: data})

    def _send(self, action: Action, sent: _Sent, tools: Tools, *, sure: bool) -> None:
        """See to it that the server has all that an action needs; `sure`: also what it had before."""
        self._bring(action.description.toolchain, tools, sure=sure)
        inputs = {file.digest: self.store.cas.path_of(file.digest) for file in action.description.inputs.values()}
        content: dict[Digest, bytes | Path] = {**inputs, **sent.blobs}
        asked = content.keys() if sure else content.keys() - self._known
        self._blobs.give({digest: content[digest] for digest in self._blobs.missing(asked)})
        self._known |= asked

    def _bring(self, root: Digest, tools: Tools, *, sure: bool) -> None:
        """See to it that the server has the whole of a toolchain, from the tree that is unpacked here if need be."""
        with self._bringing:
            if root in self._brought and not sure:
                return
            listing = self._listing(root, tools)
            missing = self._blobs.missing([*listing.directories, *listing.files])
            if missing:
                folder = tools()
                content = {digest: folder / place for digest, place in listing.files.items()}
                wanted = {digest: listing.directories.get(digest) or content[digest] for digest in missing}
                replace(self._blobs, tell=self._teller(missing)).give(wanted)
            self._brought.add(root)

    def _teller(self, blobs: Iterable[Digest]) -> Tell:
        """Return what adds up how much of these is done."""
        total, done = sum(digest.size for digest in blobs), 0
        told: dict[Digest, int] = {}

        def tell(digest: Digest, size: int) -> None:
            nonlocal done
            done, told[digest] = done + size - told.get(digest, 0), size
            self.transfer("send tools to the cluster", done, total)

        return tell

    def _listing(self, root: Digest, tools: Tools) -> Listing:
        """What a toolchain is made of: as the store has it, or the server, or the folder in which it is unpacked."""
        with suppress(StoreLookup):
            return list_tree(root, self.store.cas.get_bytes)
        try:
            folders = [canonical(folder) for folder in self._blobs.tree(root)]
            return list_tree(root, {digest_bytes(data): data for data in folders}.__getitem__)
        except (Away, Full):
            raise
        except (Failed, KeyError, ValueError):
            pass  # it has not all of them, or cannot say
        with ThreadPoolExecutor() as pool:
            return list_tree(root, read_folder(tools(), pool).directories.__getitem__)

    def _outcome(self, action: Action, result: api.ActionResult, waited: int) -> Outcome:
        """Take what an action made and said into the store; raise Failed, or ValueError for what is no result."""
        made = {
            name: Made(Digest.of_message(file.digest), file.is_executable)
            for file in result.output_files
            if (name := file.path.removeprefix(f"{OUT}/")) in action.request.outputs
        }
        stdout = self._said(result.stdout_raw, result.stdout_digest)
        stderr = self._said(result.stderr_raw, result.stderr_digest)
        came = {stdout, stderr, *(each.digest for each in made.values())}
        with self.store.cas.batch() as batch:
            self._blobs.take([each for each in came if not self._has(each)], batch)
        self._known |= came
        return Outcome(
            exit_code=result.exit_code,
            stdout=stdout,
            stderr=stderr,
            outputs=made,
            missing=tuple(name for name in action.request.outputs if name not in made),
            level=REMOTE,
            wall=_took(result.execution_metadata) or waited,
        )

    def _stopped(self) -> Outcome:
        """The outcome of what ran until its time was over."""
        nothing = self.store.cas.put_bytes(b"")
        return Outcome(
            exit_code=-signal.SIGKILL,
            stdout=nothing,
            stderr=nothing,
            outputs={},
            missing=(),
            level=REMOTE,
            wall=self.timeout * 10**9,
            limit=f"it ran longer than {self.timeout} s",
        )

    def _said(self, raw: bytes, digest: api.Digest) -> Digest:
        """Return the digest of what a tool printed, which a server may name or send itself."""
        return self.store.cas.put_bytes(raw) if raw or not digest.hash else Digest.of_message(digest)

    def _has(self, digest: Digest) -> bool:
        return self.store.cas.state(digest).presence is Presence.PRESENT


def _took(metadata: api.ExecutedActionMetadata) -> int:
    """Return the ns that the execution itself took, 0 where the server does not tell."""
    began, ended = metadata.execution_start_timestamp, metadata.execution_completed_timestamp
    return max(0, ended.ToNanoseconds() - began.ToNanoseconds()) if began.seconds else 0
