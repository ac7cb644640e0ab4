"""`doit cache show DIGEST|TARGET`: all that the store knows about one thing."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bfbuild.commands.cache import text as show
from bfbuild.commands.cache.describe import MOST_ENTRIES, Description, Entry, describe
from bfbuild.commands.cache.find import find
from bfbuild.commands.cache.trace import data as trace_data
from bfbuild.digest import Digest
from bfbuild.store.trace import BOOT, REMOTE, SERVER

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from bfbuild.protos.remote_execution_pb2 import ActionResult, Command
    from bfbuild.store import Store
    from bfbuild.store.trace import Trace


def look(store: Store, word: str) -> Description:
    """Return what a target or digest stands for; raise StoreError where nothing or too much is named so."""
    return describe(store, find(store, word))


def text(about: Description) -> str:
    """Return the lines for people."""
    lines = [f"{about.kind} {about.digest}"]
    if about.trace is not None:
        lines += _indented(_trace(about.trace))
    if about.mark is not None:
        lines += _indented([f"{'mark':<6} not deterministic: {about.mark.what}"])
    if about.command is not None:
        lines += _command(about.command)
    if about.tree is not None and about.entries is not None:
        lines += ["files" if about.kind == "directory" else f"inputs {about.tree}", *_indented(_tree(about.entries))]
    if about.result is not None:
        lines += _result(about.result)
    elif about.kind == "action":
        lines.append("no result")
    if about.signed:
        lines.append(f"signed by  {', '.join(about.signed)}")
    if about.text is not None:
        lines += ["content", about.text.rstrip("\n")]
    lines += [f"problem  {problem}" for problem in about.problems]
    return "\n".join(lines)


def data(about: Description) -> object:
    """Return the same for programs; messages in the JSON form of protobuf, with the field names of the API."""
    facts: dict[str, Any] = {"kind": about.kind, "digest": str(about.digest), "problems": about.problems}
    if about.trace is not None:
        facts["trace"] = trace_data(about.trace)
    if about.mark is not None:
        facts["not_deterministic"] = asdict(about.mark)
    for name in ("action", "command", "result"):
        message = getattr(about, name)
        if message is not None:
            facts[name] = _message_data(message)
    if about.signed:
        facts["signed_by"] = about.signed
    if about.entries is not None:
        facts["tree"] = str(about.tree)
        facts["entries"] = [
            {**entry._asdict(), "digest": None if entry.digest is None else str(entry.digest)}
            for entry in about.entries
        ]
    if about.text is not None:
        facts["text"] = about.text
    return facts


def _trace(trace: Trace) -> list[str]:
    rows = [
        ("label", f"{trace.label}  ({trace.recipe}:{trace.line})"),
        ("kind", trace.kind),
        ("ran", _ran(trace)),
        ("exit", str(trace.exit_code)),
        ("tools", trace.toolchain.short if trace.toolchain else "none"),
        ("why", trace.reason.text),
        *(("", f"{cause.kind} {cause.subject}: {cause.old} -> {cause.new}") for cause in trace.reason.causes),
    ]
    return [f"{name:<6} {value}" for name, value in rows]


def _ran(trace: Trace) -> str:
    """When, how long and where; how long a guest took for it is not known."""
    if trace.sandbox == BOOT:
        return f"{show.when(trace.started)}, in a boot"
    if trace.sandbox == SERVER:
        return f"{show.when(trace.started)}, taken from a server in {show.seconds(trace.duration)}"
    if trace.sandbox == REMOTE:
        return f"{show.when(trace.started)}, {show.seconds(trace.duration)}, at the cluster"
    return f"{show.when(trace.started)}, {show.seconds(trace.duration)}, in {trace.sandbox}"


def _command(command: Command) -> list[str]:
    lines = ["command", *_indented([shlex.join(command.arguments)])]
    if command.working_directory:
        lines += ["working folder", *_indented([command.working_directory])]
    if command.environment_variables:
        lines += ["environment"]
        lines += _indented(f"{each.name}={shlex.quote(each.value)}" for each in command.environment_variables)
    return lines


def _tree(entries: list[Entry]) -> list[str]:
    lines = [_entry(entry) for entry in entries]
    if len(entries) == MOST_ENTRIES:
        lines.append("... and perhaps more: show a folder in it by its digest")
    return lines or ["(nothing)"]


def _entry(entry: Entry) -> str:
    if entry.problem is not None:
        return f"{'-':<12}  {'':>10}  {entry.path}  (cannot be shown: {entry.problem})"
    if entry.target is not None:
        return f"{'link':<12}  {'':>10}  {entry.path} -> {entry.target}"
    return _file(entry.path, entry.digest, executable=entry.executable)


def _file(path: str, digest: Digest | None, *, executable: bool) -> str:
    name = digest.short if digest is not None else "-"
    size = f"{digest.size:,}" if digest is not None and not path.endswith("/") else ""
    return f"{name:<12}  {size:>10}  {path}{'*' if executable else ''}"


def _result(result: ActionResult) -> list[str]:
    lines = [
        _file(each.path, Digest.of_message(each.digest), executable=each.is_executable) for each in result.output_files
    ]
    lines += [
        _file(f"{each.path}/", Digest.of_message(each.root_directory_digest), executable=False)
        for each in result.output_directories
    ]
    lines += [f"{'link':<12}  {'':>10}  {each.path} -> {each.target}" for each in result.output_symlinks]
    for name in ("stdout", "stderr"):
        if result.HasField(f"{name}_digest"):
            lines.append(_file(f"({name})", Digest.of_message(getattr(result, f"{name}_digest")), executable=False))
    return ["outputs", *_indented(lines)]


def _message_data(message: Message) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415  (slow to import)

    return MessageToDict(message, preserving_proto_field_name=True)


def _indented(lines: Any) -> list[str]:
    return [f"  {line}" for line in lines]
