"""One project, opened: its parts joined, its outputs put where people look, its records and warnings."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bfbuild.commands.project import Project
from bfbuild.digest import digest_bytes
from bfbuild.errors import ConfigError, FetchError
from tests.small import ACTIONS, Small


def test_outputs_are_put_for_people(copy: Small) -> None:
    """A file that is not right is replaced, with its mode; one that is right is not touched."""
    project = copy.build()
    [path] = project.export(["kernel.elf"])
    assert path == copy.root / "build/kernel.elf"
    assert path.stat().st_mode & 0o777 == 0o755, "what the linker made can be run"
    before = path.stat()
    project.export(["kernel.elf"])
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    path.write_bytes(b"other")
    project.export(["kernel.elf"])
    assert project.digest_of(path) == digest_bytes(path.read_bytes()).hash
    path.chmod(0o600)
    project.export(["kernel.elf"])
    assert path.stat().st_mode & 0o777 == 0o755


def test_what_is_put_is_a_copy(copy: Small) -> None:
    """A user who writes into build/ changes nothing in the store."""
    project = copy.build()
    [path] = project.export(["small.img"])
    right = path.read_bytes()
    with path.open("r+b") as file:
        file.write(b"harm")
    assert project.store.cas.get_bytes(project.output("small.img").digest) == right


def test_each_build_is_on_record(copy: Small) -> None:
    """Targets, and what was decided at each step, also of a build that failed."""
    copy.build()
    copy.edit("src/start.c", "return", "retrun")
    with pytest.raises(Exception, match="an action failed"):
        copy.build("kernel.elf")
    failed, good = list(copy.store.traces.builds())[:2]
    assert (good.project, good.targets) == ("small", ("small.img",))
    assert {(step.label, step.decision) for step in good.steps} == {(label, "hit") for label in ACTIONS}
    assert failed.targets == ("kernel.elf",)
    assert "kernel.elf" not in {step.label for step in failed.steps}


@pytest.mark.parametrize("jobs", [-1, -8])
def test_less_than_one_job_is_refused(copy: Small, jobs: int) -> None:
    """A number of jobs that cannot be meant is an error of the command line."""
    with pytest.raises(ConfigError, match="at least one job"):
        copy.build(jobs=jobs)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Serve `file` with the content `content` on loopback; give its folder's address."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served/file").write_bytes(b"content")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            """Take a moment, and write down what was asked for."""
            time.sleep(0.2)
            with (tmp_path / "asked").open("a") as asked:
                asked.write(f"{self.path}\n")
            super().do_GET()

    handler = partial(Quiet, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def declare_fetch(small: Small, url: str, content: bytes) -> None:
    """Declare a download, and a command that reads it."""
    digest = digest_bytes(content)
    small.write(
        "recipes/fetch.py",
        "from toolchain import llvm\nfrom bfbuild import Command, Fetch, In, Out\n"
        f'file = Fetch(name="file", urls=("{url}",), sha256="{digest.hash}", size={digest.size})\n'
        'Command(name="loud", tool="python3", toolchain=llvm,'
        ' args=("-S", In("src/shout.py"), In(file), Out("loud")))\n',
    )


def test_a_download_is_fetched_once(copy: Small, served: str, tmp_path: Path) -> None:
    """It comes by its digest, is an input like any other, and is not asked for again."""
    declare_fetch(copy, f"{served}/file", b"content")
    project = copy.build("loud")
    assert project.store.cas.get_bytes(project.output("loud").digest) == b"CONTENT"
    (tmp_path / "served/file").unlink()
    assert copy.build("loud").output("loud") == project.output("loud")


def test_two_builds_fetch_a_download_once(copy: Small, served: str, tmp_path: Path) -> None:
    """Who comes while another is fetching it waits, and takes what is there then."""
    declare_fetch(copy, f"{served}/file", b"content")
    projects = [copy.open(), copy.open()]
    files = [project.graph.find("file") for project in projects]
    with ThreadPoolExecutor(2) as both:
        list(both.map(Project.fetch, projects, files))
    assert (tmp_path / "asked").read_text() == "/file\n"


def test_a_download_of_other_bytes_is_refused(copy: Small, served: str) -> None:
    """What the recipe says decides, not what a server sends."""
    declare_fetch(copy, f"{served}/file", b"CONTENT")
    with pytest.raises(FetchError) as problem:
        copy.build("loud")
    assert dict(problem.value.facts)["file"] == "file"
    assert str(problem.value.hint).startswith(f"declared at {copy.root}/recipes/fetch.py:3")


def test_the_warning_of_a_degraded_sandbox_is_loud_and_once(copy: Small, capsys: pytest.CaptureFixture[str]) -> None:
    """Several actions at once, one warning."""
    copy.edit("recipes/small.py", '"-O2"', '"-O1"')
    project = copy.open()
    project.__dict__["config"] = project.config.model_copy(update={"sandbox": "proot"})
    project.build([project.graph.find("kernel.elf")], jobs=4)
    assert capsys.readouterr().err.count("warning: no user namespaces here: actions run under proot") == 1
