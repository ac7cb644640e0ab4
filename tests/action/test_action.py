"""Actions: the API's messages, canonical, read back as they were, with a key of everything and of nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bfbuild.action.action import Action, InputFile, Request, Tree, environment, make_action, read_description
from bfbuild.digest import ActionDigest, Digest, canonical, digest_bytes
from bfbuild.errors import Location, StoreError
from bfbuild.protos import remote_execution_pb2 as api

EPOCH = 315_532_800
ONE, TWO = InputFile(digest_bytes(b"one")), InputFile(digest_bytes(b"two"), executable=True)

REQUEST = Request(
    label="a.o",
    kind="c",
    location=Location(Path("recipes/a.py"), 1),
    argv=("clang", "-c", "src/a.c", "-o", "out/deep/a.o"),
    inputs={"src/a.c": ONE, "src/deep/tool": TWO, "build/layout.h": ONE},
    outputs=("deep/a.o", "a.map"),
    path=("/usr/bin", "/opt/bin"),
    env={"ZED": "1"},
)


def tree(*names: str) -> Tree:
    """Return a toolchain's root with these folders, one of them where `work/` will be."""
    root = api.Directory()
    for name in sorted([*names, "work"]):
        root.directories.add(name=name, digest=digest_bytes(b"").to_message())
    root.symlinks.add(name="bin", target="usr/bin")
    return Tree(digest_bytes(canonical(root)), root)


def unpack(action: Action, message: api.Digest, prefix: str = "") -> dict[str, bool | None]:
    """Walk an input tree by the specification: path -> executable, None for a folder."""
    folder = api.Directory.FromString(action.blobs[Digest.of_message(message)])
    names = [[node.name for node in nodes] for nodes in (folder.files, folder.directories, folder.symlinks)]
    assert all(each == sorted(each) for each in names), "entries are sorted by name"
    found: dict[str, bool | None] = {f"{prefix}{node.name}": node.is_executable for node in folder.files}
    for node in folder.directories:
        found[f"{prefix}{node.name}"] = None
        if Digest.of_message(node.digest) in action.blobs:
            found |= unpack(action, node.digest, f"{prefix}{node.name}/")
    return found


def test_the_messages_say_what_was_asked() -> None:
    """Command and input tree, read as any server of the API would read them."""
    action = make_action(REQUEST, tree("usr"), EPOCH)
    message = api.Action.FromString(action.blobs[action.digest.description])
    command = api.Command.FromString(action.blobs[Digest.of_message(message.command_digest)])
    assert list(command.arguments) == list(REQUEST.argv)
    assert [(each.name, each.value) for each in command.environment_variables] == [
        ("HOME", "/tmp"),
        ("LC_ALL", "C.UTF-8"),
        ("PATH", "/usr/bin:/opt/bin"),
        ("PWD", "/work"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("SOURCE_DATE_EPOCH", "315532800"),
        ("TZ", "UTC"),
        ("ZED", "1"),
    ]
    assert list(command.output_paths) == ["out/a.map", "out/deep/a.o"]
    assert command.working_directory == "work"
    assert unpack(action, message.input_root_digest) == {
        "usr": None,
        "work": None,
        "work/build": None,
        "work/build/layout.h": False,
        "work/out": None,
        "work/out/deep": None,
        "work/src": None,
        "work/src/a.c": False,
        "work/src/deep": None,
        "work/src/deep/tool": True,
    }


def test_every_blob_has_its_name() -> None:
    """What an action brings hashes to the digests it is kept under, and the key is the Action's own."""
    action = make_action(REQUEST, tree("usr"), EPOCH)
    assert all(digest_bytes(data) == digest for digest, data in action.blobs.items())
    assert action.digest.description in action.blobs


CHANGES: dict[str, Callable[[Request], Request]] = {
    "content": lambda each: replace(each, inputs={**each.inputs, "src/a.c": InputFile(digest_bytes(b"three"))}),
    "mode": lambda each: replace(each, inputs={**each.inputs, "src/a.c": replace(ONE, executable=True)}),
    "place": lambda each: replace(each, inputs={"src/b.c": ONE, "src/deep/tool": TWO, "build/layout.h": ONE}),
    "one input more": lambda each: replace(each, inputs={**each.inputs, "x": ONE}),
    "argument": lambda each: replace(each, argv=(*each.argv, "-O2")),
    "arguments joined": lambda each: replace(each, argv=("clang -c", *each.argv[2:])),
    "outputs": lambda each: replace(each, outputs=("deep/a.o",)),
    "variable": lambda each: replace(each, env={"ZED": "2"}),
    "search path": lambda each: replace(each, path=("/usr/bin",)),
}
SAME: dict[str, Callable[[Request], Request]] = {
    "label": lambda each: replace(each, label="other"),
    "kind": lambda each: replace(each, kind="other"),
    "line": lambda each: replace(each, location=Location(Path("elsewhere"), 9)),
    "hint": lambda each: replace(each, hint="other"),
    "order of inputs": lambda each: replace(each, inputs=dict(reversed(list(each.inputs.items())))),
    "order of outputs": lambda each: replace(each, outputs=tuple(reversed(each.outputs))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_can_change_the_outputs_changes_the_key(change: str) -> None:
    """Each part of a description is in the key."""
    key = make_action(REQUEST, tree("usr"), EPOCH).digest
    assert make_action(CHANGES[change](REQUEST), tree("usr"), EPOCH).digest != key


@pytest.mark.parametrize("change", SAME)
def test_what_cannot_change_the_outputs_is_not_in_the_key(change: str) -> None:
    """Names, lines and orders that no tool sees leave the key alone: results are shared between checkouts."""
    key = make_action(REQUEST, tree("usr"), EPOCH).digest
    assert make_action(SAME[change](REQUEST), tree("usr"), EPOCH).digest == key


def test_tools_and_date_are_in_the_key() -> None:
    """Another toolchain or another SOURCE_DATE_EPOCH is another action."""
    keys = {make_action(REQUEST, each, epoch).digest for each in (tree("usr"), tree("opt")) for epoch in (0, EPOCH)}
    assert len(keys) == 4


def test_a_recipes_variable_wins() -> None:
    """What a recipe sets replaces what is fixed for all."""
    assert environment(replace(REQUEST, env={"TZ": "CET"}), 0)["TZ"] == "CET"


PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)


@given(
    st.dictionaries(PATHS, st.tuples(st.binary(max_size=2), st.booleans())), st.lists(PATHS, max_size=4, unique=True)
)
def test_a_description_is_read_back_from_its_messages(files: dict[str, tuple[bytes, bool]], outputs: list[str]) -> None:
    """Whatever the tree looks like, `read_description` gives what `make_action` was given."""
    inputs = {
        path: InputFile(digest_bytes(data), executable)
        for path, (data, executable) in files.items()
        if not any(other.startswith(f"{path}/") for other in files)
    }
    action = make_action(replace(REQUEST, inputs=inputs, outputs=tuple(outputs)), tree("usr"), EPOCH)
    read = read_description(action.digest, action.blobs.__getitem__)
    assert read == action.description
    assert dict(read.inputs) == inputs


def test_what_is_gone_from_the_store_is_told() -> None:
    """A description whose messages are not there raises what the reader raises."""
    action = make_action(REQUEST, tree("usr"), EPOCH)
    nothing: dict[Digest, bytes] = {}
    with pytest.raises(KeyError):
        read_description(action.digest, nothing.__getitem__)


def foreign(
    outputs: tuple[str, ...] = ("out/a",), nodes: api.Directory | None = None, messages: Mapping[str, bytes] = {}
) -> tuple[ActionDigest, dict[Digest, bytes]]:
    """Return an action as somebody else could have made it: with these outputs, these inputs, these messages."""
    found: dict[Digest, bytes] = {}

    def put(data: bytes) -> Digest:
        digest = digest_bytes(data)
        found[digest] = data
        return digest

    work = put(canonical(nodes or api.Directory()))
    root = api.Directory(directories=[api.DirectoryNode(name="work", digest=work.to_message())])
    command = put(messages.get("command", canonical(api.Command(output_paths=outputs))))
    folder = put(messages.get("root", canonical(root)))
    action = api.Action(command_digest=command.to_message(), input_root_digest=folder.to_message())
    name = put(messages.get("action", canonical(action)))
    return ActionDigest(name.hash, name.size), found


def named(name: str) -> api.Directory:
    """A folder with one file."""
    return api.Directory(files=[api.FileNode(name=name, digest=ONE.digest.to_message())])


NO_DIGEST = api.Digest(hash="../../etc/passwd", size_bytes=1)
HOSTILE = {
    "no message at all": foreign(messages={"action": b"\xff"}),
    "a command that is none": foreign(messages={"command": b"\xff"}),
    "a tree that is none": foreign(messages={"root": b"\xff"}),
    "a digest that is none": foreign(messages={"action": canonical(api.Action(command_digest=NO_DIGEST))}),
    "an output above": foreign(outputs=("out/../../x",)),
    "an absolute output": foreign(outputs=("/etc/x",)),
    "an output beside out/": foreign(outputs=("src/a.c",)),
    "an output that is out/": foreign(outputs=("out/",)),
    "an input above": foreign(nodes=named("..")),
    "an input with a path": foreign(nodes=named("../../x")),
    "an absolute input": foreign(nodes=named("/etc/x")),
    "an input without a name": foreign(nodes=named("")),
    "an input with a zero byte": foreign(nodes=named("a\0b")),
    "a folder above": foreign(
        nodes=api.Directory(directories=[api.DirectoryNode(name="..", digest=ONE.digest.to_message())])
    ),
}


@pytest.mark.parametrize(("name", "blobs"), HOSTILE.values(), ids=HOSTILE)
def test_a_foreign_action_that_leaves_its_tree_is_refused(name: ActionDigest, blobs: dict[Digest, bytes]) -> None:
    """What is read from a store may come from anywhere; nobody is led out of `work/` by it, and nothing crashes."""
    with pytest.raises(StoreError, match="what an action was cannot be read"):
        read_description(name, blobs.__getitem__)


@pytest.mark.parametrize(("wide", "deep"), [(2, 60), (1, 5_000)], ids=["wide", "deep"])
def test_a_tree_without_end_is_refused(wide: int, deep: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few folders that name one another make more paths than there are atoms; the walk ends all the same."""
    monkeypatch.setattr("bfbuild.action.action.MOST_ENTRIES", 5_000)
    folder, blobs = api.Directory(), {}
    for _ in range(deep):
        digest = digest_bytes(canonical(folder))
        blobs[digest] = canonical(folder)
        folder = api.Directory(
            directories=[api.DirectoryNode(name=str(each), digest=digest.to_message()) for each in range(wide)]
        )
    name, others = foreign(nodes=folder)
    with pytest.raises(StoreError):
        read_description(name, (blobs | others).__getitem__)


@given(st.binary(max_size=200), st.sampled_from(["action", "command", "root"]))
def test_any_bytes_in_the_place_of_a_message_are_an_action_or_an_error(data: bytes, which: str) -> None:
    """Never a crash: what is read back is a description, or a StoreError, or a blob that is not there."""
    name, blobs = foreign(messages={which: data})
    with suppress(StoreError, KeyError):
        assert all(output.startswith("out/") for output in read_description(name, blobs.__getitem__).outputs)
