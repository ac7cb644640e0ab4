"""An Action: one command with its input tree, environment and declared outputs, as the Remote Execution API v2 has it.

The input tree is the toolchain's root with one folder more, `work/`: it holds the inputs and is the working directory.
So an action carries its tools with it, and any server that runs a command in its input root can run it. Rules:

- inputs lie below `work/`, read-only; `work/out/` alone may be written, and all declared outputs lie there;
- entries of a directory, environment variables and output paths are sorted, as the API demands of canonical messages;
- the key is the digest of the serialized Action: equal keys mean equal bytes of everything above.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from google.protobuf.message import DecodeError

from bfbuild.digest import ActionDigest, Digest, canonical, digest_bytes
from bfbuild.errors import Location, StoreError
from bfbuild.protos import remote_execution_pb2 as api

if TYPE_CHECKING:
    from bfbuild.action.scan import Directives, Include
    from bfbuild.errors import BareflowError
    from bfbuild.recipe.graph import File, Graph

WORK = "work"
OUT = "out"
MOST_ENTRIES = 200_000  # of an input tree that is read back
DEEPEST = 100  # folders in one another


@dataclass(frozen=True)
class InputFile:
    """A file of the input tree."""

    digest: Digest
    executable: bool = False


class Edited(Exception):  # noqa: N818  (an event, not an error)
    """A source no longer has the bytes that an action was planned with."""


class Inputs(Protocol):
    """What a kind sees of a build: the files that exist when a recipe's turn comes."""

    @property
    def graph(self) -> Graph:
        """The recipes and what they need."""

    @property
    def root(self) -> Path:
        """The project's folder."""

    def file(self, file: File) -> InputFile:
        """The digest of a source or of an output that was made by now."""

    def includes(self, file: File, directives: Directives) -> Sequence[Include]:
        """What it includes, by the directives of its language."""

    def data(self, data: bytes) -> InputFile:
        """A file made of these bytes."""

    def is_source(self, path: str) -> bool:
        """Whether the project has a source file at `path`, declared or not."""


@dataclass(frozen=True)
class Tree:
    """An unpacked toolchain: the digest of its root Directory, and that Directory."""

    digest: Digest
    root: api.Directory


@dataclass(frozen=True)
class Request:
    """What a kind asks to be run; `Action` makes the messages of it.

    `outputs` are names; each is made at `out/NAME`. `stdout` is one name more, for what the tool prints: the API keeps
    that as `ActionResult.stdout_digest`, so no shell is needed to make a file of it. `inputs` are paths below `work/`.
    Where places are fixed, so that an action does not depend on what its files are called, `names` says what they are
    elsewhere: the place of an input among other actions, the name of an output.
    """

    label: str
    kind: str
    location: Location
    argv: tuple[str, ...]
    inputs: Mapping[str, InputFile]
    outputs: tuple[str, ...]
    path: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    stdout: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    hint: str | None = None  # shown when the tool fails
    explain: Callable[[str], BareflowError | None] | None = None  # makes an error of what a tool of ours said

    def name(self, place: str) -> str:
        """What a file at a place is called elsewhere."""
        return self.names.get(place, place)


@dataclass(frozen=True)
class Description:
    """What an action is, apart from why it is wanted: all that its key is made of."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    inputs: Mapping[str, InputFile]  # by path below work/
    outputs: tuple[str, ...]  # by path below work/
    toolchain: Digest  # the root, without what is in work/


@dataclass(frozen=True)
class Action:
    """A request with its key; `blobs` are the serialized Action, Command and directories of `work/`."""

    request: Request
    description: Description
    digest: ActionDigest
    blobs: Mapping[Digest, bytes]


def make_action(request: Request, tree: Tree, source_date_epoch: int) -> Action:
    """Return the action that runs `request` in the root `tree`."""
    description = Description(
        arguments=request.argv,
        environment=environment(request, source_date_epoch),
        inputs=request.inputs,
        outputs=tuple(sorted(f"{OUT}/{name}" for name in request.outputs)),
        toolchain=tree.digest,
    )
    blobs: dict[Digest, bytes] = {}
    work = _directory(description, blobs)
    command = api.Command(
        arguments=description.arguments,
        environment_variables=[
            api.Command.EnvironmentVariable(name=name, value=value)
            for name, value in sorted(description.environment.items())
        ],
        output_paths=description.outputs,
        working_directory=WORK,
    )
    action = api.Action(
        command_digest=_put(canonical(command), blobs).to_message(),
        input_root_digest=_put(canonical(_with_work(tree.root, work)), blobs).to_message(),
    )
    name = _put(canonical(action), blobs)
    return Action(request, description, ActionDigest(name.hash, name.size), blobs)


def read_description(name: ActionDigest, read: Callable[[Digest], bytes]) -> Description:
    """Read back what an action is from its messages; what `read` raises for a blob that is gone is passed on.

    Raise StoreError for what no `make_action` makes: a blob that is no such message, a path that leaves `work/`.
    """
    try:
        return _description(name, read)
    except (DecodeError, ValueError) as error:
        facts: list[tuple[str, object]] = [("action", name), ("why", str(error) or "it is no message")]
        raise StoreError("what an action was cannot be read", facts=facts) from error


def _description(name: ActionDigest, read: Callable[[Digest], bytes]) -> Description:
    action = api.Action.FromString(read(name.description))
    command = api.Command.FromString(read(Digest.of_message(action.command_digest)))
    root = api.Directory.FromString(read(Digest.of_message(action.input_root_digest)))
    inputs: dict[str, InputFile] = {}
    for node in root.directories:
        if node.name == WORK:
            inputs = _walk(Digest.of_message(node.digest), read)
    for output in command.output_paths:
        if not output.startswith(f"{OUT}/") or not all(map(_is_plain, output.split("/"))):
            raise ValueError(f"its output {output!r} is not below {OUT}/")
    return Description(
        arguments=tuple(command.arguments),
        environment={each.name: each.value for each in command.environment_variables},
        inputs=inputs,
        outputs=tuple(command.output_paths),
        toolchain=toolchain_of(root),
    )


def toolchain_of(root: api.Directory) -> Digest:
    """Return the root of the toolchain that an input tree was made of: there `work/` is a mount point, empty."""
    return digest_bytes(canonical(_with_work(root, digest_bytes(b""))))


def _with_work(root: api.Directory, work: Digest) -> api.Directory:
    """Return a toolchain's root with another `work/` in it."""
    nodes = [node for node in root.directories if node.name != WORK]
    nodes.append(api.DirectoryNode(name=WORK, digest=work.to_message()))
    nodes.sort(key=lambda node: node.name)
    return api.Directory(files=root.files, directories=nodes, symlinks=root.symlinks)


def _walk(top: Digest, read: Callable[[Digest], bytes]) -> dict[str, InputFile]:
    """Return the files of a tree by path; folders can name one another so that few bytes make many, hence the limit."""
    found: dict[str, InputFile] = {}
    pending = [("", top)]
    for count, (prefix, digest) in enumerate(pending):  # grows while it is walked
        folder = api.Directory.FromString(read(digest))
        for name in (*(node.name for node in folder.files), *(node.name for node in folder.directories)):
            if not _is_plain(name):
                raise ValueError(f"{name!r} is no name of a file")
        for file in folder.files:
            found[prefix + file.name] = InputFile(Digest.of_message(file.digest), file.is_executable)
        pending += [(f"{prefix}{node.name}/", Digest.of_message(node.digest)) for node in folder.directories]
        if count + len(found) > MOST_ENTRIES or prefix.count("/") > DEEPEST:
            raise ValueError("its input tree has no end")
    return found


def _is_plain(name: str) -> bool:
    """Whether one part of a path stays where it is."""
    return name not in {"", ".", ".."} and "/" not in name and "\0" not in name


def environment(request: Request, source_date_epoch: int) -> dict[str, str]:
    """All that an action sees of an environment: fixed, but for what its recipe adds."""
    return {
        "HOME": "/tmp",  # noqa: S108  (inside the sandbox: a fresh tmpfs)
        "LC_ALL": "C.UTF-8",
        "PATH": ":".join(request.path),
        "PWD": f"/{WORK}",  # bubblewrap would set it anyway; so it is declared, and the same at every level
        "PYTHONDONTWRITEBYTECODE": "1",  # beside its modules, which are the toolchain's: under proot it could
        "SOURCE_DATE_EPOCH": str(source_date_epoch),
        "TZ": "UTC",
        **request.env,
    }


def _directory(description: Description, blobs: dict[Digest, bytes]) -> Digest:
    """Build the directories of `work/` from the leaves up; the folders that outputs need exist from the start."""
    files: dict[str, list[api.FileNode]] = {OUT: []}
    for path, file in description.inputs.items():
        folder, _, name = path.rpartition("/")
        node = api.FileNode(name=name, digest=file.digest.to_message(), is_executable=file.executable)
        files.setdefault(folder, []).append(node)
    for path in description.outputs:
        files.setdefault(path.rpartition("/")[0], [])
    for folder in list(files):
        while folder := folder.rpartition("/")[0]:
            files.setdefault(folder, [])
    folders: dict[str, list[api.DirectoryNode]] = {}
    for folder in sorted(files.keys() - {""}, key=lambda path: -path.count("/")):
        digest = _put(_serialized(files[folder], folders.get(folder, [])), blobs)
        above, _, name = folder.rpartition("/")
        folders.setdefault(above, []).append(api.DirectoryNode(name=name, digest=digest.to_message()))
    return _put(_serialized(files.get("", []), folders.get("", [])), blobs)


def _serialized(files: list[api.FileNode], folders: list[api.DirectoryNode]) -> bytes:
    files.sort(key=lambda node: node.name)
    folders.sort(key=lambda node: node.name)
    return canonical(api.Directory(files=files, directories=folders))


def _put(data: bytes, blobs: dict[Digest, bytes]) -> Digest:
    digest = digest_bytes(data)
    blobs[digest] = data
    return digest
