"""The remote executor: what it sends and how often, what it does not believe, and servers that are away or forgot."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bfbuild.action.action import Action, Tree
from bfbuild.config import RemoteSection
from bfbuild.digest import ActionDigest, Digest, canonical, digest_bytes
from bfbuild.errors import RemoteError
from bfbuild.execute.hybrid import NotExecutedError
from bfbuild.execute.outcome import Outcome
from bfbuild.execute.remote import RemoteExecutor
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.remote import actions
from bfbuild.remote.channel import Channel
from bfbuild.store import Store
from tests.execute import tiny
from tests.execute.conftest import HASTY, SECONDS
from tests.remote.servers import Server

MADE = digest_bytes(tiny.TEXT)


@dataclass
class Client:
    """Somebody with a store of their own and the tiny toolchain, of which it is counted how often it was asked for."""

    url: str
    folder: Path
    platform: dict[str, str]

    def __post_init__(self) -> None:
        self.tree: Tree = tiny.unpack(self.folder / "root")
        self.store = Store(self.folder / "cache")
        section = RemoteSection(exec=self.url, platform=self.platform)
        self.channel = Channel(section, self.url, patience=HASTY)
        self.told: list[tuple[str, int, int]] = []
        self.executor = RemoteExecutor(self.store, self.channel, SECONDS, lambda *told: self.told.append(told))
        self.unpacked = 0

    def tools(self) -> Path:
        """The toolchain."""
        self.unpacked += 1
        return self.folder / "root"

    def action(self, name: str, *inputs: bytes) -> Action:
        """Return an action that makes `a`."""
        return tiny.action(self.tree, name, [self.store.cas.put_bytes(data) for data in inputs])

    def run(self, name: str, *inputs: bytes) -> Outcome:
        """Run it."""
        return self.executor.execute(self.action(name, *inputs), self.tools)

    def makes(self, name: str, *inputs: bytes) -> bool:
        """Run it, and say whether its output is in the store as it should be."""
        outcome = self.run(name, *inputs)
        made = {name: each.digest for name, each in outcome.outputs.items()}
        return (outcome.exit_code, made) == (0, {"a": MADE}) and self.store.cas.get_bytes(MADE) == tiny.TEXT


Join = Callable[..., Client]


@pytest.fixture
def join(tmp_path: Path) -> Join:
    """Make a client: `join(server)`."""

    def client(server: Server, **platform: str) -> Client:
        return Client(server.url, tmp_path / f"client{len(list(tmp_path.iterdir()))}", platform)

    return client


def test_a_toolchain_travels_once(executor: Server, join: Join) -> None:
    """Who comes first sends it, and shows that; nobody after that unpacks it, or sends as much as it is large."""
    first = join(executor)
    assert first.makes("a")
    assert first.makes("b")
    what, done, total = first.told[-1]
    assert first.unpacked > 0
    assert what == "send tools to the cluster"
    assert done == total >= len(tiny.program()) + first.tree.digest.size
    second = join(executor)
    assert second.makes("c")
    assert (second.unpacked, second.told) == (0, [])


def test_only_what_is_missing_is_sent(executor: Server, join: Join) -> None:
    """An input that the server has, as an output of its own say, is not sent again."""
    client, large = join(executor), bytes(1 << 20)
    assert client.makes("a", large)
    before = client.channel.sent
    assert client.makes("b", large, tiny.TEXT)
    assert client.channel.sent - before < 10_000


@pytest.mark.parametrize("described", [True, False], ids=["described in the store", "only unpacked"])
def test_what_the_server_lost_is_sent_again(executor: Server, join: Join, *, described: bool) -> None:
    """It was started anew with nothing, while we still think that it has all: that is noticed, and no action fails."""
    client = join(executor)
    if described:
        for folder in folders(client):
            client.store.cas.put_bytes(folder)
    assert client.makes("a", b"input")
    executor.stop()
    shutil.rmtree(executor.folder / "casd")
    executor.start()
    assert client.makes("b", b"input")
    assert client.unpacked >= 2


def folders(client: Client) -> list[bytes]:
    """The Directory messages of the tiny toolchain."""
    binaries = api.Directory()
    program = digest_bytes(tiny.program())
    binaries.files.add(name="tool", digest=program.to_message(), is_executable=True)
    return [canonical(client.tree.root), canonical(binaries)]


def recorded(**fields: object) -> api.ActionResult:
    """Return a result that somebody might have put on record."""
    return api.ActionResult(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "result",
    [
        recorded(exit_code=1, output_files=[api.OutputFile(path="out/a", digest=MADE.to_message())]),
        recorded(execution_metadata=api.ExecutedActionMetadata(worker="careless")),
        recorded(output_files=[api.OutputFile(path="out/a", digest=Digest("ab" * 32, 7).to_message())]),
    ],
    ids=["a failure", "a missing output", "an output that is gone"],
)
def test_what_is_wrong_on_record_is_not_believed(executor: Server, join: Join, result: api.ActionResult) -> None:
    """The server has a result of the action, and would answer with it for ever: it is executed instead."""
    client = join(executor)
    assert client.makes("before", tiny.TEXT)
    action = client.action("a")
    actions.update(client.channel, action.digest, result)
    assert client.makes("a")


def test_a_good_result_on_record_is_taken(executor: Server, join: Join) -> None:
    """Whoever comes second has it without an execution; how long it took is what it took the first time."""
    first, second = join(executor), join(executor)
    outcome = first.run("a")
    assert second.run("a") == outcome


def test_platform_properties_are_part_of_the_action_there(executor: Server, join: Join) -> None:
    """They choose a worker, so a server must not answer with what another made; here the key is the same."""
    plain, linux = join(executor), join(executor, OSFamily="linux")
    assert linux.makes("a")
    assert actions.get(linux.channel, plain.action("a").digest) is None
    message = api.Action.FromString(plain.action("a").blobs[plain.action("a").digest.description])
    message.platform.properties.add(name="OSFamily", value="linux")
    name = digest_bytes(canonical(message))
    assert actions.get(linux.channel, ActionDigest(name.hash, name.size)) is not None


def test_a_platform_that_no_worker_has(executor: Server, join: Join) -> None:
    """The action is left to others, with what the server says."""
    with pytest.raises(NotExecutedError) as problem:
        join(executor, OSFamily="plan9").run("a")
    assert not problem.value.away


def test_a_server_that_executes_nothing_is_an_error(casd: Server, join: Join) -> None:
    """It is a cache: nobody wants to build for years without noticing that."""
    with pytest.raises(RemoteError, match="the remote server executes nothing"):
        join(casd).run("a")


def test_a_server_that_is_away(executor: Server, join: Join) -> None:
    """At the start and later: soon nothing more is expected of it."""
    client = join(executor)
    assert client.makes("a")
    executor.stop()
    for someone in (client, join(executor)):
        with pytest.raises(NotExecutedError) as problem:
            someone.run("b")
        assert problem.value.away


def test_a_server_that_says_nothing_more(executor: Server, join: Join) -> None:
    """A connection of which only our half is left is noticed."""
    client = join(executor)
    assert client.makes("a")
    client.channel.patience = type(HASTY)(deadline=0.3, attempts=2, first=0.01)
    executor.freeze()
    try:
        with pytest.raises(NotExecutedError) as problem:
            client.run("b")
        assert problem.value.away
    finally:
        executor.thaw()
