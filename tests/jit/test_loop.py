"""The whole loop with the real compiler: a boot teaches the store, which makes the next image, the same anywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.commands.harvesting import learn, writable
from bfbuild.commands.project import Project
from bfbuild.recipe.model import Optimize, Run
from bfbuild.store import Store
from tests.jit.conftest import COMPILER
from tests.small import Roots, ran

if TYPE_CHECKING:
    from tests.conftest import Boot

IMAGE, WARM, PROFILE = "optimizer.img", "optimizer-warm.img", "src/app/optimizer/profile.json"
NEVER_CALLED = "nothing"
FASTEST = "fibonacci"
PARTS = ("recipes", "src", "tests", "bareflow.toml", "bareflow.lock", "README.md")


def checkout(repository: Path, folder: Path) -> Path:
    """A copy of the repository that has no profile yet."""
    folder.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (repository / part).is_dir() else shutil.copy
        copy(repository / part, folder / part)
    (folder / PROFILE).unlink(missing_ok=True)
    return folder


def opened(root: Path, cache: Path) -> Project:
    """A project with a store of one's choice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAREFLOW_CACHE", str(cache))
        return Project(root)


def build(project: Project, *names: str) -> Project:
    """Build by name."""
    project.build([project.graph.find(name) for name in names])
    return project


@pytest.fixture(scope="module")
def learned(repository: Path, project: Project, start: Boot, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A checkout in which the optimizer was booted once; its store is the repository's."""
    root = checkout(repository, tmp_path_factory.mktemp("loop") / "first")
    first = build(opened(root, project.config.cache_dir), IMAGE)
    run = first.graph.find("optimizer")
    assert isinstance(run, Run)
    with writable(first, run, None) as disk:
        assert disk is not None
        start(disk, writable=True, deterministic=True, timeout_s=180).require_ok()
        learn(first, run, disk, exact=True)
    return opened(root, project.config.cache_dir)


@pytest.fixture(scope="module")
def warm(learned: Project) -> Project:
    """The same, with the warm image built."""
    return build(learned, WARM)


def test_a_warm_image_compiles_nothing(warm: Project, start: Boot, tmp_path: Path) -> None:
    """It boots as the disk would on which the first boot left all that it found out; the module may as well be gone."""
    image = tmp_path / WARM
    warm.store.cas.copy_to(warm.output(WARM).digest, image, executable=False)
    transcript = start(image, deterministic=True, timeout_s=180).require_ok().transcript
    assert transcript.one("optimizer").number("compiler_calls") == 0
    states = {each.text("name"): (each.text("state"), each.text("from")) for each in transcript.all("optimized")}
    assert states.pop(NEVER_CALLED) == ("counted", "here")
    assert {origin for _, origin in states.values()} == {"disk"}
    assert states[FASTEST] == ("optimized", "disk")


def test_another_checkout_makes_the_same_image(
    warm: Project, repository: Path, project: Project, tmp_path: Path
) -> None:
    """With an empty store, where no boot has made anything: the host's compiler gives the same bytes."""
    root = checkout(repository, tmp_path / "second")
    shutil.copy(warm.root / PROFILE, root / PROFILE)
    Roots.of(project, ("llvm", "compiler", "qemu")).lend(Store(tmp_path / "empty"))
    other = build(opened(root, tmp_path / "empty"), WARM)
    needed = other.graph.closure([other.graph.find(WARM)])
    wanted = {recipe.name for recipe in needed if isinstance(recipe, Optimize)}
    assert wanted <= ran(other)
    assert {COMPILER, WARM} <= ran(other)
    assert other.output(WARM).digest == warm.output(WARM).digest


def doit(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `doit cache ir` in the checkout."""
    (project.root / "dodo.py").write_text("")
    argv = [sys.executable, "-m", "doit", "cache", "ir", *words]
    return subprocess.run(argv, cwd=project.root, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def listed(warm: Project, project: Project) -> list[dict[str, object]]:
    """What `ls` says of the code that is in the profile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAREFLOW_CACHE", str(project.config.cache_dir))
        return [each for each in json.loads(doit(warm, "ls", "--json").stdout) if each["state"] is not None]


def test_optimized_code_is_listed(listed: list[dict[str, object]]) -> None:
    """Each function with what it cost before and after."""
    (found,) = [each for each in listed if each["function"] == FASTEST]
    assert found["state"] == "optimized"
    assert isinstance(found["before"], int)
    assert isinstance(found["after"], int)
    assert found["before"] > found["after"] > 0


def test_optimized_code_is_shown(
    warm: Project, project: Project, listed: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As LLVM's text and as instructions, by its key; and beside what the build made of the same function."""
    monkeypatch.setenv("BAREFLOW_CACHE", str(project.config.cache_dir))
    (found,) = [each for each in listed if each["function"] == FASTEST]
    shown = doit(warm, "show", str(found["key"])).stdout
    assert f"define dso_local i32 @{FASTEST}(" in shown
    assert f"00000000 <{FASTEST}>:\n" in shown
    beside = json.loads(doit(warm, "diff", str(found["key"]), "--json").stdout)
    assert beside["built"]["object"] == "src/app/optimizer/kernels.c.o"
    assert beside["built"]["disassembly"][0].endswith(f" <aot_{FASTEST}>:")
    assert beside["built"]["ir"][0].startswith(f"define dso_local i32 @aot_{FASTEST}(")
    assert beside["optimized"]["disassembly"][0].endswith(f" <{FASTEST}>:")
    assert any("call" in line for line in beside["built"]["disassembly"])
    columns = doit(warm, "diff", str(found["key"])).stdout
    assert any(f"<aot_{FASTEST}>:" in line and f" | 00000000 <{FASTEST}>:" in line for line in columns.splitlines())


def test_optimized_code_comes_out_the_same_again(
    warm: Project, project: Project, listed: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 4, for whoever asks: the host compiles it anew, and compares."""
    monkeypatch.setenv("BAREFLOW_CACHE", str(project.config.cache_dir))
    done = doit(warm, "validate", str(listed[0]["key"]))
    assert (done.returncode, done.stdout) == (0, "1 piece of code: 1 came out the same when compiled here\n")
