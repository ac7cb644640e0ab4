"""An Action: one command with its input tree, environment and declared outputs, as the Remote Execution API v2 has it.

The input tree is the toolchain's root with one folder more, `work/`: it holds the inputs and is the working directory.
So an action carries its tools with it, and any server that runs a command in its input root can run it. Rules:

- inputs lie below `work/`, read-only; `work/out/` alone may be written, and all declared outputs lie there;
- entries of a directory, environment variables and output paths are sorted, as the API demands of canonical messages;
- the key is the digest of the serialized Action: equal keys mean equal bytes of everything above.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from bfbuild.digest import ActionDigest, Digest, canonical, digest_bytes
from bfbuild.errors import Location
from bfbuild.protos import remote_execution_pb2 as api

if TYPE_CHECKING:
    from bfbuild.recipe.graph import File, Graph

WORK = "work"
OUT = "out"


@dataclass(frozen=True)
class InputFile:
    """A file of the input tree."""

    digest: Digest
    executable: bool = False


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

    def read(self, file: File) -> bytes:
        """Its content."""

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
    hint: str | None = None  # shown when the tool fails


@dataclass(frozen=True)
class Action:
    """A request with its key and messages: `blobs` are the serialized Action, Command and directories of `work/`."""

    request: Request
    toolchain: Digest
    digest: ActionDigest
    blobs: Mapping[Digest, bytes]


def make_action(request: Request, tree: Tree, source_date_epoch: int) -> Action:
    """Return the action that runs `request` in the root `tree`."""
    blobs: dict[Digest, bytes] = {}
    work = _directory(request.inputs, request.outputs, blobs)
    root = api.Directory()
    root.CopyFrom(tree.root)
    kept = [node for node in root.directories if node.name != WORK]
    del root.directories[:]
    root.directories.extend(sorted([*kept, api.DirectoryNode(name=WORK, digest=work.to_message())], key=_name))
    command = api.Command(
        arguments=request.argv,
        environment_variables=[
            api.Command.EnvironmentVariable(name=name, value=value)
            for name, value in sorted(environment(request, source_date_epoch).items())
        ],
        output_paths=sorted(f"{OUT}/{name}" for name in request.outputs),
        working_directory=WORK,
    )
    action = api.Action(
        command_digest=_put(canonical(command), blobs).to_message(),
        input_root_digest=_put(canonical(root), blobs).to_message(),
    )
    name = _put(canonical(action), blobs)
    return Action(request, tree.digest, ActionDigest(name.hash, name.size), blobs)


def environment(request: Request, source_date_epoch: int) -> dict[str, str]:
    """All that an action sees of an environment: fixed, but for what its recipe adds."""
    return {
        "HOME": "/tmp",  # noqa: S108  (inside the sandbox: a fresh tmpfs)
        "LC_ALL": "C.UTF-8",
        "PATH": ":".join(request.path),
        "SOURCE_DATE_EPOCH": str(source_date_epoch),
        "TZ": "UTC",
        **request.env,
    }


def _directory(inputs: Mapping[str, InputFile], outputs: tuple[str, ...], blobs: dict[Digest, bytes]) -> Digest:
    """Build the directories of `work/` from the leaves up; the folders that outputs need exist from the start."""
    files: dict[PurePosixPath, list[api.FileNode]] = {}
    folders: set[PurePosixPath] = {PurePosixPath(OUT, name).parent for name in outputs} | {PurePosixPath(OUT)}
    for path, file in inputs.items():
        place = PurePosixPath(path)
        files.setdefault(place.parent, []).append(
            api.FileNode(name=place.name, digest=file.digest.to_message(), is_executable=file.executable)
        )
        folders.add(place.parent)
    for folder in list(folders):
        folders.update(folder.parents)
    nodes: dict[PurePosixPath, list[api.DirectoryNode]] = {}
    top = PurePosixPath()
    for folder in sorted(folders, key=lambda each: (-len(each.parts), each)):
        message = api.Directory(
            files=sorted(files.get(folder, []), key=_name), directories=sorted(nodes.get(folder, []), key=_name)
        )
        digest = _put(canonical(message), blobs)
        if folder == top:
            return digest
        nodes.setdefault(folder.parent, []).append(api.DirectoryNode(name=folder.name, digest=digest.to_message()))
    raise AssertionError("the top folder is always among the folders")


def _name(node: api.FileNode | api.DirectoryNode) -> str:
    return node.name


def _put(data: bytes, blobs: dict[Digest, bytes]) -> Digest:
    digest = digest_bytes(data)
    blobs[digest] = data
    return digest
