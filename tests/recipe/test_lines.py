"""Where a string stands in the recipe files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bfbuild.errors import Location
from bfbuild.recipe.lines import anywhere

FILES = {
    "app.py": 'from flags import common\n\napp = CObject(\n    name="a.o",\n    flags=("-Wall",),\n)\n"-Wall"\n',
    "flags.py": 'import sys\ncommon = (\n    "-O2",\n)\n',
    "before.py": 'other = ("-O2", "-O3")\n',
    "disk.py": 'a = Image(files={"DATA": {}})\nb = Layout(regions=(\n    Region(name="DATA", lba=1, sectors=8),\n))\n',
}


@pytest.fixture
def declared(tmp_path: Path) -> Location:
    """A recipe in a folder of them."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return Location(tmp_path / "app.py", 3)


@pytest.mark.parametrize(
    ("value", "within", "place"),
    [
        ("-Wall", None, ("app.py", 5)),
        ("-O2", None, ("flags.py", 3)),
        ("-O3", None, ("before.py", 1)),
        ("DATA", "Region", ("disk.py", 3)),
        ("DATA", None, ("disk.py", 1)),
        ("-O4", None, None),
        ("DATA", "Partition", None),
    ],
)
def test_a_string_is_found_where_it_most_likely_means_the_recipe(
    declared: Location, value: str, within: str | None, place: tuple[str, int] | None
) -> None:
    """In the call itself, then in its file, in what that imports, and only then in others; or in calls of one name."""
    found = anywhere(declared, value, within)
    assert (None if found is None else (found.path.name, found.line)) == place


def test_a_file_that_is_gone_or_broken_has_no_lines(declared: Location) -> None:
    """Records outlive recipes."""
    declared.path.write_text("app = CObject(")
    assert anywhere(declared, "-Wall") is None
    assert anywhere(Location(declared.path.with_name("gone.py"), 1), "-Wall") is None
