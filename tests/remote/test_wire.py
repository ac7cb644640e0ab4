"""The client and servers with a door between that disturbs what they say: what arrives is right, or it is told."""

from __future__ import annotations

import datetime
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from bfbuild.config import RemoteSection
from bfbuild.digest import Digest, digest_bytes
from bfbuild.errors import RemoteError, render
from bfbuild.protos import bytestream_pb2 as stream
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.remote.blobs import Blobs
from bfbuild.remote.capabilities import capabilities
from bfbuild.remote.channel import Channel, Patience
from bfbuild.remote.failures import Away, Full, Wrong
from bfbuild.store import Store
from tests.remote import proxy, servers
from tests.remote.certificates import Authority
from tests.remote.proxy import Proxy, changed, refuse, slow, sometimes, torn
from tests.remote.servers import Server

HASTY = Patience(deadline=5, attempts=8, first=0.01, longest=0.05, total=10)
SECRET = "abc.def.ghi"
LARGE = 9_000_000  # bytes: more than a message holds


def connect(door: Proxy, *, token: str = "", patience: Patience = HASTY, **settings: object) -> Channel:
    """A connection through a door."""
    return Channel(RemoteSection.model_validate({"cache": door.url, **settings}), door.url, token, patience)


def content(door: Proxy, **settings: object) -> Blobs:
    """The content of the server behind a door."""
    channel = connect(door, **settings)  # type: ignore[arg-type]
    return Blobs(channel, capabilities(channel))


@pytest.fixture(params=["casd", "buildgrid"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of two servers that share no code."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def large(request: pytest.FixtureRequest) -> bytes:
    """Content that no other test has given to a server."""
    return random.Random(request.node.name).randbytes(LARGE)


@pytest.mark.parametrize("messages", [0, 1, 3])
def test_a_download_goes_on_where_it_broke(server: Server, large: bytes, messages: int) -> None:
    """A stream that breaks after some messages is asked for again from there, and every byte comes once."""
    with Proxy(server.address) as door:
        blobs = content(door)
        blobs.give({digest_bytes(large): large})
        door.disturb("Read", proxy.first(1, torn(messages)))
        assert blobs.read(digest_bytes(large)) == large
        assert door.calls["Read"] == 2


def test_an_upload_that_broke_ends(server: Server, large: bytes) -> None:
    """An upload that breaks in its middle is made to its end: the server has the content, whole."""
    with Proxy(server.address) as door:
        blobs = content(door)
        door.disturb("Write", proxy.first(1, proxy.deaf(2)))
        blobs.give({digest_bytes(large): large})
        assert door.calls["Write"] == 2
        assert blobs.read(digest_bytes(large)) == large


def bad_batch(reply: api.BatchReadBlobsResponse) -> None:
    """Other bytes of the same size."""
    for each in reply.responses:
        each.data = b"x" * len(each.data)


def bad_stream(reply: stream.ReadResponse) -> None:
    """Other bytes of the same size."""
    reply.data = b"x" * len(reply.data)


@pytest.mark.parametrize(
    ("size", "method", "fault"),
    [
        (1000, "BatchReadBlobs", changed(api.BatchReadBlobsResponse, bad_batch)),
        (9_000_000, "Read", changed(stream.ReadResponse, bad_stream)),
    ],
)
def test_other_bytes_than_the_name_says_are_wrong(  # noqa: PLR0917  (fixtures are asked for by name)
    server: Server, tmp_path: Path, large: bytes, size: int, method: str, fault: proxy.Fault
) -> None:
    """Content that does not fit its digest raises Wrong, and none of it is in the store."""
    store, data = Store(tmp_path / "store"), large[:size]
    with Proxy(server.address) as door:
        blobs = content(door)
        blobs.give({digest_bytes(data): data})
        door.disturb(method, fault)
        with pytest.raises(Wrong), store.cas.batch() as batch:
            blobs.take([digest_bytes(data)], batch)
    assert list(store.cas.digests()) == []


@pytest.mark.parametrize("seed", range(3))
def test_one_of_ten_calls_may_fail(server: Server, tmp_path: Path, seed: int) -> None:
    """Where a tenth of all calls fails, content of all sizes goes there and comes back whole."""
    source, store = random.Random(f"{server.url} {seed}"), Store(tmp_path / "store")
    pieces = [source.randbytes(source.choice((10, 1000, 900_000, 5_000_000))) for _ in range(12)]
    given: dict[Digest, bytes | Path] = {digest_bytes(piece): piece for piece in pieces}
    with Proxy(server.address) as door:
        door.disturb(proxy.EVERY, sometimes(0.1, seed))
        blobs = content(door)
        blobs.give(given)
        assert blobs.missing(given) == set()
        with store.cas.batch() as batch:
            blobs.take(given, batch)
    assert {digest: store.cas.get_bytes(digest) for digest in given} == given


def test_a_slow_server_is_given_up_at_its_deadline(casd: Server) -> None:
    """A server that answers later than a call may last is away, after as many attempts as there are."""
    with Proxy(casd.address) as door:
        door.disturb(proxy.EVERY, slow(10))
        began = time.monotonic()
        with pytest.raises(Away, match="DEADLINE_EXCEEDED"):
            content(door, patience=Patience(deadline=0.2, attempts=2, first=0.01))
        assert time.monotonic() - began < 3
        assert door.calls["GetCapabilities"] == 2


def test_a_port_that_says_nothing_is_away() -> None:
    """Where the kernel takes connections and no server speaks on them, that is known when the deadline is over."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url, began = f"grpc://127.0.0.1:{mute.getsockname()[1]}", time.monotonic()
        channel = Channel(RemoteSection(cache=url), url, patience=Patience(deadline=0.2, attempts=2, first=0.01))
        with pytest.raises(Away):
            capabilities(channel)
    assert time.monotonic() - began < 3


def test_a_server_without_room_says_so(tmp_path: Path, large: bytes) -> None:
    """A casd that may keep 2 MB and is given 9 raises Full."""
    with servers.running(servers.casd(tmp_path, quota="2M")) as server, Proxy(server.address) as door:
        blobs = content(door, patience=Patience(attempts=2, first=0.01))
        with pytest.raises(Full):
            blobs.give({digest_bytes(large): large})


@pytest.mark.parametrize(
    ("asks", "settings", "token"),
    [
        ({"authorization": f"Bearer {SECRET}"}, {}, SECRET),
        ({"authorization": "Basic dXNlcjpwYXNz"}, {}, "Basic dXNlcjpwYXNz"),
        ({"x-buildbuddy-api-key": SECRET}, {"token_header": "x-buildbuddy-api-key"}, SECRET),
        (
            {"x-engflow-auth-method": "jwt-v0", "x-engflow-auth-token": SECRET},
            {"token_header": "x-engflow-auth-token", "headers": {"x-engflow-auth-method": "jwt-v0"}},
            SECRET,
        ),
    ],
)
def test_a_server_is_told_who_we_are(
    casd: Server, asks: dict[str, str], settings: dict[str, object], token: str
) -> None:
    """Each way in which servers want to be told a token lets us in; without the token it is an error."""
    with Proxy(casd.address, asks=asks) as door:
        assert capabilities(connect(door, token=token, **settings)).updates  # type: ignore[arg-type]
        with pytest.raises(RemoteError, match="the remote server wants a token"):
            capabilities(connect(door, **settings))  # type: ignore[arg-type]


def test_an_expired_token_is_one_error_without_the_token(casd: Server) -> None:
    """A refused token is asked for once, and what is said does not hold it."""
    with Proxy(casd.address, asks={"authorization": "Bearer new"}) as door:
        with pytest.raises(RemoteError, match="the remote server refuses the token") as caught:
            capabilities(connect(door, token=SECRET))
        assert sum(door.refused.values()) == 1
        assert SECRET not in render(caught.value)


def test_a_token_does_not_travel_for_everybody_to_read() -> None:
    """A token for a server without TLS on another machine is refused before anything is sent."""
    url = "grpc://cache.example:9092"
    with pytest.raises(RemoteError, match="for everybody to read") as caught:
        capabilities(Channel(RemoteSection(cache=url), url, SECRET, HASTY))
    assert SECRET not in render(caught.value)


Secured = Callable[..., Proxy]


@pytest.fixture
def secured(casd: Server, tmp_path: Path) -> Secured:
    """A door with TLS, its authority in tmp_path/right: `secured(asks=True)` wants a client's certificate."""
    right = Authority(tmp_path / "right")
    pairs = {
        ends: right.vouch(name, ends=ends * datetime.timedelta(days=1)) for name, ends in (("good", 1), ("old", -1))
    }
    right.vouch("client")

    def make(*, old: bool = False, client: bool = False) -> Proxy:
        pair = pairs[-1 if old else 1]
        chain = [(pair.key.read_bytes(), pair.certificate.read_bytes())]
        roots = right.certificate.read_bytes() if client else None
        credentials = grpc.ssl_server_credentials(chain, roots, require_client_auth=client)
        return Proxy(casd.address, credentials=credentials)

    return make


def test_a_certificate_that_the_authority_vouches_for_is_believed(secured: Secured, tmp_path: Path) -> None:
    """Over TLS, with `tls_ca` and a certificate for the client, the server is talked to."""
    files: dict[str, object] = {
        "tls_cert": str(tmp_path / "right/client.pem"),
        "tls_key": str(tmp_path / "right/client.key"),
    }
    with secured(client=True) as door:
        files["tls_ca"] = str(tmp_path / "right/ca.pem")
        assert capabilities(connect(door, **files)).updates  # type: ignore[arg-type]


@pytest.mark.parametrize("problem", ["another authority", "an old certificate"])
def test_a_wrong_certificate_is_one_error(secured: Secured, tmp_path: Path, problem: str) -> None:
    """A certificate that nobody vouches for, and one that is out of date, are said at once."""
    ca = Authority(tmp_path / "wrong").certificate if problem == "another authority" else tmp_path / "right/ca.pem"
    door, began = secured(old=problem == "an old certificate"), time.monotonic()
    with door, pytest.raises(RemoteError, match="do not agree on who it is"):
        capabilities(connect(door, tls_ca=str(ca)))
    assert time.monotonic() - began < 3


def test_a_server_hangs_up_on_whoever_shows_no_certificate(secured: Secured, tmp_path: Path) -> None:
    """Without the client's certificate that it wants, a server closes the connection, which is all there is to tell."""
    with secured(client=True) as door, pytest.raises(Away, match="UNAVAILABLE"):
        capabilities(connect(door, tls_ca=str(tmp_path / "right/ca.pem")))


@pytest.mark.parametrize(("low", "high"), [((3, 0), (3, 1)), ((1, 0), (1, 9))])
def test_another_version_of_the_api_is_an_error(casd: Server, low: tuple[int, int], high: tuple[int, int]) -> None:
    """A server whose versions are all newer or all older than ours is told apart from one that is away."""

    def version(found: api.ServerCapabilities) -> None:
        found.low_api_version.major, found.low_api_version.minor = low
        found.high_api_version.major, found.high_api_version.minor = high

    with Proxy(casd.address) as door:
        door.disturb("GetCapabilities", changed(api.ServerCapabilities, version))
        with pytest.raises(RemoteError, match="speaks another version"):
            content(door)


def test_a_door_disturbs_what_it_is_told_to(casd: Server) -> None:
    """The proxy itself: a call that shall be refused is, with the reason given, and the others reach the server."""
    with Proxy(casd.address) as door:
        blobs = content(door)
        door.disturb("FindMissingBlobs", refuse(grpc.StatusCode.INTERNAL, "told to"))
        with pytest.raises(Away, match="told to"):
            blobs.missing([digest_bytes(b"any")])
        assert capabilities(blobs.channel).updates
