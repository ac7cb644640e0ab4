"""The results of a team: taken from a server where it has them, given to it where that is wanted.

A result that is taken is in the store afterwards like one that was made here: its content first, hashed on arrival,
then its record, with those who vouch for it. Where a project says whose word counts and too few of them do, a result is
a hint, no more: the action runs here, and is compared with it.

Given is what was executed here in the real sandbox, in the background, while the build goes on. A server that is away,
full, or sends what it should not, is named once, and done without from then on: a build never fails for that. Only what
a person must mend is an error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

from bfbuild.digest import ActionDigest, Digest, canonical
from bfbuild.errors import BareflowError, RemoteError, StoreError
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.remote import actions
from bfbuild.remote.blobs import Blobs
from bfbuild.remote.capabilities import Capabilities, capabilities
from bfbuild.remote.failures import Away, Failed, Full, Gone, Wrong
from bfbuild.remote.wire import Told, Wanted, incoming, outgoing
from bfbuild.store.cas import Presence
from bfbuild.store.results import result_blobs
from bfbuild.store.signatures import MOST, message

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from bfbuild.remote.channel import Channel
    from bfbuild.store import Store
    from bfbuild.store.signatures import Trust

T = TypeVar("T")
GIVERS = 4  # results that are given at once
SHOWN = 4 << 20  # bytes of content whose way is worth showing


class Events(Protocol):
    """Is told of what takes long, and of what people should know."""

    def transfer(self, what: str, done: int, total: int) -> None:
        """So many of so many bytes are done."""

    def note(self, words: str) -> None:
        """Something that people should know."""


@dataclass(frozen=True)
class _Hint:
    """A result that too few vouch for, and why; the signatures it has may be anybody's."""

    told: Told
    why: str


@dataclass
class Cache:
    """One server's results. Safe to use from several threads."""

    channel: Channel
    store: Store
    events: Events
    trust: Trust | None
    unpacking: Callable[[Digest], ActionDigest | None]  # under which action a toolchain's root is on record
    taken: int = 0  # results
    given: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _connecting: threading.Lock = field(default_factory=threading.Lock)
    _capabilities: Capabilities | RemoteError | None = None
    _said: set[str] = field(default_factory=set)
    _hints: dict[ActionDigest, _Hint] = field(default_factory=dict)
    _pushes: list[Future[None]] = field(default_factory=list)
    _toolchains: set[Digest] = field(default_factory=set)  # that were given in this build
    _away: bool = False
    _full: bool = False

    @property
    def url(self) -> str:
        """Where the server is."""
        return self.channel.url

    def pull(self, action: ActionDigest, wanted: Wanted) -> api.ActionResult | None:
        """Take a result into the store and return its record; None where there is none that can be used.

        Raise RemoteError for what a person must mend, StoreError where the store cannot be written.
        """
        found = self._found(action, wanted)
        if found is None:
            return None
        self.store.results.adopt(action, found.record)
        self.store.signatures.add(action, found.signatures)
        with self._guard:
            self.taken += 1
        return found.record

    def _found(self, action: ActionDigest, wanted: Wanted) -> Told | None:
        """Return what the server has, with its content in the store where it is to be believed."""
        if self._away:
            return None
        try:
            told = actions.get(self.channel, action) if self._can() else None
            found = incoming(told, wanted) if told is not None else None
            if found is None:
                return None
            if self.trust is not None:
                why = self.trust.doubt(message(action, canonical(found.record)), found.signatures)
                if why is not None:
                    self._hints[action] = _Hint(found, why)
                    return None
            self._take(found)
            return found
        except Gone:
            pass  # a server may forget content sooner than results
        except Wrong as problem:
            self._say("wrong", f"warning: {self.url} sent what was not asked for, which is not used: {problem.details}")
        except Failed as problem:
            self._leave(problem)
        return None

    def share(
        self,
        action: ActionDigest,
        name: str,
        result: api.ActionResult,
        *,
        toolchain: Digest | None = None,
        give: bool = True,
    ) -> None:
        """Compare what is on record now, executed in this build, with what the server had; give it to that.

        It is given in the background, and with it the root of its toolchain, so that nobody needs packages to know it.
        """
        self._compare(action, name, result)
        if not give or self._away or self._full or not self._gives:
            return
        with self._guard:
            if toolchain is not None and toolchain not in self._toolchains:
                self._toolchains.add(toolchain)
                self._pushes.append(self._pool.submit(self._push_toolchain, toolchain))
            self._pushes.append(self._pool.submit(self._push, action))

    def __enter__(self) -> Cache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Return when all is given that was to be; where a build was ended, give up. Raise RemoteError."""
        if error is not None and not isinstance(error, BareflowError):
            self.close()
        pushes, self._pushes = self._pushes, []
        for push in pushes:
            if not push.cancelled() and push.exception() is not None and error is None:
                push.result()

    def close(self) -> None:
        """Give up what is on its way, and hang up."""
        self._away = True
        self._said.update(("away", "full"))  # what ends now ends because we end it
        if "_pool" in self.__dict__:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self.channel.close()

    def _compare(self, action: ActionDigest, name: str, result: api.ActionResult) -> None:
        """Tell where a hint says something else; where it says the same, those who signed it vouch for ours, too."""
        hint = self._hints.pop(action, None)
        if hint is None:
            return
        if canonical(hint.told.record) == canonical(result):
            own = self.store.signatures.get(action)
            more = dict([*own.items(), *hint.told.signatures.items()][:MOST])
            self.store.signatures.add(action, more | own)
            return
        theirs, ours = dict(result_blobs(hint.told.record)), dict(result_blobs(result))
        differing = [place for place in ours if theirs.get(place) != ours[place]] or ["what may be executed"]
        self.events.note(
            f"warning: {self.url} has another result of {name} than this machine made, and it is not used:"
            f" {hint.why}; {', '.join(differing)}"
        )

    def _take(self, found: Told) -> None:
        named = {digest: name for name, digest in result_blobs(found.record)}
        missing = [digest for digest in named if self.store.cas.state(digest).presence is not Presence.PRESENT]
        with self.store.cas.batch() as batch:
            batch.put_bytes(b"")  # what a tool said that is not known to have said anything
            for digest in missing:
                if digest in found.content:
                    batch.put_bytes(found.content[digest])
            self._blobs("fetch", named).take([digest for digest in missing if digest not in found.content], batch)

    def _push(self, action: ActionDigest) -> None:
        with suppress(StoreError):  # what the store lost meanwhile is not given
            self._give(action)

    def _push_toolchain(self, root: Digest) -> None:
        """Give a toolchain's root, so that nobody needs the packages to know it, where the server lacks it."""
        with suppress(StoreError):
            action = self.unpacking(root)
            if action is None or self.store.results.believed(action) is None:
                return
            if self._answered(lambda: actions.get(self.channel, action)) is None:
                self._give(action)

    def _give(self, action: ActionDigest) -> None:
        """Give the content of a result, what it is the result of, and then the result."""
        result = self.store.results.get(action)
        if result is None:
            return
        description = self.store.cas.get_bytes(action.description)
        command = Digest.of_message(api.Action.FromString(description).command_digest)
        named = {digest: name for name, digest in result_blobs(result)}
        told = outgoing(result, self.store.signatures.get(action))

        def give() -> None:
            content: dict[Digest, bytes | Path] = {
                digest: self.store.cas.path_of(digest) for digest in (action.description, command, *named)
            }
            blobs = self._blobs("send", named)
            missing = blobs.missing(content)
            blobs.give({digest: content[digest] for digest in content if digest in missing})
            actions.update(self.channel, action, told)
            with self._guard:
                self.given += 1

        self._answered(give)

    def _answered(self, ask: Callable[[], T]) -> T | None:
        """Return what `ask` does; where the server takes no more or is away, say so once and go without."""
        if self._away or self._full:
            return None
        try:
            if not self._can().updates:
                self._stop(f"{self.url} takes no results")
                return None
            return ask()
        except Full as problem:
            self._stop(f"{self.url} is full: {problem.why}")
        except Away as problem:
            self._leave(problem)
        except Failed as problem:
            self._stop(f"{self.url} does not take results: {problem.why}")
        return None

    def _blobs(self, word: str, named: Mapping[Digest, str]) -> Blobs:
        def tell(digest: Digest, done: int) -> None:
            if digest.size >= SHOWN:
                self.events.transfer(f"{word} {named.get(digest, digest.short)}", done, digest.size)

        return Blobs(self.channel, self._can(), tell)

    def _can(self) -> Capabilities:
        """What the server can do; it is asked once, by whoever is first."""
        with self._connecting:
            if self._away:
                raise Away(self.url, "UNAVAILABLE", "")
            if self._capabilities is None:
                try:
                    self._capabilities = capabilities(self.channel)
                except Away as problem:
                    self._leave(problem)
                    raise
                except RemoteError as problem:
                    self._capabilities = problem
            if isinstance(self._capabilities, RemoteError):
                raise self._capabilities
            return self._capabilities

    @property
    def _gives(self) -> bool:
        upload = self.channel.remote.upload
        if upload == "trusted" and self.trust is not None:
            return self.trust.silent is None
        return upload != "never"

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(GIVERS)

    def _leave(self, problem: Failed) -> None:
        self._away = True
        self._say(
            "away",
            f"warning: {self.url} cannot be used, the build goes on without it: {problem.why}"
            " (BAREFLOW_REMOTE=off does not ask it)",
        )

    def _stop(self, words: str) -> None:
        self._full = True
        self._say("full", f"warning: results are not shared any more: {words}")

    def _say(self, what: str, words: str) -> None:
        with self._guard:
            said = what in self._said
            self._said.add(what)
        if not said:
            self.events.note(words)
