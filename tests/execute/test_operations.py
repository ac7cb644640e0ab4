"""Executions at a real server behind a door that disturbs them: streams that break, stages, limits, odd answers."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import grpc
import pytest
from google.longrunning import operations_proto_pb2 as longrunning

from bfbuild.digest import digest_bytes
from bfbuild.execute.hybrid import NotExecutedError
from bfbuild.protos import remote_execution_pb2 as api
from tests.execute.conftest import Join, Place
from tests.execute.test_contract import assert_nothing_runs
from tests.remote.proxy import Call, Fault, Forward, Proxy, changed, first, refuse, sometimes, torn
from tests.remote.servers import Server

SLOW = "import time; time.sleep(0.7); open('out/a', 'w').write('made')"
NUMBERS = itertools.count()
Stage = api.ExecutionStage


@pytest.fixture
def door(stocked: Server) -> Iterator[Proxy]:
    """A door before the cluster."""
    with Proxy(stocked.address) as proxy:
        yield proxy


@pytest.fixture
def place(cluster: Server, door: Proxy, join: Join) -> Place:
    """The cluster, behind the door."""
    return join(cluster, url=door.url)


def made(place: Place) -> str:
    """Run something that takes a moment, and that the cluster has not on record, and return what it made."""
    outcome = place.run(f"{SLOW}  # {next(NUMBERS)}", "a")
    assert (outcome.exit_code, outcome.missing) == (0, ())
    return place.text(outcome.outputs["a"].digest)


def ending(after: int) -> Fault:
    """The stream ends well after so many messages, as if nothing more were to be said."""

    def fault(_: Call, requests: Iterator[bytes], forward: Forward) -> Iterator[bytes]:
        for number, response in enumerate(forward(requests)):
            if number == after:
                return
            yield response

    return fault


@pytest.mark.parametrize("fault", [torn(1), ending(1)], ids=["breaks", "ends"])
def test_a_stream_that_breaks_is_taken_up_again(place: Place, door: Proxy, fault: Fault) -> None:
    """The server goes on meanwhile, so nothing is executed twice; also where the next stream breaks as well."""
    door.disturb("Execute", fault)
    door.disturb("WaitExecution", first(1, torn(0)))
    assert made(place) == "made"
    assert (door.calls["Execute"], door.calls["WaitExecution"]) == (1, 2)


def test_a_stream_that_breaks_before_it_has_a_name_is_begun_again(place: Place, door: Proxy) -> None:
    """Nothing is known of what the server does then; to execute twice harms nobody."""
    door.disturb("Execute", first(1, torn(0)))
    assert made(place) == "made"
    assert (door.calls["Execute"], door.calls["WaitExecution"]) == (2, 0)


def test_an_operation_that_the_server_forgot_is_begun_again(place: Place, door: Proxy) -> None:
    """It was started anew, say, and does not know the name any more."""
    door.disturb("Execute", first(1, torn(1)))
    door.disturb("WaitExecution", refuse(grpc.StatusCode.NOT_FOUND))
    assert made(place) == "made"
    assert (door.calls["Execute"], door.calls["WaitExecution"]) == (2, 1)


def test_a_server_that_breaks_every_stream_is_away(place: Place, door: Proxy) -> None:
    """It is not tried for ever."""
    door.disturb("Execute", torn(0))
    with pytest.raises(NotExecutedError) as problem:
        made(place)
    assert problem.value.away


def staged(stage: int, seconds: float = 0) -> Fault:
    """The server says at which stage an execution is, and for how long it stays there."""

    def fault(call: Call, requests: Iterator[bytes], forward: Forward) -> Iterator[bytes]:
        operation = longrunning.Operation(name="none")
        operation.metadata.Pack(api.ExecuteOperationMetadata(stage=stage))  # type: ignore[arg-type]
        yield operation.SerializeToString()
        call.wait(seconds)
        for response in forward(requests):
            told = longrunning.Operation.FromString(response)
            told.metadata.Pack(api.ExecuteOperationMetadata(stage=Stage.EXECUTING))
            yield told.SerializeToString()

    return fault


def test_the_limit_counts_from_the_execution(place: Place, door: Proxy) -> None:
    """To wait for a worker is no fault of the action's: together that takes longer than it may."""
    place.limit(2)
    door.disturb("Execute", staged(Stage.QUEUED, 1.6))
    assert made(place) == "made"


def test_what_runs_too_long_is_ended_there(place: Place, door: Proxy) -> None:
    """Where the server said that it executes, the limit is an outcome; the cluster is told to end it."""
    place.limit(1)
    door.disturb("Execute", staged(Stage.EXECUTING))
    began = time.monotonic()
    outcome = place.run("import time; time.sleep(99)")
    assert (outcome.limit, outcome.exit_code) == ("it ran longer than 1 s", -9)
    assert time.monotonic() - began < 5
    assert door.calls["CancelOperation"] == 1
    assert_nothing_runs(place)


def test_what_nobody_begins_is_given_up(place: Place, door: Proxy) -> None:
    """That no worker is free says nothing about the action."""
    place.limit(1)
    door.disturb("Execute", staged(Stage.QUEUED, 60))
    with pytest.raises(NotExecutedError, match="nothing came back within 1 s") as problem:
        made(place)
    assert problem.value.away


def test_a_server_that_is_there_is_waited_for(place: Place, door: Proxy) -> None:
    """An execution may take longer than a stream is listened to: the server is asked whether it is there."""
    place.hurry(deadline=0.3)
    assert made(place) == "made"
    assert door.calls["Execute"] == 1
    assert door.calls["WaitExecution"] >= 1
    assert door.calls["GetCapabilities"] >= 2


def responded(change: Callable[[api.ExecuteResponse], None]) -> Fault:
    """The answer to an execution is another."""

    def changing(operation: longrunning.Operation) -> None:
        response = api.ExecuteResponse()
        if operation.done and operation.response.Unpack(response):
            change(response)
            operation.response.Pack(response)

    return changed(longrunning.Operation, changing)


def test_words_that_came_with_the_answer_are_taken(place: Place, door: Proxy) -> None:
    """A server may send what was printed itself, and no digest of it."""

    def inline(response: api.ExecuteResponse) -> None:
        response.result.ClearField("stdout_digest")
        response.result.stdout_raw = b"said otherwise"

    door.disturb("Execute", responded(inline))
    assert place.text(place.run("print('said')").stdout) == "said otherwise"


def fails(operation: longrunning.Operation) -> None:
    """Have an operation end with an error of its own."""
    if operation.done:
        operation.error.code, operation.error.message = 9, "no such worker"


def is_odd(operation: longrunning.Operation) -> None:
    """Have an operation answer with what is no answer."""
    if operation.done:
        operation.response.Pack(api.Action())


@pytest.mark.parametrize(
    ("change", "why"),
    [(fails, "no such worker (FAILED_PRECONDITION)"), (is_odd, "it answers with type.googleapis.com/build.bazel")],
)
def test_an_answer_that_is_none_leaves_the_action_to_others(
    place: Place, door: Proxy, change: Callable[[longrunning.Operation], None], why: str
) -> None:
    """It is tried a second time, with all that it needs sent again, and then the reason is told."""
    door.disturb("Execute", changed(longrunning.Operation, change))
    with pytest.raises(NotExecutedError) as problem:
        made(place)
    assert str(problem.value).startswith(why)
    assert not problem.value.away
    assert door.calls["Execute"] == 2


def test_other_bytes_than_were_named_are_not_taken(place: Place, door: Proxy) -> None:
    """The second time they are right; in between the store has nothing of it."""

    def other(response: api.BatchReadBlobsResponse) -> None:
        for each in response.responses:
            each.data = b"evil"

    door.disturb("BatchReadBlobs", first(1, changed(api.BatchReadBlobsResponse, other)))
    assert made(place) == "made"
    assert door.calls["Execute"] == 2
    assert not place.store.cas.path_of(digest_bytes(b"evil")).exists()


def has_no_digest(response: api.ExecuteResponse) -> None:
    """Have an output named by what is no SHA-256."""
    response.result.output_files[0].digest.hash = "nonsense"


def test_a_result_that_is_none_leaves_the_action_to_others(place: Place, door: Proxy) -> None:
    """What a server says is never taken for granted, and never a fault of ours."""
    door.disturb("Execute", responded(has_no_digest))
    with pytest.raises(NotExecutedError, match="not a SHA-256 digest") as problem:
        made(place)
    assert not problem.value.away


def test_a_server_need_not_know_trees(place: Place, door: Proxy) -> None:
    """One that cannot list a folder is asked for its parts, as the unpacked toolchain has them."""
    door.disturb("GetTree", refuse(grpc.StatusCode.UNIMPLEMENTED))
    assert made(place) == "made"
    assert door.calls["BatchUpdateBlobs"] == 1, "the server has the toolchain"


def test_a_tenth_of_all_calls_may_fail(place: Place, door: Proxy) -> None:
    """Each action has its outcome nevertheless."""
    door.disturb("*", sometimes(0.1, 7))
    for number in range(8):
        outcome = place.run(f"open('out/a', 'w').write('{number}')", "a", **{f"in{number}": b"x"})
        assert place.text(outcome.outputs["a"].digest) == str(number)
