"""`doit lock` on a small project, against an archive that the tests write."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from bfbuild.commands.lock import Lock
from bfbuild.toolchain import debian
from bfbuild.toolchain import lock as lockfile
from tests.toolchain.archive import DATE, DATED, make_archive, needs_apt, package

pytestmark = needs_apt

SANDBOX = [package("bubblewrap"), package("libfaketime"), package("proot")]
PACKAGES = [*SANDBOX, package("nasm", "2.15", depends="libc6"), package("libc6", "2.36"), package("gdb")]

RECIPES = """\
from bfbuild import Toolchain

tools = Toolchain(name="tools", packages=("nasm",))
"""


class World:
    """A project, the archive it is locked against, and the command."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.file = folder / "project" / "bareflow.lock"
        self._capsys = capsys
        (folder / "project" / "recipes").mkdir(parents=True)
        (folder / "project" / "bareflow.toml").touch()
        self.declare(RECIPES)
        self.publish(PACKAGES)
        monkeypatch.chdir(folder / "project")
        monkeypatch.setenv("BAREFLOW_DEBIAN_MIRROR", f"file://{folder}/debian")
        monkeypatch.setattr(debian, "resolve", partial(debian.resolve, unsigned=True))

    def declare(self, recipes: str) -> None:
        """Make this the project's recipes."""
        (self.folder / "project" / "recipes" / "tools.py").write_text(recipes)

    def publish(self, packages: Sequence[str], date: str = DATE) -> None:
        """Make this all that the archive has."""
        make_archive(self.folder / "debian", {"bookworm": packages}, f"Date: {date}\n")

    def lock(self, *names: str, check: bool = False) -> tuple[int, list[str], str]:
        """Run the command; return its exit code, its lines and its complaints."""
        code = Lock().execute({"check": check}, list(names))
        said = self._capsys.readouterr()
        return code, said.out.splitlines(), said.err


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> World:
    """A project that was never locked."""
    return World(tmp_path, monkeypatch, capsys)


def test_the_first_lock_holds_every_toolchain_and_those_of_bfbuild(world: World) -> None:
    """What is written can be read, has the project's toolchain and bfbuild's own, and is summed up."""
    code, lines, complaints = world.lock()
    assert (code, lines) == (
        0,
        [
            "added    toolchain clock  1 packages, 0.0 MB",
            "added    toolchain sandbox  2 packages, 0.0 MB",
            "added    toolchain tools  2 packages, 0.0 MB",
            f"5 packages, changed; archive: bookworm {DATED}",
        ],
    )
    assert complaints == "warning: no mirror has bookworm-security: these packages lack security updates\n"
    locked = lockfile.Lock.load(world.file)
    assert [each.key for each in locked.closure("tools", ["nasm"])] == ["libc6:amd64", "nasm:amd64"]
    assert [each.key for each in locked.closure("sandbox", ["bubblewrap", "proot"])] == [
        "bubblewrap:amd64",
        "proot:amd64",
    ]


def test_a_lock_that_is_right_is_not_touched(world: World) -> None:
    """Where only the archive's date is another the file stays as it is, to the byte and to its time."""
    world.lock()
    before = (world.file.read_bytes(), world.file.stat().st_mtime_ns, world.file.stat().st_ino)
    world.publish(PACKAGES, "Sun, 12 Jul 2026 10:16:37 UTC")
    code, lines, _ = world.lock()
    assert (code, lines) == (0, ["5 packages, unchanged; archive: bookworm 20260712T101637Z"])
    assert (world.file.read_bytes(), world.file.stat().st_mtime_ns, world.file.stat().st_ino) == before


def test_changes_are_told_package_by_package(world: World) -> None:
    """A newer version, another file of the same version, a new and a dropped package are each a line."""
    world.lock()
    newer = [package("nasm", "2.16", depends="libstdc++6"), package("libstdc++6", "12.2")]
    newer += [package("libfaketime"), package("proot")]
    world.publish([*newer, package("bubblewrap", path="pool/main/b/bubblewrap/other.deb")])
    code, lines, _ = world.lock()
    assert (code, lines[:-1]) == (
        0,
        [
            "changed  bubblewrap:amd64  1.0, other file",
            "gone     libc6:amd64  2.36",
            "added    libstdc++6:amd64  12.2",
            "changed  nasm:amd64  2.15 -> 2.16",
            "changed  toolchain tools  2 packages, 0.0 MB",
        ],
    )
    assert [each.key for each in lockfile.Lock.load(world.file).closure("tools", ["nasm"])] == [
        "libstdc++6:amd64",
        "nasm:amd64",
    ]


def test_toolchains_that_come_and_go_are_told(world: World) -> None:
    """A toolchain that a recipe no longer declares leaves the lock, and its packages with it."""
    world.lock()
    world.declare(RECIPES.replace('"tools"', '"debug"').replace("nasm", "gdb"))
    _, lines, _ = world.lock()
    assert lines[:-1] == [
        "added    gdb:amd64  1.0",
        "gone     libc6:amd64  2.36",
        "gone     nasm:amd64  2.15",
        "added    toolchain debug  1 packages, 0.0 MB",
        "gone     toolchain tools",
    ]


@pytest.mark.parametrize("locked", [True, False])
def test_check_fails_where_the_lock_would_change_and_writes_nothing(world: World, locked: bool) -> None:
    """With --check the exit code is 1 for an old lock and for none, and the file is left alone."""
    if locked:
        world.lock()
    before = world.file.read_bytes() if locked else None
    world.publish([*PACKAGES, package("nasm", "2.16", depends="libc6")])
    code, lines, _ = world.lock(check=True)
    assert code == 1
    assert ("changed  nasm:amd64  2.15 -> 2.16" in lines) == locked
    assert (world.file.read_bytes() if world.file.exists() else None) == before


def test_check_passes_where_the_lock_is_right(world: World) -> None:
    """With --check the exit code is 0 where there is nothing to do."""
    world.lock()
    assert world.lock(check=True)[0] == 0


@pytest.mark.parametrize("broken", ["<<<<<<< ours\n", "version: 7\n", ""])
def test_a_broken_lock_is_replaced(world: World, broken: str) -> None:
    """The command that every error about a lock names works on the lock that had the error."""
    world.file.write_text(broken)
    assert world.lock()[0] == 0
    assert lockfile.Lock.load(world.file).toolchains.keys() == {"clock", "sandbox", "tools"}


def test_an_unknown_package_is_shown_in_the_recipe(world: World) -> None:
    """A misspelt package is an error at its line in the recipe, with the nearest name; nothing is written."""
    world.declare(RECIPES.replace('("nasm",)', '(\n    "gdb",\n    "nsam",\n)'))
    code, _, complaints = world.lock()
    assert code == 2
    assert "at         recipes/tools.py:5\n" in complaints
    assert "nearest    nasm\n" in complaints
    assert '>>>    5 |     "nsam",\n' in complaints
    assert not world.file.exists()


def test_a_lock_that_cannot_be_written_is_an_error(world: World) -> None:
    """A folder in the lock's place is told, and no temporary file is left behind."""
    world.file.mkdir()
    code, _, complaints = world.lock()
    assert code == 2
    assert "the lock cannot be written" in complaints
    assert [each.name for each in world.file.parent.iterdir() if each.name.startswith(".")] == []


def test_a_name_on_the_command_line_is_refused(world: World) -> None:
    """Toolchains share packages, so one alone is never locked."""
    code, _, complaints = world.lock("tools")
    assert code == 2
    assert "all are resolved together" in complaints
