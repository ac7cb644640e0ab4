"""How fast builds are, beside ninja, ninja with ccache, and plain doit: the same files, the same compiler, one run.

    .venv/bin/python benchmarks/speed.py [--large] [--folder FOLDER]

Run it on a quiet machine. Contestants take turns, and the best of several rounds counts; look at the ratios more than
at the seconds. The projects are those of generate.py, of 1,000 C files; `--large` adds 10,000, which takes both builds
some minutes at first, and the null build of 100,000. In `--folder` everything is kept for the next run.

Peers run the compiler of the lock without a sandbox, on this machine's loader, so this needs a Debian 12 or one like
it. Nothing but the null build is measured at 100,000: what both builds know of it is made without running a compiler,
ours by signing the files, ninja's by commands that write a word. `edit` changes what a file says, since to us a touched
file whose content is the same is nothing to do.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bfbuild import snapshot
from bfbuild.commands.project import Project
from bfbuild.recipe.model import Toolchain
from bfbuild.store import Store

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.generate import generate
from tests.small import Roots

ROOT = Path(__file__).parents[1]
DOOR = ROOT / "bfbuild/commands/door.py"
ROUNDS = 7
LIBRARIES = "usr/lib/x86_64-linux-gnu"

Row = tuple[str, str, str, str]  # what, ours, to reach, the peers
HEAD: Row = ("what", "bfbuild", "to reach", "beside it")


class Track:
    """Where the contestants run: one folder of projects, a store of ours with nothing but toolchains, and the peers."""

    def __init__(self, folder: Path) -> None:
        project = Project(ROOT)
        tools = {name: _root(project, name) for name in ("llvm", "peers")}
        self.folder = folder
        self.roots = Roots.of(project, ("llvm",))
        self.tools = tools["llvm"] / "usr/lib/llvm-19/bin"
        libraries = [f"{root / LIBRARIES}" for root in tools.values()]
        self.ninja = str(tools["peers"] / "usr/bin/ninja")
        self.ccache = str(tools["peers"] / "usr/bin/ccache")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "LD_LIBRARY_PATH": ":".join([*libraries, str(tools["llvm"] / "usr/lib/llvm-19/lib")]),
            "TOOLS": str(self.tools),
            "CCACHE_DIR": str(folder / "ccache"),
        }

    def project(self, files: int) -> Path:
        """The project of so many files."""
        path = self.folder / str(files)
        if not (path / "build.ninja").exists():
            shutil.rmtree(path, ignore_errors=True)
            generate(path, files, self.tools)
            _write_bf(path)
        return path

    def store(self, name: str) -> Path:
        """A store that knows the toolchains."""
        path = self.folder / "stores" / name
        if not path.exists():
            store = Store(path)
            self.roots.lend(store)
            store.sync()
        return path

    def ours(self, project: Path, store: Path, *words: str, door: tuple[str, ...] = ()) -> Callable[[], object]:
        """Our build, by the quick door unless another is given."""
        argv = [*(door or (sys.executable, "-S", str(DOOR))), *words]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "BAREFLOW_CACHE": str(store)}
        return lambda: _run(argv, project, environment)

    def peer(self, project: Path, *argv: str) -> Callable[[], object]:
        """A peer's build."""
        return lambda: _run([*argv], project, self.environment)


def null(track: Track, files: int) -> Iterator[Row]:
    """Nothing to do."""
    project, store = track.project(files), track.store(f"of-{files}")
    track.ours(project, store, "image")()
    track.peer(project, track.ninja)()
    plain = track.peer(project, sys.executable, "-m", "doit", "-f", "plain_dodo.py")
    contestants = {
        "./bf": track.ours(project, store, "image", door=("./bf",)),
        "doit": track.ours(project, store, "image", door=(str(Path(sys.executable).with_name("doit")),)),
        "ninja": track.peer(project, track.ninja),
    }
    if files <= 1_000:
        plain()
        contestants["plain doit"] = plain
    took = race(contestants)
    beside = ", ".join(f"{name} {_ms(took[name])}" for name in ("ninja", "plain doit") if name in took)
    if files == 1_000:
        yield ("null build, 1,000 files, ./bf image", _ms(took["./bf"]), "60 ms", beside)
        yield ("null build, 1,000 files, doit image", _ms(took["doit"]), "130 ms", "")
    else:
        yield (f"null build, {files:,} files, ./bf image", _times(took, "./bf"), "2.0x ninja", beside)


def huge(track: Track, files: int) -> Iterator[Row]:
    """Nothing to do in a project that is too large to be compiled for this."""
    project, store = track.project(files), track.folder / "stores/none"
    _sign(project, store)
    track.peer(project, track.ninja, "-f", _pretended(project))()
    took = race(
        {
            "./bf": track.ours(project, store, "image", door=("./bf",)),
            "ninja": track.peer(project, track.ninja, "-f", "pretended.ninja"),
        }
    )
    yield (
        f"null build, {files:,} files, ./bf image",
        _times(took, "./bf"),
        "1.0x ninja",
        f"ninja {_ms(took['ninja'])}",
    )
    yield (f"memory of that, {files:,} files", _mb(_memory(track.ours(project, store, "image"))), "500 MB", "")
    listing = track.ours(project, store, "graph", "app.elf", "--format", "dot", door=(sys.executable, "-m", "doit"))
    yield (f"memory of all recipes, {files:,} files", _mb(_memory(listing)), "500 MB", "doit graph app.elf")


def edit(track: Track, files: int) -> Iterator[Row]:
    """One file of many says something else: its compile, its archive, the link."""
    project, store = track.project(files), track.store(f"of-{files}")
    source = next(project.glob("src/m0003/*7.c"))
    text = source.read_text()
    ours, ninja = track.ours(project, store, "build", "app.elf"), track.peer(project, track.ninja)
    compile_ = track.peer(project, *_compile(project, source))
    track.ours(project, store, "build", "app.elf")()
    ninja()

    def edited(work: Callable[[], object]) -> Callable[[], object]:
        def build() -> None:
            source.write_text(f"{text}\nu32 edited_{time.time_ns()};\n")
            began = time.perf_counter()
            work()
            return time.perf_counter() - began  # type: ignore[return-value]

        return build

    took = race({"ours": edited(ours), "ninja": edited(ninja), "compile": compile_}, timed=("ours", "ninja"))
    reach = 1.5 * (took["ninja"] - took["compile"]) + took["compile"]
    source.write_text(text)
    ours(), ninja()
    beside = f"ninja {_ms(took['ninja'])}, of it the compile {_ms(took['compile'])}"
    yield (f"edit one of {files:,} files", _ms(took["ours"]), f"{_ms(reach)} (1.5x ninja's + the compile)", beside)

    def touch() -> None:
        source.touch()
        ours()

    touched = race({"ours": touch})
    yield (f"touch one of {files:,} files", _ms(touched["ours"]), "", "the content is the same: nothing to do")
    why = track.ours(project, store, "why", "app.elf", door=("./bf",))
    source.write_text(f"{text}\nu32 edited_{time.time_ns()};\n")
    ours()
    asked = race({"why": why})
    yield (f"why after a change, {files:,} files", _ms(asked["why"]), "300 ms", "./bf why app.elf")
    source.write_text(text)
    ours(), ninja()


def cold(track: Track, files: int) -> Iterator[Row]:
    """Everything to do, in the sandbox."""
    project = track.project(files)
    times: dict[str, list[float]] = {"ours": [], "ninja": []}
    for number in range(2):
        store = track.folder / "stores" / f"cold-{number}"
        shutil.rmtree(store, ignore_errors=True)
        _forget(project)
        times["ours"].append(_time(track.ours(project, track.store(store.name), "build", "app.elf")))
        shutil.rmtree(store)
        _forget(project)
        times["ninja"].append(_time(track.peer(project, track.ninja)))
    took = {name: min(each) for name, each in times.items()}
    yield (
        f"cold build, {files:,} files, sandbox on",
        f"{took['ours'] / took['ninja']:.2f}x ninja",
        "1.15x ninja",
        f"{took['ours']:.1f} s, ninja without a sandbox {took['ninja']:.1f} s",
    )


def fresh(track: Track, files: int) -> Iterator[Row]:
    """A new checkout, and a store that has everything."""
    project, store = track.project(files), track.store(f"of-{files}")
    track.ours(project, store, "build", "app.elf")()
    text = (project / "build.ninja").read_text().replace("launcher =\n", f"launcher = {track.ccache}\n")
    (project / "ccache.ninja").write_text(text)
    ninja = track.peer(project, track.ninja, "-f", "ccache.ninja")
    _forget(project)
    ninja()
    ours = track.ours(project, store, "build", "app.elf", door=("./bf",))

    def anew(work: Callable[[], object]) -> Callable[[], object]:
        def build() -> None:
            _forget(project)
            return _time(work)  # type: ignore[return-value]

        return build

    took = race({"ours": anew(ours), "ninja": anew(ninja)}, timed=("ours", "ninja"), rounds=3)
    yield (
        f"fresh checkout, warm store, {files:,} files",
        f"{took['ninja'] / took['ours']:.1f}x faster",
        "3x faster",
        f"{took['ours']:.2f} s, ninja with a warm ccache {took['ninja']:.2f} s",
    )


def race(
    contestants: dict[str, Callable[[], object]], *, timed: tuple[str, ...] = (), rounds: int = ROUNDS
) -> dict[str, float]:
    """Let all take turns; return the best time of each, in seconds. Those in `timed` take their time themselves."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            began = time.perf_counter()
            told = work()
            times[name].append(float(told) if name in timed else time.perf_counter() - began)  # type: ignore[arg-type]
    return {name: min(each) for name, each in times.items()}


def _time(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _memory(work: Callable[[], object]) -> int:
    """The most memory that `work`, a process, held, in bytes: measured in a child, whose children it counts."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            work()
            os.write(writer, str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.wait()
    with os.fdopen(reader) as told:
        return int(told.read())


def _run(argv: list[str], folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _compile(project: Path, source: Path) -> list[str]:
    """The command with which ninja compiles a source, to nowhere."""
    text = (project / "build.ninja").read_text()
    values = dict(re.findall(r"^(tools|flags) = (.*)$", text, re.MULTILINE))
    relative = str(source.relative_to(project))
    return [f"{values['tools']}/clang", *values["flags"].split(), "-c", relative, "-o", "/dev/null"]


def _forget(project: Path) -> None:
    """Remove all that builds left in a project."""
    for name in ("build", "ninja"):
        shutil.rmtree(project / name, ignore_errors=True)
    for path in project.glob(".ninja_*"):
        path.unlink()


def _sign(project: Path, store: Path) -> None:
    """Leave the snapshot that a build of the image leaves: all files that it depends on, signed."""
    signatures = snapshot.Signatures(str(project))
    for name in ("bareflow.toml", "bareflow.lock", "dodo.py", "recipes/project.py"):
        signatures.add(name)
    for path in [project / "src", *(project / "src").rglob("*")]:
        signatures.add(str(path.relative_to(project)))
    answer = "build/app.img  as a build would say\n"
    os.environ["BAREFLOW_CACHE"] = str(store)
    snapshot.save("image", [], sources=signatures, outputs=[], answer=answer, unchanged=lambda _: True)
    del os.environ["BAREFLOW_CACHE"]


def _pretended(project: Path) -> str:
    """Write a build.ninja with the same edges, whose commands write a word; return its name."""
    text = (project / "build.ninja").read_text()
    said = "printf '%s: %s src/common.h %s/module.h\\n' $out $in $$(dirname $in) > $out.d; echo $in > $out"
    text = re.sub(r"command = \$launcher.*", lambda _: f"command = {said}", text)
    text = re.sub(r"command = (rm -f|\$tools/ld).*", "command = echo > $out", text)
    (project / "pretended.ninja").write_text(text)
    return "pretended.ninja"


def _write_bf(project: Path) -> None:
    """Give a project the repository's ./bf, with the environment that is there already."""
    shutil.copy(ROOT / "requirements.lock", project)
    shutil.copy(ROOT / "pyproject.toml", project)
    text = (ROOT / "bf").read_text().replace("bfbuild/commands/door.py", str(DOOR))
    (project / "bf").write_text(text)
    (project / "bf").chmod(0o755)
    (project / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (project / ".venv" / name).symlink_to(Path(sys.prefix, name))
    stamp = (ROOT / "requirements.lock").read_text() + (ROOT / "pyproject.toml").read_text()
    (project / ".venv/bareflow-requirements.lock").write_text(stamp)
    (project / ".venv/bareflow-place").write_text(f"{project}\n")


def _root(project: Project, name: str) -> Path:
    recipe = project.graph.find(name)
    assert isinstance(recipe, Toolchain)
    with project.progress:
        return project.toolchains.ensure(recipe)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def _times(took: dict[str, float], name: str) -> str:
    return f"{took[name] / took['ninja']:.2f}x ninja ({_ms(took[name])})"


def rows(track: Track, *, large: bool) -> Iterator[Row]:
    """All that is measured."""
    yield from null(track, 1_000)
    yield from fresh(track, 1_000)
    yield from edit(track, 1_000)
    if large:
        yield from null(track, 10_000)
        yield from edit(track, 10_000)
        yield from huge(track, 100_000)
    yield from cold(track, 1_000)


def main() -> int:
    """Measure, and print the table as it comes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--large", action="store_true", help="10,000 and 100,000 files as well")
    parser.add_argument("--folder", type=Path, help="keep the projects there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        widths = (42, 26, 34)
        for row in itertools.chain([HEAD], rows(Track(folder.absolute()), large=arguments.large)):
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True))
            sys.stdout.write(line.rstrip() + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
