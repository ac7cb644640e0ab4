"""Requests to a compiler module: the same action whether a recipe, a boot or a command wants it.

Inputs and outputs lie at fixed places, whatever they are called elsewhere, and the module is a static program that runs
in the sandbox's own root. So the action's key is made of compiler, request and bitcode alone, and what a guest made of
a request can be filed as its result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bfbuild.action.action import OUT, InputFile, Request
from bfbuild.errors import ActionError
from bfbuild.recipe.profile import request_text, still

if TYPE_CHECKING:
    from bfbuild.action.action import Inputs
    from bfbuild.errors import Location
    from bfbuild.recipe.model import Optimize

KIND = "optimize"
FOLDER = "bfbuild-optimize"
COMPILER, REQUEST, BITCODE = (f"{FOLDER}/{name}" for name in ("compiler", "request", "bitcode"))
OUTPUTS = OBJECT, OPTIMIZED = "object.o", "optimized.bc"
UNSTARTED = ("bwrap: exec", "proot error: exec")  # how either sandbox begins to say that a program is none


def optimize(recipe: Optimize, inputs: Inputs) -> Request:
    """Ask a compiler for what a recipe wants."""
    compiler, bitcode = inputs.graph.file(recipe.compiler), inputs.graph.file(recipe.bitcode)
    tool, source = inputs.file(compiler), inputs.file(bitcode)
    lines = recipe.lines if recipe.made_for in (None, source.digest.hash) else still(recipe.lines)
    request = inputs.data(request_text(tool.digest.hash, source.digest.hash, lines))
    names = dict(
        zip((COMPILER, BITCODE, OBJECT, OPTIMIZED), (compiler.place, bitcode.place, *recipe.outputs), strict=True)
    )
    return asked(recipe.name, recipe.location, {COMPILER: tool, REQUEST: request, BITCODE: source}, names)


def asked(label: str, location: Location, inputs: dict[str, InputFile], names: dict[str, str]) -> Request:
    """Run a compiler module with these inputs, by their fixed places; `names` are theirs and the outputs' elsewhere."""
    return Request(
        label=label,
        kind=KIND,
        location=location,
        argv=(f"./{COMPILER}", REQUEST, BITCODE, f"{OUT}/{OBJECT}", f"{OUT}/{OPTIMIZED}"),
        inputs={place: inputs[place] for place in sorted(inputs)}
        | {COMPILER: InputFile(inputs[COMPILER].digest, executable=True)},
        outputs=OUTPUTS,
        path=(),
        env={"SOURCE_DATE_EPOCH": "0"},  # the same whenever it is built: a compiler module writes no dates
        names=names,
        hint="where it lacks the function, the profile is older than the source: the next `doit run` records it anew",
        explain=_unstarted,
    )


def _unstarted(said: str) -> ActionError | None:
    """The error where the sandbox could not even start the module."""
    if not said.startswith(UNSTARTED):
        return None
    return ActionError(
        "the compiler module cannot be started: this machine seems to run no i386 programs",
        facts=[("said", said.strip())],
        hint="a kernel without CONFIG_IA32_EMULATION runs none; what a boot made is used without running anything",
    )
