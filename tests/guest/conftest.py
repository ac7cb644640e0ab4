"""What tests of the guest share: its images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.recipe.model import Layout

if TYPE_CHECKING:
    from bfbuild.commands.project import Project
    from tests.conftest import Built

SOURCES = sorted(Path(__file__).parent.glob("*.c"))
DEMO = "bareflow.img"


@pytest.fixture(scope="session")
def images(built: Built) -> dict[str, Path]:
    """The disk of every guest by its name, and the demo's; built together, so that all cores have work."""
    found = built(DEMO, *(f"guest/{source.stem}.img" for source in SOURCES))
    return {Path(name).stem: path for name, path in found.items()}


@pytest.fixture(scope="session")
def demo(images: dict[str, Path]) -> Path:
    """The disk that `doit run` boots; not to be written to."""
    return images[Path(DEMO).stem]


@pytest.fixture(scope="session")
def layout(project: Project) -> Layout:
    """What lies where on every disk."""
    found = project.graph.find("layout")
    assert isinstance(found, Layout)
    return found
