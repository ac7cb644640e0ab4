"""Results on the wire: what goes out comes in as the same record, and what is no result of an action is not taken."""

from __future__ import annotations

import pytest

from bfbuild.digest import digest_bytes
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.remote.wire import Wanted, incoming, outgoing

MADE, PRINTED, FOLDER = (digest_bytes(data).to_message() for data in (b"made", b"printed", b"folder"))
FILE = api.OutputFile(path="out/file", digest=MADE, is_executable=True)
OTHER = api.OutputFile(path="out/other", digest=PRINTED)


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (api.ActionResult(output_files=[FILE, OTHER]), Wanted(files=("out/file", "out/other"))),
        (api.ActionResult(stdout_digest=PRINTED), Wanted(stdout=True)),  # all that some tools do is print
        (api.ActionResult(output_files=[FILE], stdout_digest=PRINTED), Wanted(files=("out/file",), stdout=True)),
        (
            api.ActionResult(output_directories=[api.OutputDirectory(path="root", root_directory_digest=FOLDER)]),
            Wanted(folder="root"),
        ),
    ],
)
def test_a_record_comes_back_as_it_was(record: api.ActionResult, wanted: Wanted) -> None:
    """A record that goes to a server and comes back is the same message, and those who vouch for it are the same."""
    vouching = {"0123456789ABCDEF": b"s" * 64}
    told = incoming(outgoing(record, vouching), wanted)
    assert told is not None
    assert (told.record, told.signatures) == (record, vouching)


def test_what_a_tool_printed_may_come_with_the_result() -> None:
    """A server may send what was printed instead of its digest: it counts as what has that digest, and is at hand."""
    told = incoming(api.ActionResult(stdout_raw=b"printed"), Wanted(stdout=True))
    assert told is not None
    assert told.record == api.ActionResult(stdout_digest=PRINTED)
    assert told.content[digest_bytes(b"printed")] == b"printed"


@pytest.mark.parametrize(
    "told",
    [
        api.ActionResult(),
        api.ActionResult(output_files=[OTHER]),
        api.ActionResult(output_files=[FILE, OTHER]),
        api.ActionResult(output_files=[FILE], exit_code=1),
        api.ActionResult(output_files=[FILE], output_symlinks=[api.OutputSymlink(path="out/link", target="x")]),
        api.ActionResult(output_files=[api.OutputFile(path="out/file", digest=api.Digest(hash="no", size_bytes=1))]),
    ],
)
def test_what_is_no_result_of_the_action_is_not_taken(told: api.ActionResult) -> None:
    """A failure, and one that has less or more than the action declares, or a digest that is none, are no results."""
    assert incoming(told, Wanted(files=("out/file",))) is None
