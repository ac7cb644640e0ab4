"""Actions made by hand for tests of the store: everything that a build would leave of one, known to the last byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bfbuild.digest import ActionDigest, Digest, canonical, digest_bytes
from bfbuild.protos.remote_execution_pb2 import Action, ActionResult, Command, Directory
from bfbuild.store.collect import Limits
from bfbuild.store.roots import Root
from bfbuild.store.trace import Build, Reason, Step, Trace, Traces

if TYPE_CHECKING:
    from bfbuild.store import Store

DAY = 24 * 3600 * 10**9
NOW = 1_795_477_026_000_000_000
NOTHING = Limits(builds=0, age=-(10**20))  # keeps nothing for its age: not even what the future will write


class Made(NamedTuple):
    """An action and the content that belongs to it."""

    label: str
    action: ActionDigest
    unpacking: ActionDigest  # of its toolchain
    packages: tuple[Digest, ...]
    content: frozenset[Digest]  # all of it, packages included


def folder(files: dict[str, Digest] | None = None, folders: dict[str, Digest] | None = None) -> bytes:
    """Return the canonical Directory of these."""
    message = Directory()
    for name, digest in sorted((files or {}).items()):
        message.files.add(name=name, digest=digest.to_message())
    for name, digest in sorted((folders or {}).items()):
        message.directories.add(name=name, digest=digest.to_message())
    return canonical(message)


def make_tools(store: Store, name: str = "tools", *, version: str = "") -> Made:
    """Unpack a toolchain of one package, of which each version has the same files: `usr`, and an empty `work`."""
    with store.cas.batch() as batch:
        package = batch.put_bytes(f"package {name}{version}".encode())
        inputs = batch.put_bytes(folder({"package.deb": package}))
        command = batch.put_bytes(canonical(Command(arguments=["unpack"])))
        usr = batch.put_bytes(folder({name: digest_bytes(name.encode())}))  # the tool itself is no content
        root = batch.put_bytes(folder(folders={"usr": usr, "work": digest_bytes(b"")}))
        action = batch.put_bytes(
            canonical(Action(command_digest=command.to_message(), input_root_digest=inputs.to_message()))
        )
    key = ActionDigest(action.hash, action.size)
    result = ActionResult()
    result.output_directories.add(path="root", root_directory_digest=root.to_message())
    store.results.put(key, result)
    return Made(name, key, key, (package,), frozenset({package, inputs, command, usr, root, action}))


def make(
    store: Store, label: str, *, text: str = "", started: int = NOW, seconds: int = 1, tools: str = "tools"
) -> Made:
    """Execute an action that makes `label` of one source, with a toolchain; its source and output hold `text`."""
    unpacked = make_tools(store, tools)
    with store.cas.batch() as batch:
        source = batch.put_bytes(f"source of {label} {text}".encode())
        output = batch.put_bytes(f"output of {label} {text}".encode())
        stdout, stderr = batch.put_bytes(b""), batch.put_bytes(f"{label} said {text}".encode())
        src = batch.put_bytes(folder({"a.c": source}))
        work = batch.put_bytes(folder(folders={"src": src}))
        usr = digest_bytes(folder({tools: digest_bytes(tools.encode())}))
        root = batch.put_bytes(folder(folders={"usr": usr, "work": work}))
        command = batch.put_bytes(canonical(Command(arguments=["cc", label], output_paths=[f"out/{label}"])))
        action = batch.put_bytes(
            canonical(Action(command_digest=command.to_message(), input_root_digest=root.to_message()))
        )
    key = ActionDigest(action.hash, action.size)
    result = ActionResult()
    result.output_files.add(path=f"out/{label}", digest=output.to_message())
    store.results.put(key, result)
    Traces(store.traces.path).record(  # as a process of its own does, so its record may go alone
        Trace(
            label=label,
            recipe="recipes/all.py",
            line=1,
            kind="compile",
            action=key,
            command=f"cc {label}",
            reason=Reason(text="it was never built"),
            toolchain=None,
            sandbox="bubblewrap",
            started=started,
            duration=seconds * 10**9,
            exit_code=0,
            stdout=stdout,
            stderr=stderr,
            outputs={label: output},
        )
    )
    own = {source, output, stdout, stderr, src, work, root, command, action}
    return Made(label, key, unpacked.action, unpacked.packages, frozenset(own | unpacked.content))


def root_of(*made: Made, name: str = "pinned", checkout: str | None = None) -> Root:
    """Return a root that lists these actions."""
    actions = {f"{number} {each.label}": each.action for number, each in enumerate(made)}
    return Root(name=name, target=made[0].label, checkout=checkout, made=NOW, actions=actions, downloads=())


def record_build(store: Store, *made: Made, started: int = NOW) -> None:
    """Record a build of these, all of them hits."""
    steps = tuple(Step(label=each.label, action=each.action, decision="hit", reason="", needs=()) for each in made)
    Traces(store.traces.path).record_build(
        Build(id=f"b{started}", project="demo", started=started, targets=(made[0].label,), steps=steps)
    )


def whole(store: Store, made: Made) -> bool:
    """Whether all of an action is in the store, its result among it."""
    return {path.name for path in store.cas.path.glob("??/*")} >= {each.hash for each in made.content} and (
        made.action.hash in set(store.results.hashes())
    )


def gone(store: Store, made: Made, *, but: Made | None = None) -> bool:
    """Whether nothing of an action is in the store, except what another has too."""
    shared = but.content if but is not None else frozenset()
    left = {each.hash for each in made.content - shared} & {path.name for path in store.cas.path.glob("??/*")}
    return not left and made.action.hash not in set(store.results.hashes())
