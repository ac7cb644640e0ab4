"""Content that travels compressed: the same bytes arrive, fewer are sent, and a stream goes on where it broke."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bfbuild.digest import Digest, digest_bytes
from bfbuild.remote import zstd
from bfbuild.remote.blobs import Blobs
from bfbuild.remote.capabilities import capabilities
from bfbuild.remote.failures import Wrong
from bfbuild.store import Store
from tests.remote import packing
from tests.remote.packing import Packing
from tests.remote.test_client import channel

DATA = random.Random(3).randbytes(3_000_000) + bytes(7_000_000)  # so that it is more than one message takes
PACKED = len(b"".join(zstd.packed([DATA])))


@pytest.fixture
def server() -> Iterator[Packing]:
    """A server that takes and gives compressed content."""
    with packing.running(Packing()) as state:
        yield state


@pytest.fixture
def blobs(server: Packing) -> Blobs:
    """The client, which would compress nothing on its way to the same machine."""
    connected = channel(server.url)
    can = capabilities(connected)
    assert not can.zstd
    return Blobs(connected, replace(can, zstd=True))


def taken(blobs: Blobs, digest: Digest, folder: Path) -> bytes:
    """Take content into a new store, and read it there."""
    store = Store(folder / "store")
    with store.cas.batch() as batch:
        blobs.take([digest], batch)
    return store.cas.get_bytes(digest)


def test_compressed_content_is_the_same_and_less(server: Packing, blobs: Blobs, tmp_path: Path) -> None:
    """Ten megabytes of which seven are zero go both ways as three."""
    digest = digest_bytes(DATA)
    blobs.give({digest: DATA})
    assert server.blobs == {digest: DATA}
    assert server.taken < 3_100_000
    assert taken(blobs, digest, tmp_path) == DATA
    assert blobs.channel.received < 3_100_000


def test_a_broken_upload_goes_on_where_it_was(server: Packing, blobs: Blobs) -> None:
    """What a server has of an upload is not sent again, though it is compressed."""
    server.breaks = [1, 1_000_000]
    blobs.give({digest_bytes(DATA): DATA})
    assert server.blobs == {digest_bytes(DATA): DATA}
    assert server.streams == 3
    assert server.taken == PACKED


def test_a_broken_download_goes_on_where_it_was(server: Packing, blobs: Blobs, tmp_path: Path) -> None:
    """The next stream begins behind what was unpacked by then, and all of it hashes to its name."""
    server.blobs[digest_bytes(DATA)] = DATA
    server.breaks = [300_000, 300_000]
    assert taken(blobs, digest_bytes(DATA), tmp_path) == DATA
    assert server.streams == 3
    assert blobs.channel.received < PACKED + 300_000


def test_what_unpacks_to_more_than_was_asked_for_is_wrong(server: Packing, blobs: Blobs, tmp_path: Path) -> None:
    """A small message that unpacks to very much is refused before it is all there."""
    digest = replace(digest_bytes(DATA), size=5_000_000)
    server.blobs[digest] = bytes(1 << 30)
    with pytest.raises(Wrong, match="more bytes"):
        taken(blobs, digest, tmp_path)


def test_what_is_not_compressed_is_wrong() -> None:
    """Bytes that are no Zstandard are told from a stream that breaks off."""
    with pytest.raises(ValueError, match="not compressed by Zstandard"):
        list(zstd.unpacked([b"hello, this is plain text"]))
