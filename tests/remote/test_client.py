"""The client against two servers that share no code: what is given comes back, what is not there is said so."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from bfbuild.config import RemoteSection
from bfbuild.digest import ActionDigest, Digest, digest_bytes
from bfbuild.errors import RemoteError
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.remote import actions
from bfbuild.remote.blobs import Blobs
from bfbuild.remote.capabilities import Capabilities, capabilities
from bfbuild.remote.channel import Channel, Patience
from bfbuild.remote.failures import Away, Gone
from bfbuild.store import Store
from tests.remote.servers import Server

HASTY = Patience(deadline=5, attempts=3, first=0.01, longest=0.05, total=5)
ABSENT = Digest("ab" * 32, 5)


def channel(url: str, patience: Patience = HASTY) -> Channel:
    """A connection without TLS or token."""
    return Channel(RemoteSection(cache=url), url, patience=patience)


@pytest.fixture(params=["casd", "buildgrid"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the servers."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def blobs(server: Server) -> Blobs:
    """The content of a server."""
    connected = channel(server.url)
    return Blobs(connected, capabilities(connected))


def content() -> dict[Digest, bytes | Path]:
    """Small pieces, more of them than fit into a message, an empty one, and a large one."""
    source = random.Random(7)
    pieces = [b"", *(source.randbytes(size) for size in (1, 1000, 3_000_000, 3_000_001, 9_000_000))]
    return {digest_bytes(piece): piece for piece in pieces}


def test_what_is_given_comes_back(blobs: Blobs, tmp_path: Path) -> None:
    """A server lacks content until it is given; then a store gets the same bytes, whatever their size."""
    given, store = content(), Store(tmp_path / "store")
    assert blobs.missing(given) == {digest for digest in given if digest.size}
    blobs.give(given)
    assert blobs.missing(given) == set()
    with store.cas.batch() as batch:
        blobs.take(given, batch)
    assert {digest: store.cas.get_bytes(digest) for digest in given} == given


def test_a_file_is_given_without_being_read_whole(blobs: Blobs, tmp_path: Path) -> None:
    """A large file goes up from the disk and is what comes back."""
    data = random.Random(8).randbytes(5_000_000)
    (tmp_path / "large").write_bytes(data)
    blobs.give({digest_bytes(data): tmp_path / "large"})
    assert blobs.read(digest_bytes(data)) == data


@pytest.mark.parametrize("size", [5, 50_000_000])
def test_what_is_not_there_is_gone(blobs: Blobs, tmp_path: Path, size: int) -> None:
    """Content that a server lacks raises Gone, and nothing of it is in the store."""
    store, absent = Store(tmp_path / "store"), Digest("ab" * 32, size)
    with pytest.raises(Gone), store.cas.batch() as batch:
        blobs.take([absent], batch)
    assert list(store.cas.digests()) == []


def test_a_tree_is_read_folder_by_folder(blobs: Blobs) -> None:
    """GetTree yields the folders of a tree, its root first."""
    inner = api.Directory(symlinks=[api.SymlinkNode(name="link", target="x")])
    inside = digest_bytes(inner.SerializeToString())
    outer = api.Directory(directories=[api.DirectoryNode(name="in", digest=inside.to_message())])
    root = digest_bytes(outer.SerializeToString())
    blobs.give({inside: inner.SerializeToString(), root: outer.SerializeToString()})
    assert list(blobs.tree(root)) == [outer, inner]


def test_a_result_comes_back_under_its_action(server: Server, blobs: Blobs) -> None:
    """An action has no result until one is given; what is given comes back."""
    output, action = digest_bytes(b"made"), digest_bytes(api.Action().SerializeToString() + b"\x42\x01x")
    blobs.give({output: b"made", action: api.Action().SerializeToString() + b"\x42\x01x"})
    name = ActionDigest(action.hash, action.size)
    assert actions.get(channel(server.url), name) is None
    result = api.ActionResult(output_files=[api.OutputFile(path="out/x", digest=output.to_message())])
    actions.update(channel(server.url), name, result)
    found = actions.get(channel(server.url), name)
    assert found is not None
    assert found.output_files == result.output_files


def test_capabilities_are_what_the_server_says(casd: Server) -> None:
    """A casd takes results, executes nothing here, and names no limit: ours counts."""
    assert capabilities(channel(casd.url)) == Capabilities(
        most_in_batch=(4 << 20) - (64 << 10), zstd=False, updates=True, executes=False
    )


def test_nobody_at_the_address_is_away(casd: Server) -> None:
    """A server that is not there is tried a few times, and then it is away."""
    casd.stop()
    with pytest.raises(Away):
        capabilities(channel(casd.url))


def test_a_frozen_server_is_away_when_the_deadline_is_over(casd: Server) -> None:
    """A server that keeps its connections and says nothing is not waited for without end."""
    connected = channel(casd.url, Patience(deadline=0.2, attempts=2, first=0.01))
    capabilities(connected)
    casd.freeze()
    with pytest.raises(Away, match="DEADLINE_EXCEEDED"):
        capabilities(connected)


def test_a_client_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without gRPC a project with a server is told which packages it needs, and how to do without."""
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(RemoteError, match="needs packages") as problem:
        capabilities(channel("grpc://127.0.0.1:1"))
    assert problem.value.hint == "`pip install 'bfbuild[remote]'`; or BAREFLOW_REMOTE=off does without the server"


def test_a_server_without_tls_where_tls_is_asked_for_is_an_error(casd: Server) -> None:
    """No attempt mends a handshake that fails: that is said once, with what to look at."""
    url = casd.url.replace("grpc://", "grpcs://")
    with pytest.raises(RemoteError, match="do not agree on who it is"):
        capabilities(channel(url))
