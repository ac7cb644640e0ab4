"""What recipes declare, as work for the walk: each described by its kind when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bfbuild.action.action import Action, InputFile, Tree, make_action
from bfbuild.action.kinds import KINDS
from bfbuild.digest import Digest
from bfbuild.recipe.model import Fetch, Recipe, Run, Toolchain, Wheel

if TYPE_CHECKING:
    from bfbuild.files import Files
    from bfbuild.realise import Piece
    from bfbuild.recipe.graph import Graph


class Toolchains(Protocol):
    """Knows the root of a toolchain before it is unpacked, and unpacks it when a tool must run."""

    def plan(self, recipe: Toolchain) -> Tree:
        """The root's digest and Directory."""

    def ensure(self, recipe: Toolchain) -> Path:
        """The folder it is unpacked in."""


@dataclass
class Declared:
    """The targets of one build and all they need; a realise.Work."""

    graph: Graph
    targets: Sequence[Recipe]
    files: Files
    toolchains: Toolchains
    fetch: Callable[[Fetch | Wheel], None]
    source_date_epoch: int
    _trees: dict[str, Tree] = field(default_factory=dict)

    def order(self) -> Sequence[Recipe]:
        """All recipes, each after what it needs."""
        return self.graph.closure(self.targets)

    def needs(self, piece: Piece) -> Iterable[Recipe]:
        """The recipes whose outputs a recipe needs, toolchain included."""
        return self.graph.needs(_recipe(piece))

    def describe(self, piece: Piece) -> Action | None:
        """The action that makes a recipe; toolchains and downloads are made at once, and boots by somebody else."""
        recipe = _recipe(piece)
        match recipe:
            case Toolchain():
                self._trees[recipe.name] = self.toolchains.plan(recipe)
            case Fetch() | Wheel():
                self.fetch(recipe)
                self.files.made[recipe.name] = InputFile(Digest(recipe.sha256, recipe.size))
            case Run():
                pass
            case _:
                request = KINDS[type(recipe)](recipe, self.files)
                return make_action(request, self._trees[_toolchain(recipe).name], self.source_date_epoch)
        return None

    def keep(self, action: Action) -> None:
        """See to it that the store has what an action needs; raise Edited where a source has other bytes by now."""
        self.files.keep(action)

    def forget(self, action: Action) -> None:
        """Look at an action's sources again the next time."""
        self.files.forget(action)

    def adopt(self, name: str, file: InputFile) -> None:
        """An output exists."""
        self.files.made[name] = file

    def tools(self, piece: Piece) -> Path:
        """The folder in which a recipe's toolchain is unpacked."""
        return self.toolchains.ensure(_toolchain(_recipe(piece)))

    def recipe_file(self, piece: Piece) -> str:
        """The file that declares a recipe, relative to the project."""
        path, root = piece.location.path, self.files.root
        return str(path.relative_to(root)) if path.is_relative_to(root) else path.name

    def title(self, piece: Piece) -> str:
        """A recipe's name and type."""
        return f"{piece.name} ({type(piece).__name__})"


def _recipe(piece: Piece) -> Recipe:
    assert isinstance(piece, Recipe)
    return piece


def _toolchain(recipe: Recipe) -> Toolchain:
    toolchain: Toolchain = getattr(recipe, "toolchain", None) or recipe.layout.toolchain  # type: ignore[attr-defined]
    return toolchain
