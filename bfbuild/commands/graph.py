"""`doit graph [TARGET...]`: what needs what, as Mermaid, Graphviz or a picture."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bfbuild.commands.question import Question
from bfbuild.errors import ConfigError, nearest

if TYPE_CHECKING:
    from bfbuild.recipe.model import Recipe

Needs = Mapping[str, Sequence[str]]


class Graph(Question):
    """The doit command."""

    doc_purpose = "show what needs what, as text for Mermaid or Graphviz, or as a picture"
    doc_usage = "[TARGET ...]"
    doc_description = "Without a target: everything that is declared. Writes to standard output."
    cmd_options = (
        {"name": "format", "long": "format", "type": str, "default": "mermaid", "help": "mermaid, dot or svg"},
    )

    def answer(self, start: Path, names: Sequence[str], options: Mapping[str, Any]) -> int:
        """Answer the command line."""
        return graph(start, names, form=options["format"])


def graph(start: Path, names: Sequence[str], *, form: str) -> int:
    """Write the graph of the named targets, or of all, to standard output."""
    from bfbuild import config  # noqa: PLC0415  (after doit has shown that the command is meant)
    from bfbuild.commands.project import Project  # noqa: PLC0415

    if form not in FORMS:
        guess = nearest(form, FORMS)
        raise ConfigError(
            "no such format", facts=[("wanted", form), *([("nearest", guess)] if guess else [])], hint=", ".join(FORMS)
        )
    project = Project(config.find_root(start))
    targets = [project.graph.find(name) for name in names] or list(project.graph.recipes.values())
    closure = project.graph.closure(targets)
    needs = {recipe.name: [need.name for need in project.graph.needs(recipe)] for recipe in closure}
    sys.stdout.write(FORMS[form](closure, needs))
    return 0


def mermaid(recipes: Sequence[Recipe], needs: Needs) -> str:
    """Return a flowchart in Mermaid's notation."""
    number = {recipe.name: f"n{index}" for index, recipe in enumerate(recipes)}
    boxes = [f'    {number[recipe.name]}["{recipe.name}"]' for recipe in recipes]
    arrows = [f"    {number[need]} --> {number[name]}" for name, wanted in needs.items() for need in wanted]
    return "\n".join(["flowchart LR", *boxes, *arrows]) + "\n"


def dot(recipes: Sequence[Recipe], needs: Needs) -> str:
    """Return a digraph in Graphviz's notation."""
    boxes = [f'    "{recipe.name}" [tooltip="{type(recipe).__name__}"];' for recipe in recipes]
    arrows = [f'    "{need}" -> "{name}";' for name, wanted in needs.items() for need in wanted]
    return "\n".join(["digraph recipes {", "    rankdir=LR;", "    node [shape=box];", *boxes, *arrows, "}"]) + "\n"


def picture(recipes: Sequence[Recipe], needs: Needs) -> str:
    """Return an SVG."""
    from bfbuild.commands.draw import Node, svg  # noqa: PLC0415

    return svg([Node(recipe.name, title=f"{type(recipe).__name__}, {recipe.location}") for recipe in recipes], needs)


FORMS = {"mermaid": mermaid, "dot": dot, "svg": picture}
