"""Builds with a team's cache that answers what is not true: nothing of it is believed, and the store stays sound."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import grpc
import pytest

from bfbuild.digest import Digest
from bfbuild.protos import bytestream_pb2 as stream
from bfbuild.protos import remote_execution_pb2 as api
from tests.remote import proxy
from tests.remote.conftest import Build
from tests.remote.proxy import Proxy, changed, refuse
from tests.remote.servers import Server
from tests.small import ACTIONS


def bad_batch(reply: api.BatchReadBlobsResponse) -> None:
    """Other bytes of the same size."""
    for each in reply.responses:
        each.data = bytes(255 - byte for byte in each.data)


def bad_stream(reply: stream.ReadResponse) -> None:
    """Other bytes of the same size."""
    reply.data = bytes(255 - byte for byte in reply.data)


def test_content_that_is_not_what_its_digest_says(full: Server, build: Build, image: Digest) -> None:
    """Wrong bytes never reach the store: what they were sent for is made here, and it is said once."""
    with Proxy(full.address) as door:
        door.disturb("BatchReadBlobs", changed(api.BatchReadBlobsResponse, bad_batch))
        door.disturb("Read", changed(stream.ReadResponse, bad_stream))
        built = build(door.url)
    assert built.ran == set(ACTIONS)
    assert built.project.output("small.img").digest == image
    assert len(built.warnings) == 1


def test_a_result_whose_content_is_gone(full: Server, build: Build, image: Digest) -> None:
    """Where a server has results and lost what they name, the actions run here; there is nothing to be said."""
    full.stop()
    shutil.rmtree(full.folder / "casd/cas/objects")
    full.start()
    with Proxy(full.address) as door:
        built = build(door.url)
    assert built.ran == set(ACTIONS)
    assert built.project.output("small.img").digest == image
    assert built.warnings == []


def test_a_result_with_content_that_cannot_be_had(full: Server, build: Build, image: Digest) -> None:
    """A server that does not look whether it still has what a result names: the actions run here."""
    with Proxy(full.address) as door:
        for method in ("BatchReadBlobs", "Read"):
            door.disturb(method, refuse(grpc.StatusCode.NOT_FOUND, "it was evicted"))
        built = build(door.url)
    assert built.ran == set(ACTIONS)
    assert built.project.output("small.img").digest == image
    assert built.warnings == []


def odd_path(result: api.ActionResult) -> None:
    """Outputs that no action of ours can have made."""
    for file in result.output_files:
        file.path = f"../{file.path}"


def no_outputs(result: api.ActionResult) -> None:
    """A good end, and nothing that was made."""
    del result.output_files[:]
    result.ClearField("stdout_digest")


def failure(result: api.ActionResult) -> None:
    """An end that no build of ours would have put on record."""
    result.exit_code = 1


@pytest.mark.parametrize("change", [odd_path, no_outputs, failure])
def test_a_result_that_is_none_of_this_action(
    full: Server, build: Build, image: Digest, change: Callable[[api.ActionResult], None]
) -> None:
    """A result that has other outputs than the action declares, or a failure, is not believed: the action runs here."""
    with Proxy(full.address) as door:
        door.disturb("GetActionResult", changed(api.ActionResult, change))
        built = build(door.url)
    assert built.ran == set(ACTIONS)
    assert built.project.output("small.img").digest == image


def test_an_answer_that_is_no_message(full: Server, build: Build, image: Digest) -> None:
    """Bytes that are no message of the API at all end nothing but the use of that server."""

    def rubbish(_: proxy.Call, requests: Iterator[bytes], forward: proxy.Forward) -> Iterator[bytes]:
        list(forward(requests))
        yield b"\xff" * 40

    with Proxy(full.address) as door:
        door.disturb("GetActionResult", rubbish)
        built = build(door.url)
    assert built.ran == set(ACTIONS)
    assert built.project.output("small.img").digest == image
    assert len(built.warnings) == 1


def test_what_went_wrong_is_right_the_next_time(full: Server, build: Build, image: Digest) -> None:
    """A build after one that a server broke off is an ordinary one: nothing of the trouble is left."""
    with Proxy(full.address) as door:
        door.disturb("BatchReadBlobs", changed(api.BatchReadBlobsResponse, bad_batch))
        build(door.url)
    again = build(full.url)
    assert (again.ran, again.warnings) == (set(), [])
    assert again.project.output("small.img").digest == image
