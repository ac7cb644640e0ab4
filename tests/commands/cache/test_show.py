"""`doit cache show`: each kind of thing, by target and by digest, whole and damaged."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bfbuild.commands.cache import show
from bfbuild.digest import ActionDigest, Digest, canonical
from bfbuild.errors import StoreError
from bfbuild.protos.remote_execution_pb2 import Action, ActionResult, Directory

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from .conftest import Sample

ACTION = """\
action {action}
  label  demo/a.o  (recipes/demo.py:7)
  kind   compile
  ran    2026-11-23 23:37:06, 31.4 ms, in bubblewrap
  exit   0
  tools  none
  why    src/a.c changed
         file src/a.c: 1111 -> {source.short}
command
  clang-19 -c src/a.c -o 'a b.o'
working folder
  work
environment
  LC_ALL=C
inputs {root}
  {tools.short}              usr/
  {source.short}          26  work/run.sh*
  {source.short}          26  work/src/a.c
  link                      work/src/b.c -> a.c
outputs
  {output.short}       2,004  a b.o
  e3b0c44298fc           0  (stdout)
  e3b0c44298fc           0  (stderr)"""

FOLDER = """\
directory {work}
files
  {source.short}          26  run.sh*
  {source.short}          26  src/a.c
  link                      src/b.c -> a.c"""

COMMAND = """\
command {command}
command
  clang-19 -c src/a.c -o 'a b.o'
working folder
  work
environment
  LC_ALL=C"""

TEXT = """\
file {source}
content
int main(void){{return 0;}}"""


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ("action", ACTION),
        ("work", FOLDER),
        ("command", COMMAND),
        ("source", TEXT),
        ("output", "file {output}"),
    ],
)
def test_a_digest_is_shown_as_what_it_is(sample: Sample, of: str, expected: str) -> None:
    """An action, a folder, a command, a text and a binary are told apart; six digits and the whole digest do alike."""
    digest: Digest = getattr(sample, of)
    for word in (digest.hash[:6], digest.hash, str(digest)):
        assert show.text(show.look(sample.store, word)) == expected.format(**sample._asdict())


def test_a_target_is_shown_as_its_latest_action(sample: Sample) -> None:
    """The label of a recipe and the name of an output show what the action's digest shows, also below build/."""
    for word in ("demo/a.o", "build/demo/a.o", "a b.o", "build/a b.o"):
        assert show.text(show.look(sample.store, word)) == ACTION.format(**sample._asdict())


def test_programs_get_the_same_facts(sample: Sample) -> None:
    """The JSON of an action holds its trace, command, tree and result, with full digests."""
    facts: Any = show.data(show.look(sample.store, "demo/a.o"))
    assert sorted(facts) == [
        "action", "command", "digest", "entries", "kind", "problems", "result", "trace", "tree",
    ]  # fmt: skip
    assert facts["digest"] == str(sample.action)
    assert facts["command"]["arguments"] == ["clang-19", "-c", "src/a.c", "-o", "a b.o"]
    assert facts["trace"]["started"] == "2026-11-23T23:37:06.031Z"
    assert facts["trace"]["outputs"] == {"a b.o": str(sample.output)}
    assert facts["result"]["output_files"][0]["digest"]["hash"] == sample.output.hash
    assert [entry["path"] for entry in facts["entries"]] == ["usr/", "work/run.sh", "work/src/a.c", "work/src/b.c"]


def test_damage_is_shown_in_its_place(sample: Sample) -> None:
    """With the command gone, a folder damaged and the result unreadable, the rest is shown and these are named."""
    store = sample.store
    store.cas.path_of(sample.command).unlink()
    store.cas.path_of(sample.work).chmod(0o644)
    store.cas.path_of(sample.work).write_bytes(b"")
    store.results.path_of(sample.action).unlink()
    store.results.path_of(sample.action).mkdir()
    lines = show.text(show.look(store, "demo/a.o")).splitlines()
    assert lines[8:] == [
        f"inputs {sample.root}",
        *(
            f"  -                         {path}  (cannot be shown: {sample.work.short}: "
            f"damaged: 0 bytes where {sample.work.size} were stored)"
            for path in ("usr/lib/", "work/")
        ),
        "no result",
        f"problem  {sample.command.short}: missing",
        "problem  the result: cannot be read: Is a directory",
    ]


def test_a_result_without_its_action_is_still_shown(sample: Sample) -> None:
    """A result whose description is gone is found by the hash, which is its key."""
    sample.store.cas.path_of(sample.action.description).unlink()
    lines = show.text(show.look(sample.store, sample.action.hash[:8])).splitlines()
    assert "outputs" in lines
    assert lines[-1] == f"problem  {sample.action.short}: missing"


def test_an_unknown_name_gets_the_nearest_target(sample: Sample) -> None:
    """A target nobody built is an error that names one that is nearly called so."""
    with pytest.raises(StoreError) as problem:
        show.look(sample.store, "demo/b.o")
    assert problem.value.headline == "the store knows no target or digest demo/b.o"
    assert problem.value.facts == [("nearest", "demo/a.o")]


@pytest.mark.parametrize("word", ["abcdef99", "ABCDEF", "12345", "../../etc/passwd", "", "*", "f" * 64])
def test_what_is_no_digest_in_the_store_is_unknown(sample: Sample, word: str) -> None:
    """Too few digits, other digits, a path, a pattern: all are simply unknown."""
    with pytest.raises(StoreError, match="knows no target or digest"):
        show.look(sample.store, word)


def test_an_ambiguous_start_lists_what_it_could_be(sample: Sample) -> None:
    """Where two digests start with the same six digits, both are named."""
    made: dict[str, Digest] = {}
    number = 0
    while True:  # about 5,000 tries until two of them share six digits
        digest = Digest(f"{hash_of(number)}", len(str(number)))
        other = made.setdefault(digest.hash[:6], digest)
        if other != digest:
            break
        number += 1
    for each in (digest, other):
        path = sample.store.cas.path_of(each)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    with pytest.raises(StoreError) as problem:
        show.look(sample.store, digest.hash[:6])
    assert problem.value.headline == f"2 digests in the store start with {digest.hash[:6]}"
    assert [value.split("/")[0] for _, value in problem.value.facts] == sorted([digest.hash, other.hash])


def hash_of(number: int) -> str:
    """Return the SHA-256 of a number's digits."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def test_a_text_that_would_disturb_the_terminal_is_not_printed(sample: Sample) -> None:
    """Content with escape sequences is shown by name only."""
    digest = sample.store.cas.put_bytes(b"\x1b[2Jgone\n")
    assert show.text(show.look(sample.store, digest.hash)) == f"file {digest}"


def test_a_tree_is_cut_where_it_gets_long(sample: Sample) -> None:
    """A folder that holds itself twice, thirty levels deep, is shown up to a thousand entries."""
    folder = Directory()
    folder.files.add(name="file", digest=sample.source.to_message())
    digest = sample.store.cas.put_bytes(canonical(folder))
    for _ in range(30):
        folder = Directory()
        for name in ("a", "b"):
            folder.directories.add(name=name, digest=digest.to_message())
        digest = sample.store.cas.put_bytes(canonical(folder))
    lines = show.text(show.look(sample.store, digest.hash)).splitlines()
    assert len(lines) == 1003
    assert lines[-1] == "  ... and perhaps more: show a folder in it by its digest"


ODD: dict[str, Message] = {
    "an action of nothing": Action(command_digest={"hash": "no", "size_bytes": 1}),
    "a folder of nothing": Directory(files=[{"name": "a", "digest": {"hash": "../..", "size_bytes": 1}}]),
}


@pytest.mark.parametrize("message", ODD.values(), ids=ODD.keys())
def test_what_names_no_digests_is_only_a_file(sample: Sample, message: Message) -> None:
    """Bytes that decode as an action or a folder, but name things that are no digests, are not taken for one."""
    digest = sample.store.cas.put_bytes(canonical(message))
    assert show.look(sample.store, digest.hash).kind in {"file", "command"}
    folder = Directory(directories=[{"name": "odd", "digest": digest.to_message()}])
    lines = show.text(show.look(sample.store, sample.store.cas.put_bytes(canonical(folder)).hash)).splitlines()
    assert lines[-1] == f"  -                         odd/  (cannot be shown: {digest.short}: not a folder)"


def test_a_message_with_unknown_fields_is_only_a_file(sample: Sample) -> None:
    """A command is one only if every byte of it is known."""
    data = sample.store.cas.get_bytes(sample.command) + b"\xfa\x3f\x01x"
    assert show.look(sample.store, sample.store.cas.put_bytes(data).hash).kind == "file"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=100))
def test_any_content_can_be_shown(sample: Sample, data: bytes) -> None:
    """Whatever bytes are stored, showing them, for people or programs, succeeds."""
    about = show.look(sample.store, sample.store.cas.put_bytes(data).hash)
    assert show.text(about)
    assert json.dumps(show.data(about))


def test_an_output_folder_is_shown_by_its_root(sample: Sample) -> None:
    """A result with a folder, such as an unpacked toolchain, shows the folder's digest."""
    result = ActionResult()
    result.output_directories.add(path="root", root_directory_digest=sample.tools.to_message())
    sample.store.results.put(sample.action, result)
    lines = show.text(show.look(sample.store, "demo/a.o")).splitlines()
    assert lines[-2:] == ["outputs", f"  {sample.tools.short}              root/"]


def test_an_action_that_failed_has_no_result(sample: Sample) -> None:
    """An action without a record in ac/ is recognised by its content and shown without outputs."""
    sample.store.results.path_of(sample.action).unlink()
    about = show.look(sample.store, sample.action.hash)
    assert isinstance(about.digest, ActionDigest)
    assert show.text(about).splitlines()[-1] == "no result"
