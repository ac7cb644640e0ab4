"""The two builds of a release: each from nothing, in surroundings of its own; then compared, action by action.

Equal releases come of equal actions with equal results. So where two builds differ, the first recipe whose action is
another one though its inputs are equal, or whose action came out otherwise, is at fault, and what only followed is not
told. Both are explained by meaning.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.action.action import OUT, read_description
from bfbuild.action.optimize import REQUEST
from bfbuild.compare import compare
from bfbuild.compare.finding import lines
from bfbuild.decide import compare as compare_descriptions
from bfbuild.decide import told as in_words
from bfbuild.digest import ActionDigest, Digest
from bfbuild.errors import ActionError, Location, ReleaseError
from bfbuild.execute.parent import die_with_parent

if TYPE_CHECKING:
    from bfbuild.files import Files
    from bfbuild.realise import Step
    from bfbuild.recipe.graph import Graph
    from bfbuild.release.disturb import Surroundings
    from bfbuild.store.results import Results
    from bfbuild.store.trace import Cause

MODULE = "bfbuild.commands.rebuild"
SHOWN = 12  # lines of a difference
LOADER = ("LD_LIBRARY_PATH", "PATH", "VIRTUAL_ENV")  # what this very Python may need to run again

Read = Callable[[Digest], bytes]


@dataclass(frozen=True)
class Came:
    """What came of one action: the content of its outputs by name, and whether they are executable."""

    label: str
    recipe: str
    line: int
    action: ActionDigest
    outputs: Mapping[str, tuple[Digest, bool]]
    names: Mapping[str, str]  # of inputs with a fixed place: what they are called elsewhere


@dataclass(frozen=True)
class Order:
    """What is to be built: by which variables, of which store the tools are, and where it may make folders."""

    targets: Sequence[str]
    environment: Mapping[str, str]
    store: Path
    folder: Path


def build(order: Order, root: Path, commit: str, where: Surroundings, *, keeps: bool) -> list[Came]:
    """Build the project at `root` as it was committed; with `keeps` its results go to the user's store.

    Raise ActionError where that fails; why is said on standard error by then.
    """
    checkout = _checkout(order, root, commit, where)
    name = where.folder.rpartition("/")[2]
    disk, wanted, answer = (order.folder / f"{name}.{kind}" for kind in ("disk", "order", "answer"))
    disk.mkdir()
    data = {
        "targets": list(order.targets),
        "environment": dict(order.environment),
        "store": str(order.store),
        "disk": str(disk),
        "keeps": keeps,
        "surroundings": asdict(where),
    }
    wanted.write_text(json.dumps(data), encoding="utf-8")
    kept = {name: os.environ[name] for name in LOADER if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", MODULE, str(wanted), str(answer)],
        cwd=checkout,
        env={**kept, **where.environment},
        stdin=subprocess.DEVNULL,
        check=False,
        preexec_fn=die_with_parent,
    )
    if done.returncode != 0:
        raise ActionError(
            "a build of the release failed",
            facts=[("build", name), ("exit", done.returncode)],
            hint="it saw only what is committed, and the locked tools",
        )
    return from_json(answer.read_text(encoding="ascii"))


def _checkout(order: Order, root: Path, commit: str, where: Surroundings) -> Path:
    """Lay out what was committed, for nobody but this build, and return the project's folder in it."""
    checkout = order.folder / where.folder
    checkout.parent.mkdir(parents=True, exist_ok=True)
    repository, project = _git(root, "rev-parse", "--show-toplevel"), _git(root, "rev-parse", "--show-prefix")
    _git(Path(repository), "clone", "--quiet", "--shared", "--no-checkout", ".", str(checkout), umask=where.umask)
    _git(checkout, "checkout", "--quiet", "--detach", commit, umask=where.umask)
    for folder, _, names in os.walk(checkout / project):
        for name in names:
            os.utime(Path(folder, name), (where.touched, where.touched), follow_symlinks=False)
    return checkout / project


def _git(folder: Path, *arguments: str, umask: int = -1) -> str:
    """Return what git says, without the end of its line; raise ReleaseError."""
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments], capture_output=True, text=True, check=True, umask=umask
        )
    except subprocess.CalledProcessError as error:
        raise ReleaseError("a fresh checkout cannot be made", facts=[("why", error.stderr.strip())]) from error
    return done.stdout.removesuffix("\n")


def told(steps: Iterable[Step], graph: Graph, files: Files) -> list[Came]:
    """Return what came of the steps of a build that ended well."""
    return [
        Came(
            label=step.recipe.name,
            recipe=os.path.relpath(step.recipe.location.path, files.root),
            line=step.recipe.location.line,
            action=step.action.digest,
            outputs={
                name: (files.made[name].digest, files.made[name].executable)
                for name in graph.recipes[step.recipe.name].outputs
            },
            names=step.action.request.names,
        )
        for step in steps
    ]


def recorded(came: Iterable[Came], results: Results) -> list[Came]:
    """Return what a store has on record of the same actions, whoever put it there: a boot, or an earlier build."""
    found = []
    for each in came:
        result = results.get(each.action)
        assert result is not None, "the build handed it over"
        outputs: dict[str, tuple[Digest, bool]] = {}
        for output in result.output_files:
            place = output.path.removeprefix(f"{OUT}/")
            outputs[each.names.get(place, place)] = (Digest.of_message(output.digest), output.is_executable)
        if result.HasField("stdout_digest"):
            printed = (Digest.of_message(result.stdout_digest), False)
            outputs |= {name: printed for name in each.outputs if name not in outputs}
        found.append(replace(each, outputs=outputs))
    return found


def to_json(came: Iterable[Came]) -> str:
    """Return what `from_json` reads."""
    data = [
        {
            "label": each.label,
            "recipe": each.recipe,
            "line": each.line,
            "action": str(each.action),
            "outputs": {name: [str(digest), executable] for name, (digest, executable) in each.outputs.items()},
            "names": dict(each.names),
        }
        for each in came
    ]
    return json.dumps(data, ensure_ascii=True)


def from_json(text: str) -> list[Came]:
    """Return what `to_json` was given."""
    return [
        Came(
            label=each["label"],
            recipe=each["recipe"],
            line=each["line"],
            action=ActionDigest.parse(each["action"]),
            outputs={
                name: (Digest.parse(digest), executable) for name, (digest, executable) in each["outputs"].items()
            },
            names=each["names"],
        )
        for each in json.loads(text)
    ]


def differences(
    first: Sequence[Came], second: Sequence[Came], read: Read, root: Path, than: str = "the second time"
) -> list[ActionError]:
    """Return an error for each recipe at fault for a difference; `read` gives what either build made or ran.

    `first` MUST have each action after those that it needs; `than` says in words what the second is.
    """
    others = {came.label: came for came in second}
    differing: set[str] = set()  # places of outputs
    found = []
    for came in first:
        other = others.pop(came.label, None)
        if other is None:
            found.append(_fault(came, root, "was declared only in the first build"))
        elif came.action != other.action:
            found += _declared(came, other, differing, read, root)
        else:
            found += _made(came, other, read, root, than)
        if other is None or came.outputs != other.outputs:
            differing |= {f"build/{name}" for name in came.outputs}
    found += [_fault(came, root, "was declared only in the second build") for came in others.values()]
    return found


def _made(came: Came, other: Came, read: Read, root: Path, than: str) -> Iterator[ActionError]:
    """Yield what one action made otherwise: of several outputs the first."""
    for name, made in sorted(came.outputs.items()):
        again = other.outputs.get(name)
        if again is None:
            yield _fault(came, root, f"came out otherwise {than}", name, ["it is not there"])
            return
        if made != again:
            shown = lines(compare(read(made[0]), read(again[0])))
            mode = [] if made[1] == again[1] else [f"{name} is executable in one of the two builds alone"]
            yield _fault(came, root, f"came out otherwise {than}", name, [*shown, *mode])
            return


def _declared(came: Came, other: Came, differing: set[str], read: Read, root: Path) -> Iterator[ActionError]:
    """Yield that a recipe asked for something else the second time, unless that only follows from its inputs."""
    causes = list(compare_descriptions(read_description(came.action, read), read_description(other.action, read)))
    inputs = {each.subject for each in causes if each.kind == "input"}
    follow = {place for place in inputs if came.names.get(place, place) in differing}
    if follow:
        follow.add(REQUEST)  # it has the digests of the others in it
    own = [each for each in causes if each.kind != "input" or each.subject not in follow]
    if own:
        yield _fault(came, root, "was declared otherwise the second time", "", [_told(each) for each in own])


def _told(cause: Cause) -> str:
    values = f": {cause.old} -> {cause.new}" if cause.old is not None and cause.new is not None else ""
    return f"{in_words(cause)}{values}"


def _fault(came: Came, root: Path, what: str, output: str = "", shown: Sequence[str] = ()) -> ActionError:
    more = [f"... and {len(shown) - SHOWN} lines more"] if len(shown) > SHOWN else []
    return ActionError(
        "the two builds of the release differ",
        facts=[("recipe", came.label), ("it", what), *([("output", output)] if output else [])],
        location=Location(root / came.recipe, came.line),
        hint="what the two builds could see otherwise stands in docs/releases.md",
        detail="\n".join([*shown[:SHOWN], *more]),
    )
