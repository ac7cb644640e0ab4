"""`doit cache ir diff KEY|FUNCTION`: optimized code beside what the build made of the same function."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from bfbuild.action.action import OUT
from bfbuild.commands.cache.ir import tools
from bfbuild.commands.cache.ir.found import Code, find, here
from bfbuild.commands.cache.ir.ls import fields
from bfbuild.commands.cache.ir.show import heads
from bfbuild.compare.elf import read
from bfbuild.errors import ActionError, StoreError
from bfbuild.recipe.graph import Output
from bfbuild.recipe.model import CObject, Link, Optimize

if TYPE_CHECKING:
    from bfbuild.commands.project import Project
    from bfbuild.realise import Step
    from bfbuild.store import Store

NARROWEST = 100  # columns of a terminal
NOTES = re.compile(r",? ![a-z.]+ !\d+|; preds = .*")
LETTERS = re.compile(r'define [^@]*@"?(?:\\01)?([\w.]+)"?\(')  # how a function begins in LLVM's text


class Beside(NamedTuple):
    """Two versions of a function, each as LLVM's text and as instructions: the build's, and the optimized one."""

    code: Code
    built: str  # the object's name
    ir: tuple[list[str], list[str]]
    instructions: tuple[list[str], list[str]]


def look(store: Store, word: str) -> Beside:
    """Build the object that has the function too, and read both; raise StoreError where there is no such object."""
    project = here()
    code = find(store, project, word)
    object_ = _object(project, code)
    project.build([object_])
    step = next(step for step in project.steps if step.recipe.name == object_.name)
    built = store.cas.get_bytes(project.output(object_.name).digest)
    name = _symbol(built, code.function)
    before = _functions(_compiled(project, step))
    after = _functions(tools.ir(project, store.cas.get_bytes(code.optimized)))
    return Beside(
        code,
        object_.name,
        (before.get(name, []), [line for lines in after.values() for line in (*lines, "")]),
        (
            tools.disassembly(project, built, name),
            tools.disassembly(project, store.cas.get_bytes(code.object)),
        ),
    )


def text(beside: Beside) -> str:
    """Return both side by side, as wide as the terminal is."""
    width = max(shutil.get_terminal_size((160, 24)).columns, NARROWEST) // 2 - 2
    titles = (f"{beside.code.function} of {beside.built}", f"optimized, {beside.code.key[:12]}")
    lines = heads(beside.code)
    for left, right in (beside.ir, beside.instructions):
        lines += ["", *_columns([titles[0], "", *left], [titles[1], "", *right], width)]
    return "\n".join(lines)


def data(beside: Beside) -> object:
    """Return the same for programs."""
    (old_ir, new_ir), (old, new) = beside.ir, beside.instructions
    return {
        **fields(beside.code),
        "built": {"object": beside.built, "ir": old_ir, "disassembly": old},
        "optimized": {"ir": new_ir, "disassembly": new},
    }


def _object(project: Project, code: Code) -> CObject:
    """The recipe that makes the object that is linked, of the source that the code's bitcode was made of."""
    graph = project.graph
    recipe = graph.recipes.get(code.trace.label)
    if isinstance(recipe, Optimize):
        linked = {file for link in graph.of_type(Link) for file in graph.files(link, "inputs")}
        bitcode = graph.file(recipe.bitcode)
        source = graph.files(bitcode.recipe, "source") if isinstance(bitcode, Output) else ()
        for other in graph.of_type(CObject):
            if graph.files(other, "source") == source and graph.file(other) in linked:
                return other
    raise StoreError(
        "the build's own version of this function is not known",
        facts=[("function", code.function), ("key", code.key)],
        hint="it is where a recorded profile has this request, and an object of the same source is linked",
    )


def _symbol(object_: bytes, function: str) -> str:
    """The symbol of the function in an object: its name, or one that ends so, whichever has more bytes."""
    program = read(object_)
    symbols = program.symbols if program is not None else {}
    named = [name for name in symbols if name == function or name.endswith(f"_{function}")]
    return max(named, key=lambda name: symbols[name].size, default=function)


def _compiled(project: Project, step: Step) -> str:
    """LLVM's text of what an action compiles, with the same flags."""
    request = step.action.request
    place = f"{OUT}/{request.outputs[0]}"
    argv = ["-S" if word == "-c" else word for word in request.argv]
    root = project.toolchains.ensure(project.graph.recipes[step.recipe.name].toolchain)  # type: ignore[attr-defined]
    with project.store.scratch.folder() as folder:
        project.executor.lay_out(step.action.description, folder)
        command = project.executor.command([argv[0], "-emit-llvm", *argv[1:]], root, folder)
        environment = dict(step.action.description.environment)
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=tools.HARMLESS_S
        )
        if done.returncode != 0:
            facts = [("recipe", step.recipe.name), ("exit", done.returncode)]
            raise ActionError("a source cannot be compiled to LLVM's text", facts=facts, detail=done.stderr)
        return (folder / place).read_text(encoding="utf-8", errors="replace")


def _functions(ir: str) -> dict[str, list[str]]:
    """The functions in LLVM's text by their symbols, without notes that refer to what is elsewhere."""
    found: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for line in ir.splitlines():
        begins = LETTERS.match(line)
        if begins is not None:
            lines = found.setdefault(begins[1], [])
        if lines is not None and "@llvm.dbg." not in line and not line.lstrip().startswith("#dbg_"):
            lines.append(NOTES.sub("", line).rstrip())
        if line == "}":
            lines = None
    return found


def _columns(left: Sequence[str], right: Sequence[str], width: int) -> Iterator[str]:
    for one, other in zip_longest(left, right, fillvalue=""):
        yield f"{one[:width].ljust(width)}  | {other[:width]}".rstrip()
