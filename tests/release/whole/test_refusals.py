"""What is not released, each with the way out; and that a refused release leaves dist/ as it was."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from bfbuild.commands.project import Project
from bfbuild.commands.releasing.plan import plan_of
from bfbuild.digest import ActionDigest, digest_bytes
from bfbuild.errors import ReleaseError, render
from bfbuild.release.refusals import require_deterministic, require_origins
from bfbuild.store.marks import Mark
from tests.release.whole.conftest import Released, commit, git, make_tiny
from tests.small import Small


def refused(project: Small, **environment: str) -> str:
    """Try to release, and return the error."""
    done = project.doit("release", **environment)
    assert (done.code, done.out) == (2, ""), done.err
    assert not (project.root / "dist").exists()
    assert "release: build" not in done.err
    return done.err


@pytest.mark.parametrize("change", ["edited", "new", "gone"])
def test_a_dirty_work_tree(tiny: Small, change: str) -> None:
    """A file that is not what was committed is named."""
    path = tiny.root / "src/boot.asm"
    match change:
        case "edited":
            path.write_text(path.read_text() + "\n")
        case "new":
            path = tiny.root / "src/new.txt"
            path.touch()
        case "gone":
            path.unlink()
    said = refused(tiny)
    assert said.startswith(
        f"error: the work tree is not what was committed\n  changed  src/{path.name}\n  hint     commit"
    )


def test_no_repository(tiny: Small) -> None:
    """Without a commit there is nothing that anybody could build again."""
    (tiny.root / ".git").rename(tiny.root.parent / "git")
    assert "error: there is no commit to release\n" in refused(tiny)


def test_no_version(tiny: Small) -> None:
    """Neither bareflow.toml nor the command line names one."""
    tiny.edit("bareflow.toml", 'version = "1.0"\n', "")
    commit(tiny.root)
    assert "error: a release needs a version\n  version  none\n  hint     `doit release --ver" in refused(tiny)


def test_a_version_that_is_no_word(tiny: Small) -> None:
    """It becomes part of names and texts, so it is one word."""
    done = tiny.doit("release", "--version", 'one "two"')
    assert (done.code, done.err.splitlines()[0]) == (2, "error: a release needs a version")


def test_an_input_that_git_ignores(tiny: Small) -> None:
    """A source that no commit has is no locked input."""
    tiny.edit(".gitignore", "/cache/\n", "/cache/\n/src/boot.asm\n")
    git(tiny.root, "rm", "--quiet", "--cached", "src/boot.asm")
    commit(tiny.root)
    assert "error: an input is not locked\n  file  src/boot.asm\n  hint  `git add --force`" in refused(tiny)


def test_a_toolchain_that_is_not_locked(tiny: Small) -> None:
    """The lock was made for other packages than the recipes want."""
    tiny.edit("recipes/tiny.py", '"nasm", ', '"nasm", "gdb", ')
    commit(tiny.root)
    said = refused(tiny)
    assert "error: the lock was made for other packages of this toolchain\n" in said
    assert "`doit lock` resolves" in said


def test_a_degraded_sandbox(tiny: Small) -> None:
    """What ran under proot could see the host."""
    said = refused(tiny, BAREFLOW_SANDBOX="proot")
    assert "error: the sandbox is degraded\n  level   proot\n  needed  bubblewrap\n  hint    allow user names" in said


def test_an_artifact_among_the_sources(tiny: Small) -> None:
    """Code that some boot made and somebody committed is not released."""
    (tiny.root / "src/words.art").write_bytes(b"BFJA" + bytes(300))
    tiny.edit("recipes/tiny.py", '"ABOUT": about', '"ABOUT": "src/words.art"')
    commit(tiny.root)
    assert "error: an artifact has no origin that can be checked\n  file  src/words.art\n" in refused(tiny)


def artifact(code: bytes) -> bytes:
    """Return what FORMAT.md calls an artifact, as far as its sizes and its object go."""
    sizes = struct.pack("<3I", 7, len(code), 5 if code else 0)
    return (b"BFJA" + bytes(92) + sizes).ljust(192, b"\0") + b"request" + code + bytes(32) + (b"bcode" if code else b"")


def test_an_optimized_object_that_no_action_made() -> None:
    """Of artifacts one behind the other each object must be an output of this release; what has none is well."""
    made = [digest_bytes(b"one"), digest_bytes(b"two")]
    require_origins({"A": artifact(b"one") + artifact(b"") + artifact(b"two"), "B": b"something else"}, made)
    with pytest.raises(ReleaseError, match="has no origin that was checked") as problem:
        require_origins({"JIT/BUILT.ART": artifact(b"one") + artifact(b"other")}, made)
    assert problem.value.facts == [("file", "JIT/BUILT.ART")]


@pytest.fixture
def dated(copy: Small) -> tuple[Project, Project]:
    """The project as it was built every day, and as a release of another date sees it."""
    everyday = copy.build()
    release = Project(copy.root, {"BAREFLOW_CACHE": str(copy.cache), "SOURCE_DATE_EPOCH": "1700000001"})
    release.build([release.graph.find("boot.bin")])
    return everyday, release


def actions(project: Project) -> dict[str, ActionDigest]:
    """Return the actions of a build."""
    return {step.recipe.name: step.action.digest for step in project.steps}


def require(project: Project) -> None:
    """Refuse what `doit release` would."""
    require_deterministic([(step.recipe.name, step.action) for step in project.steps], project.store)


def test_an_action_that_was_marked(dated: tuple[Project, Project]) -> None:
    """A mark of `doit check` counts, of the very action and of the same one with another date; the line is shown."""
    everyday, release = dated
    require(release)
    for project in (everyday, release):
        digest = actions(project)["boot.bin"]
        release.store.marks.put(digest, Mark("boot.bin", "boot.bin", "it came out otherwise"))
        with pytest.raises(ReleaseError, match="is not deterministic") as problem:
            require(release)
        said = render(problem.value, base=release.root)
        assert "  recipe  boot.bin\n  found   it came out otherwise\n  hint    `doit check boot.bin`" in said
        assert ">>>" in said
        release.store.marks.clear(digest)
    require(release)


def test_a_mark_of_something_else_does_not_count(dated: tuple[Project, Project], copy: Small) -> None:
    """Another recipe's mark, and one of this recipe before it was corrected, are no obstacle."""
    everyday, release = dated
    release.store.marks.put(actions(everyday)["kernel.raw"], Mark("kernel.raw", "kernel.raw", "?"))
    release.store.marks.put(actions(everyday)["boot.bin"], Mark("boot.bin", "boot.bin", "?"))
    copy.edit("src/boot.asm", "; Says hello", "; Greets")
    corrected = Project(copy.root, {"BAREFLOW_CACHE": str(copy.cache), "SOURCE_DATE_EPOCH": "1700000001"})
    corrected.build([corrected.graph.find("boot.bin")])
    require(corrected)


def test_what_the_store_has_otherwise(released: Released, tmp_path: Path, repository: Path) -> None:
    """What a boot has made of a request, or an earlier build of an action, must be what the release makes of it."""
    store = released.project.store
    action = root_of(released)["boot.bin"]
    result = store.results.get(action)
    assert result is not None
    kept = result.SerializeToString()
    result.output_files[0].digest.CopyFrom(store.cas.put_bytes(b"something else").to_message())
    store.results.put(action, result)
    try:
        again = make_tiny(tmp_path / "again", repository, released.project.cache)
        done = again.doit("release")
    finally:
        store.results.put(action, type(result).FromString(kept))
    assert (done.code, done.out) == (1, "")
    assert "  recipe  boot.bin\n  it      came out otherwise than a boot or an earlier build made it\n" in done.err
    assert not (again.root / "dist").exists()


def root_of(released: Released) -> Mapping[str, ActionDigest]:
    """The actions that a release is made of."""
    root = released.project.store.roots.find("release")
    assert root is not None
    return root.actions


def test_a_build_that_fails(tiny: Small) -> None:
    """The tool's own words are shown, and which of the two builds it was; nothing is released."""
    (tiny.root / "src/boot.asm").write_text("no such instruction\n")
    commit(tiny.root)
    done = tiny.doit("release")
    assert (done.code, done.out) == (1, "")
    assert "src/boot.asm:1: error" in done.err
    assert "error: a build of the release failed\n  build  first\n" in done.err
    assert not (tiny.root / "dist").exists()


def test_a_release_that_fails_leaves_the_old_one(tmp_path: Path, tiny: Small) -> None:
    """dist/ stays as it was, also where a later release is refused."""
    tiny.write("dist/release.json", "of before")
    (tiny.root / "src/boot.asm").write_text("times 512 db 1\n")
    assert tiny.doit("release").code == 2
    assert [path.read_text() for path in (tiny.root / "dist").iterdir()] == ["of before"]
    assert [path.name for path in tiny.root.glob(".dist-*")] == []
    del tmp_path


def test_no_server_is_asked_for_a_release(tiny: Small) -> None:
    """What a team or a cluster made is made here once more: neither the plan nor the two builds have a server."""
    toml = (tiny.root / "bareflow.toml").read_text()
    tiny.write("bareflow.toml", f'{toml}\n[remote]\nexec = "grpc://127.0.0.1:1"\n')
    commit(tiny.root)
    assert tiny.open().config.remote is not None
    plan = plan_of(tiny.root, "", None)
    builds = Project(tiny.root, plan.environment)
    assert (plan.project.config.remote, builds.config.remote) == (None, None)
