"""dist/ appears whole or not at all; release.json is read back, and believed in nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bfbuild.errors import ReleaseError, StoreError
from bfbuild.machine.figures import Bench
from bfbuild.release.dist import ABOUT, About, Listed, read, staged

ABOUT_ONE = About(
    name="tiny",
    version="1.0",
    commit="c" * 40,
    source_date_epoch=1,
    sandbox="bubblewrap",
    disturbed=("host name",),
    actions=3,
    files={"tiny.img": Listed(sha256="0" * 64, size=1)},
    figures=Bench(runs=()),
)


def names(folder: Path) -> list[str]:
    """What is in a folder, hidden or not."""
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    """While it is filled nobody sees it; then it is there, and nothing else is."""
    with staged(tmp_path / "dist") as stage:
        (stage / "a").touch()
        assert not (tmp_path / "dist").exists()
    assert (names(tmp_path), names(tmp_path / "dist")) == (["dist"], ["a"])


def test_it_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    """The older one is there until then, and gone after, with all its files."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/old").touch()
    with staged(tmp_path / "dist") as stage:
        (stage / "new").touch()
        assert names(tmp_path / "dist") == ["old"]
    assert (names(tmp_path), names(tmp_path / "dist")) == (["dist"], ["new"])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ReleaseError("refused"), OSError(28, "No space left")])
def test_what_ends_badly_leaves_everything_as_it_was(tmp_path: Path, error: BaseException) -> None:
    """Ctrl-C, a refusal and a full disk: the older one stays, and nothing half done does."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/old").touch()

    def fill() -> None:
        with staged(tmp_path / "dist") as stage:
            (stage / "new").touch()
            raise error

    with pytest.raises(StoreError if isinstance(error, OSError) else type(error)):
        fill()
    assert (names(tmp_path), names(tmp_path / "dist")) == (["dist"], ["old"])


def test_what_a_killed_process_left_is_taken_away(tmp_path: Path) -> None:
    """The next release removes it."""
    (tmp_path / ".dist-0123").mkdir()
    (tmp_path / ".dist-0123/half").touch()
    with staged(tmp_path / "dist"):
        pass
    assert names(tmp_path) == ["dist"]


def test_release_json_has_one_text_and_is_read_back(tmp_path: Path) -> None:
    """Sorted keys, ASCII, one LF at the end."""
    (tmp_path / ABOUT).write_text(ABOUT_ONE.text())
    assert read(tmp_path) == ABOUT_ONE
    assert ABOUT_ONE.text().startswith('{\n "actions": 3,\n "commit": "cccc')
    assert ABOUT_ONE.text().endswith("}\n")


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "why"),
        ("[]", "why"),
        (ABOUT_ONE.text().replace('"size": 1', '"size": -1'), "files.tiny.img.size"),
        (ABOUT_ONE.text().replace('"tiny.img": {', '"tiny.img": {"more": 1, '), "files.tiny.img.more"),
        (ABOUT_ONE.text().replace('"name": "tiny",', ""), "name"),
    ],
)
def test_what_is_no_release_is_told(tmp_path: Path, text: str, fact: str) -> None:
    """The error names the file and what is wrong in it."""
    (tmp_path / ABOUT).write_text(text)
    with pytest.raises(ReleaseError, match="this is no release") as problem:
        read(tmp_path)
    assert [label for label, _ in problem.value.facts] == ["file", fact]
