"""Trouble around a build: a full disk, what is read-only, a lock and mirrors that do not fit. Told, and survived."""

from __future__ import annotations

import hashlib
import http.server
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from bfbuild.toolchain.lock import Lock, LockedPackage, LockedToolchain, lock_text
from tests.small import Finished, Small, interrupted
from tests.toolchain.archive import needs_apt
from tests.toolchain.debs import deb, file

InNamespace = Callable[[Small, str], Finished]


@pytest.fixture(scope="session")
def in_namespace() -> InNamespace:
    """Run a shell script in mount and user namespaces of its own: `$doit` is doit, the folder is the project's."""
    enter = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*enter, "mount -t tmpfs none /tmp"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("user namespaces with mounts are refused here")

    def run(small: Small, script: str) -> Finished:
        environment = small.environment(doit=f"{sys.executable} -m doit", cache=str(small.cache))
        done = subprocess.run(
            [*enter, script], cwd=small.root, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


def test_a_full_disk_is_told_at_whatever_write_and_the_build_goes_on(small: Small, in_namespace: InNamespace) -> None:
    """The cache on a disk that grows: each build ends with a clear error, none with a traceback, the last is right.

    What was finished on the smaller disk is not done again.
    """
    (small.root / "build").mkdir()
    done = in_namespace(
        small,
        """
        cp -a "$cache" "$cache.saved"
        used=$(($(find "$cache.saved" -type f -o -type l | wc -l) * 4))
        mount -t tmpfs -o size=$((used + 32))k tmpfs "$cache"
        cp -a "$cache.saved/." "$cache"
        for more in 160 220 280 360 560 2000; do
            mount --options-mode ignore -o remount,size=$((used + more))k "$cache"  # a user's tmpfs has more options
            echo "== $more" >&2
            $doit image; echo "exit $?" >&2
        done
        """,
    )
    builds = done.err.split("== ")[1:]
    codes = [int(build.rpartition("exit ")[2]) for build in builds]
    assert codes == sorted(codes, reverse=True), done.err
    assert set(codes) == {0, 2}, done.err
    assert "Traceback" not in done.err
    for build in builds[: codes.count(2)]:
        assert "  reason  No space left on device\n" in build
        assert "  hint    free some space on that disk, then build again: what was finished is kept\n" in build
    ran = [line.split()[1] for line in done.err.splitlines() if line.endswith("(it was never built)")]
    assert len(ran) == len(set(ran)), "nothing that was finished ran again"


READ_ONLY = 'mount --bind "{0}" "{0}" && mount -o remount,bind,ro "{0}" && '


def test_a_read_only_cache_gives_what_it_has(copy: Small, in_namespace: InNamespace) -> None:
    """A build of nothing but hits works, and says that it is not on record."""
    done = in_namespace(copy, READ_ONLY.format("$cache") + "$doit image")
    assert done.code == 0, done.err
    assert "warning: this build is not on record: cannot write to the store: Read-only file system" in done.err
    assert (copy.root / "build/small.img").is_file()


def test_a_read_only_cache_is_told_when_something_must_run(copy: Small, in_namespace: InNamespace) -> None:
    """The first write that is refused ends the build, with the reason and the way out."""
    copy.edit("src/start.c", "return", "return 1 +")
    done = in_namespace(copy, READ_ONLY.format("$cache") + "$doit image")
    assert done.code == 2
    assert "error: cannot lock the store\n" in done.err
    assert "  reason  Read-only file system\n" in done.err
    assert (
        "  hint    make this path writable for this user, or choose another cache folder (BAREFLOW_CACHE)\n" in done.err
    )
    assert "Traceback" not in done.err


def test_a_read_only_project_is_told_when_outputs_cannot_be_put(copy: Small, in_namespace: InNamespace) -> None:
    """The image cannot be put into build/: an error that names the file; doit itself needs to write nothing."""
    (copy.root / "build").mkdir()
    done = in_namespace(copy, READ_ONLY.format("$PWD/build") + "$doit image")
    assert done.code == 2
    assert "error: cannot copy out of the store\n  path    build/" in done.err
    assert "  reason  Read-only file system\n" in done.err
    assert "Traceback" not in done.err


def test_a_read_only_project_that_is_up_to_date_answers(copy: Small, in_namespace: InNamespace) -> None:
    """With the right outputs in place there is nothing to write: the answer is given, with and without a snapshot."""
    answer = copy.doit("image").out
    shutil.rmtree(copy.root / "build/.snapshot")
    done = in_namespace(copy, READ_ONLY.format("$PWD/build") + "$doit image")
    assert (done.code, done.out) == (0, answer), done.err


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that does not talk."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a folder on loopback; give the folder and its address."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def tiny(small: Small, mirror: tuple[Path, str]) -> Small:
    """A project whose command runs in a toolchain of one package, which only the mirror has."""
    folder, _ = mirror
    path = deb(folder / "tool_1.0_amd64.deb", file("./usr/bin/tool", b"#!/bin/false\n", mode=0o755))
    lock = Lock.load(small.root / "bareflow.lock")
    package = LockedPackage(
        name="tool",
        version="1.0",
        architecture="amd64",
        path=path.name,
        size=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    toolchain = LockedToolchain(packages=("tool",), closure=(package.key,))
    small.write(
        "bareflow.lock",
        lock_text(
            lock.model_copy(
                update={
                    "toolchains": {**lock.toolchains, "tiny": toolchain},
                    "packages": (*lock.packages, package),
                }
            )
        ),
    )
    small.write(
        "recipes/tiny.py",
        'from bfbuild import Command, Toolchain\ntiny = Toolchain(name="tiny", packages=("tool",))\n'
        'Command(name="made", tool="tool", toolchain=tiny, stdout="made")\n',
    )
    return small


def test_a_package_with_other_bytes_than_the_lock_says_is_refused(tiny: Small, mirror: tuple[Path, str]) -> None:
    """A lock entry whose SHA-256 does not match: the package, both digests, the mirror asked, and the way out."""
    folder, address = mirror
    path = folder / "tool_1.0_amd64.deb"
    wanted = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(bytes(path.stat().st_size))
    done = tiny.doit("build", "made", BAREFLOW_DEBIAN_MIRROR=address)
    assert done.code == 2
    assert "tool 1.0" in done.err
    assert wanted in done.err
    assert hashlib.sha256(path.read_bytes()).hexdigest()[:12] in done.err
    assert f"{address}/tool_1.0_amd64.deb" in done.err
    assert "doit lock" in done.err
    assert "Traceback" not in done.err


def test_a_package_that_is_gone_from_the_mirror_is_told(tiny: Small, mirror: tuple[Path, str]) -> None:
    """The file is named, and both ways out: another lock, or a dated snapshot of the archive."""
    folder, address = mirror
    (folder / "tool_1.0_amd64.deb").unlink()
    done = tiny.doit("build", "made", BAREFLOW_DEBIAN_MIRROR=address)
    assert done.code == 2
    assert "tool_1.0_amd64.deb" in done.err
    assert "404" in done.err
    assert "doit lock" in done.err
    assert "BAREFLOW_DEBIAN_MIRROR" in done.err


def test_a_mirror_that_is_gone_is_told(tiny: Small) -> None:
    """Nobody answers at that address: an error with the address and the reason, soon, and no traceback."""
    done = tiny.doit("build", "made", BAREFLOW_DEBIAN_MIRROR="http://127.0.0.1:9")
    assert done.code == 2
    assert "http://127.0.0.1:9/tool_1.0_amd64.deb" in done.err
    assert "refused" in done.err
    assert "Traceback" not in done.err


def test_ctrl_c_ends_a_download(tiny: Small) -> None:
    """A mirror that answers and then says nothing more: Ctrl-C does not wait for it, and leaves nothing half-done."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        mirror = f"http://127.0.0.1:{server.getsockname()[1]}"
        process = tiny.start("build", "made", BAREFLOW_DEBIAN_MIRROR=mirror)
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nsome bytes")
            interrupted(process, within=15)
    store = tiny.store  # whoever opens it next tidies up
    assert list((store.path / "tmp").iterdir()) == []


def test_a_toolchain_comes_from_the_mirror_once(tiny: Small, mirror: tuple[Path, str]) -> None:
    """It is fetched and unpacked for the first tool that runs in it, and the mirror is not asked again."""
    folder, address = mirror
    done = tiny.doit("build", "made", BAREFLOW_DEBIAN_MIRROR=address)
    assert done.code == 1, "the tool runs, and fails"
    assert "error: an action failed" in done.err
    shutil.rmtree(folder)
    assert tiny.doit("build", "made", BAREFLOW_DEBIAN_MIRROR=address).code == 1


@needs_apt
def test_a_toolchain_is_fetched_the_way_that_apt_goes(tiny: Small, mirror: tuple[Path, str], tmp_path: Path) -> None:
    """On a host whose apt has a proxy, and only apt has, a build's packages come through it."""
    folder, address = mirror  # which as a proxy looks for the whole URL below its folder
    behind = folder / "http:/mirror.invalid"
    behind.mkdir(parents=True)
    (folder / "tool_1.0_amd64.deb").rename(behind / "tool_1.0_amd64.deb")
    (tmp_path / "apt.conf").write_text(f'Dir::Etc::parts "/dev/null"; Acquire::http::Proxy "{address}";')
    done = tiny.doit(
        "build", "made", BAREFLOW_DEBIAN_MIRROR="http://mirror.invalid", APT_CONFIG=str(tmp_path / "apt.conf")
    )
    assert done.code == 1, done.err
    assert "error: an action failed" in done.err, "the tool runs, and fails"
