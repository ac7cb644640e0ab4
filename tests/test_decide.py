"""Hit or miss: a hit has its bytes; a miss says what is different from the last time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bfbuild.action.action import Action, Description, InputFile, Request, Tree, make_action
from bfbuild.decide import Hit, Miss, compare, decide, told
from bfbuild.digest import ActionDigest, Digest, canonical, digest_bytes
from bfbuild.errors import Location
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.store import Store
from bfbuild.store.trace import Cause, Reason, Trace

EMPTY = digest_bytes(b"")
REQUEST = Request(
    label="a.o",
    kind="c",
    location=Location(Path("recipes/a.py"), 1),
    argv=("clang", "-O2", "-c", "a.c"),
    inputs={"a.c": InputFile(digest_bytes(b"one")), "a.h": InputFile(digest_bytes(b"two"))},
    outputs=("a.o",),
    path=("/bin",),
)


def make(request: Request = REQUEST, tools: bytes = b"tools") -> Action:
    """Return an action; `tools` names a toolchain."""
    root = api.Directory()
    root.directories.add(name="usr", digest=digest_bytes(tools).to_message())
    root.directories.add(name="work", digest=EMPTY.to_message())
    return make_action(request, Tree(digest_bytes(canonical(root)), root), 0)


def record(store: Store, action: Action, *, exit_code: int = 0, result: bool = True) -> Digest:
    """File an execution of an action as the build does; return its output."""
    with store.cas.batch() as batch:
        for data in action.blobs.values():
            batch.put_bytes(data)
        output = batch.put_bytes(b"object")
        batch.put_bytes(b"")
    if result:
        made = api.OutputFile(path="out/a.o", digest=output.to_message())
        store.results.put(action.digest, api.ActionResult(output_files=[made]))
    trace = Trace(
        label="a.o",
        recipe="recipes/a.py",
        line=1,
        kind="c",
        action=action.digest,
        command="clang",
        reason=Reason(text="it was never built"),
        toolchain=action.description.toolchain,
        sandbox="bubblewrap",
        started=1,
        duration=1,
        exit_code=exit_code,
        stdout=EMPTY,
        stderr=EMPTY,
        outputs={} if exit_code else {"a.o": output},
    )
    store.traces.record(trace)
    return output


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Give an empty store."""
    return Store(tmp_path / "cache")


def reason(action: Action, store: Store) -> str:
    """Return why an action must run, to a build that begins now."""
    decision = decide(action, Store(store.path))
    assert isinstance(decision, Miss)
    return decision.reason.text


def test_a_recorded_result_with_its_bytes_is_a_hit(store: Store) -> None:
    """What was recorded is given back."""
    output = record(store, make())
    decision = decide(make(), store)
    assert isinstance(decision, Hit)
    assert decision.result.output_files[0].digest == output.to_message()


def test_what_was_never_built_says_so(store: Store) -> None:
    """An empty store has no better reason."""
    assert reason(make(), store) == "it was never built"


def test_a_lost_or_damaged_output_is_a_miss_with_that_reason(store: Store) -> None:
    """The record is there and its content is not, or is another."""
    path = store.cas.path_of(record(store, make()))
    path.chmod(0o644)
    path.write_bytes(b"OBJECT")
    assert reason(make(), store) == "its recorded output out/a.o is damaged in the store"
    path.unlink()
    assert reason(make(), store) == "its recorded output out/a.o is missing in the store"


def test_a_damaged_record_is_a_miss_with_that_reason(store: Store) -> None:
    """A record that is not as it was written is never believed."""
    record(store, make())
    path = store.results.path_of(make().digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    assert reason(make(), store) == "its recorded result cannot be used: damaged: its seal does not fit"


def test_what_is_printed_belongs_to_a_result(store: Store) -> None:
    """A result whose standard output is a file for others needs that content too."""
    action, gone = make(replace(REQUEST, outputs=(), stdout="a.txt")), digest_bytes(b"gone")
    store.results.put(action.digest, api.ActionResult(stdout_digest=gone.to_message()))
    assert reason(action, store) == "its recorded output stdout is missing in the store"


OBJECT = digest_bytes(b"object").to_message()
FOREIGN = {
    "nothing": api.ActionResult(),
    "a path above the tree": api.ActionResult(output_files=[api.OutputFile(path="../../x", digest=OBJECT)]),
    "an absolute path": api.ActionResult(output_files=[api.OutputFile(path="/etc/x", digest=OBJECT)]),
    "an output of another recipe": api.ActionResult(output_files=[api.OutputFile(path="out/b.o", digest=OBJECT)]),
    "one output more": api.ActionResult(
        output_files=[api.OutputFile(path=path, digest=OBJECT) for path in ("out/a.o", "out/b.o")]
    ),
    "one output twice": api.ActionResult(output_files=[api.OutputFile(path="out/a.o", digest=OBJECT)] * 2),
    "what the tool printed": api.ActionResult(
        output_files=[api.OutputFile(path="out/a.o", digest=OBJECT)], stdout_digest=OBJECT
    ),
    "a link": api.ActionResult(
        output_files=[api.OutputFile(path="out/a.o", digest=OBJECT)],
        output_symlinks=[api.OutputSymlink(path="out/x", target="/etc")],
    ),
    "a folder": api.ActionResult(
        output_files=[api.OutputFile(path="out/a.o", digest=OBJECT)],
        output_directories=[api.OutputDirectory(path="out/x", root_directory_digest=OBJECT)],
    ),
}


@pytest.mark.parametrize("result", FOREIGN.values(), ids=FOREIGN)
def test_a_result_with_other_outputs_is_a_miss(store: Store, result: api.ActionResult) -> None:
    """Sealed and with all its content, but not what this action can have made: it is not believed."""
    record(store, make())
    store.results.put(make().digest, result)
    assert reason(make(), store) == "its recorded result names other outputs than it has"


def test_an_action_that_failed_or_lost_its_record_says_so(store: Store) -> None:
    """The same action ran before: it failed, or what it made is no longer on record."""
    record(store, make(), exit_code=1, result=False)
    assert reason(make(), store) == "it failed the last time"
    record(store, make(), result=False)
    assert reason(make(), store) == "its last result is gone from the store"


def test_a_last_action_that_is_none_says_so(store: Store) -> None:
    """A trace may name any content as its action; where that is none, nothing can be compared, and that is told."""
    record(store, make())
    [trace] = store.traces.recent()
    digest = store.cas.put_bytes(b"\xff, no message")
    store.traces.record(replace(trace, action=ActionDigest(digest.hash, digest.size), started=2))
    changed = make(replace(REQUEST, argv=("clang",)))
    assert reason(changed, store) == "it changed, but what it was is gone from the store"


def test_a_description_that_is_gone_says_so(store: Store) -> None:
    """Without the last action's messages nothing can be compared, and that is told."""
    record(store, make())
    store.cas.path_of(make().digest.description).unlink()
    changed = make(replace(REQUEST, argv=("clang",)))
    assert reason(changed, store) == "it changed, but what it was is gone from the store"


ONE, TWO, NEW = (digest_bytes(data).hash for data in (b"one", b"two", b"new"))
DIFFERENCES: dict[str, tuple[Request, list[Cause]]] = {
    "input a.c changed": (
        replace(REQUEST, inputs={**REQUEST.inputs, "a.c": InputFile(digest_bytes(b"new"))}),
        [Cause(kind="input", subject="a.c", old=ONE, new=NEW)],
    ),
    "input a.h is gone": (
        replace(REQUEST, inputs={"a.c": REQUEST.inputs["a.c"]}),
        [Cause(kind="input", subject="a.h", old=TWO, new=None)],
    ),
    "input b.h is new": (
        replace(REQUEST, inputs={**REQUEST.inputs, "b.h": InputFile(digest_bytes(b"new"))}),
        [Cause(kind="input", subject="b.h", old=None, new=NEW)],
    ),
    "argument -O3 changed": (
        replace(REQUEST, argv=("clang", "-O3", "-c", "a.c")),
        [Cause(kind="argument", subject="-O3", old="-O2", new="-O3")],
    ),
    "argument order changed": (
        replace(REQUEST, argv=("clang", "-c", "-O2", "a.c")),
        [Cause(kind="argument", subject="order", old="clang -O2 -c a.c", new="clang -c -O2 a.c")],
    ),
    "environment MODE is new": (
        replace(REQUEST, env={"MODE": "1"}),
        [Cause(kind="environment", subject="MODE", old=None, new="1")],
    ),
    "output out/a.map is new": (
        replace(REQUEST, outputs=("a.o", "a.map")),
        [Cause(kind="output", subject="out/a.map", old=None, new="")],
    ),
    "input a.c changed (and 1 more)": (
        replace(
            REQUEST,
            inputs={**REQUEST.inputs, "a.c": InputFile(digest_bytes(b"one"), executable=True)},
            env={"MODE": "1"},
        ),
        [
            Cause(kind="input", subject="a.c", old=ONE, new=f"{ONE} (executable)"),
            Cause(kind="environment", subject="MODE", old=None, new="1"),
        ],
    ),
}


@pytest.mark.parametrize("words", DIFFERENCES)
def test_a_miss_names_what_changed(store: Store, words: str) -> None:
    """One line for people, and every cause with its old and its new value."""
    record(store, make())
    request, causes = DIFFERENCES[words]
    decision = decide(make(request), store)
    assert isinstance(decision, Miss)
    assert (decision.reason.text, list(decision.reason.causes)) == (words, causes)


def test_another_toolchain_is_a_cause(store: Store) -> None:
    """The tools are an input like any other."""
    record(store, make())
    other = make(tools=b"others")
    decision = decide(other, store)
    assert isinstance(decision, Miss)
    [cause] = decision.reason.causes
    assert (cause.kind, cause.subject) == ("toolchain", "root")
    assert (cause.old, cause.new) == (make().description.toolchain.hash, other.description.toolchain.hash)


def test_equal_descriptions_have_no_difference() -> None:
    """Comparing an action with itself finds nothing."""
    description: Description = make().description
    assert list(compare(description, description)) == []


def test_causes_are_told_in_words() -> None:
    """What came, what went, and what became another."""
    assert [told(Cause(kind="input", subject="x", old=old, new=new)) for old, new in ((None, "1"), ("1", None))] == [
        "input x is new",
        "input x is gone",
    ]
