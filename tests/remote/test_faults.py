"""Builds with a team's cache that fails: each ends right, or with one error, says it once, and leaves a sound store."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import grpc
import pytest

from bfbuild.digest import Digest
from bfbuild.errors import BareflowError, render
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.remote.channel import Patience
from tests.remote import proxy, servers
from tests.remote.certificates import Authority
from tests.remote.conftest import Build, damage
from tests.remote.proxy import Fault, Proxy, before, changed, refuse, silent, slow, sometimes, torn
from tests.remote.servers import Server
from tests.small import ACTIONS, Roots, Small

IMPATIENT = Patience(deadline=0.2, attempts=2, first=0.01)
STEADY = Patience(deadline=5, attempts=8, first=0.01, longest=0.05, total=20)
SECRET = "abc.def.ghi"


def test_without_a_fault_nothing_is_executed(full: Server, build: Build, image: Digest) -> None:
    """With all results at the server a build executes nothing, and makes the same image."""
    with Proxy(full.address) as door:
        built = build(door.url)
    assert (built.ran, built.warnings) == (set(), [])
    assert built.project.output("small.img").digest == image


def test_a_server_that_is_away_at_the_start(casd: Server, build: Build, image: Digest) -> None:
    """Nobody at the address: all is made here, and it is said once where the server should have been."""
    casd.stop()
    built = build(casd.url)
    assert built.ran == set(ACTIONS)
    assert built.project.output("small.img").digest == image
    [warning] = built.warnings
    assert casd.url in warning


@pytest.mark.parametrize("method", ["GetActionResult", "BatchReadBlobs"])
def test_a_server_that_goes_away_in_the_middle(full: Server, build: Build, image: Digest, method: str) -> None:
    """After some results the server falls over: what it gave is used, the rest is made here, and it is said once."""
    with Proxy(full.address) as door:
        door.disturb(method, before(full.stop, number=9))  # of 11 actions, in chains
        built = build(door.url)
    assert set() < built.ran < set(ACTIONS)
    assert built.project.output("small.img").digest == image
    assert len(built.warnings) == 1


@pytest.mark.parametrize("method", ["BatchUpdateBlobs", "FindMissingBlobs", "UpdateActionResult"])
def test_a_server_that_goes_away_at_upload(casd: Server, build: Build, image: Digest, method: str) -> None:
    """The server falls over while it is given results: the build does not mind, and it is said once."""
    with Proxy(casd.address) as door:
        door.disturb(method, before(casd.stop, number=2))
        built = build(door.url)
    assert built.ran == set(ACTIONS)
    assert built.project.output("small.img").digest == image
    assert len(built.warnings) == 1


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("GetCapabilities", silent),
        ("GetActionResult", silent),
        ("BatchReadBlobs", silent),
        ("GetActionResult", slow(30)),
    ],
    ids=["half-open at the start", "half-open", "half-open content", "slow"],
)
def test_a_server_that_does_not_answer_in_time(
    full: Server, build: Build, image: Digest, method: str, fault: Fault
) -> None:
    """A connection on which nothing comes, or comes too late, is given up at its deadline, once."""
    with Proxy(full.address) as door:
        door.disturb(method, fault)
        built = build(door.url, patience=IMPATIENT)
    assert built.ran == set(ACTIONS)
    assert built.project.output("small.img").digest == image
    assert len(built.warnings) == 1


def test_a_server_that_is_frozen(full: Server, build: Build, image: Digest) -> None:
    """A server that the kernel still takes connections for, and that runs no more, is as good as away."""
    full.freeze()
    built = build(full.url, patience=IMPATIENT)
    assert built.ran == set(ACTIONS)
    assert built.project.output("small.img").digest == image
    assert len(built.warnings) == 1


def test_a_server_that_is_only_slow_is_used(full: Server, build: Build, image: Digest) -> None:
    """Answers that are late, and in time nevertheless, are used: nothing is executed, nothing is said."""
    with Proxy(full.address) as door:
        door.disturb(proxy.EVERY, slow(0.05))
        built = build(door.url)
    assert (built.ran, built.warnings) == (set(), [])
    assert built.project.output("small.img").digest == image


def only_error(build: Build, url: str, **settings: str) -> str:
    """Build, and return the one error that a person sees, however many actions met it."""
    with pytest.raises(BareflowError) as caught:
        build(url, **settings)
    said = render(caught.value)
    assert [line for line in said.splitlines() if line.startswith("error:")] == said.splitlines()[:1]
    return said


def test_an_expired_token(full: Server, build: Build, small: Small) -> None:
    """A refused token is one error, which does not hold it, nor does anything that the build left."""
    with Proxy(full.address, asks={"authorization": "Bearer new"}) as door:
        said = only_error(build, door.url, token=SECRET)
    assert "refuses the token" in said
    assert SECRET not in said
    files = [path for path in small.root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not any(SECRET.encode() in path.read_bytes() for path in files)


def test_a_token_that_expires_in_the_middle(full: Server, build: Build, image: Digest) -> None:
    """A token that is refused after some calls is one error; with a new one the build goes on from there."""
    with Proxy(full.address, asks={"authorization": f"Bearer {SECRET}"}) as door:
        door.disturb("GetActionResult", before(lambda: door.ask({"authorization": "Bearer new"}), number=5))
        assert "refuses the token" in only_error(build, door.url, token=SECRET)
        built = build(door.url, token="new")
    assert (built.ran, built.warnings) == (set(), [])
    assert built.project.output("small.img").digest == image


def test_a_wrong_certificate(full: Server, build: Build, tmp_path: Path) -> None:
    """A server that somebody else vouches for than the project says is one error."""
    right, wrong = Authority(tmp_path / "right"), Authority(tmp_path / "wrong")
    pair = right.vouch("server")
    credentials = grpc.ssl_server_credentials([(pair.key.read_bytes(), pair.certificate.read_bytes())])
    with Proxy(full.address, credentials=credentials) as door:
        assert "do not agree on who it is" in only_error(build, door.url, tls_ca=str(wrong.certificate))
        assert build(door.url, tls_ca=str(right.certificate)).ran == set()


def test_another_version_of_the_api(full: Server, build: Build) -> None:
    """A server that speaks a version that we do not is one error."""

    def version(found: api.ServerCapabilities) -> None:
        found.low_api_version.major = found.high_api_version.major = 3

    with Proxy(full.address) as door:
        door.disturb("GetCapabilities", changed(api.ServerCapabilities, version))
        assert "speaks another version" in only_error(build, door.url)


def test_a_full_server(tmp_path: Path, build: Build, image: Digest) -> None:
    """A casd that may keep 100 kB of a 3 MB image says so: giving stops, the build does not, and it is said once."""
    with servers.running(servers.casd(tmp_path, quota="100K")) as server:
        built = build(server.url)
    assert built.ran == set(ACTIONS)
    assert built.project.output("small.img").digest == image
    [warning] = built.warnings
    assert "full" in warning


@pytest.mark.parametrize("code", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.PERMISSION_DENIED])
def test_a_server_that_takes_nothing(casd: Server, build: Build, image: Digest, code: grpc.StatusCode) -> None:
    """A server with no room, or for which we may only read, is given nothing more; it is said once."""
    with Proxy(casd.address) as door:
        for method in ("BatchUpdateBlobs", "Write", "UpdateActionResult"):
            door.disturb(method, refuse(code, "said the test"))
        built = build(door.url)
    assert built.ran == set(ACTIONS)
    assert built.project.output("small.img").digest == image
    [warning] = built.warnings
    assert "said the test" in warning


@pytest.mark.parametrize("seed", range(2))
def test_one_of_ten_calls_fails_while_results_are_taken(full: Server, build: Build, image: Digest, seed: int) -> None:
    """With a tenth of all calls failing, all results are taken nevertheless, after some attempts more."""
    with Proxy(full.address) as door:
        door.disturb(proxy.EVERY, sometimes(0.1, seed))
        built = build(door.url, patience=STEADY)
    assert (built.ran, built.warnings) == (set(), [])
    assert built.project.output("small.img").digest == image


@pytest.mark.parametrize("seed", range(2))
def test_one_of_ten_calls_fails_while_results_are_given(
    casd: Server, build: Build, small: Small, roots: Roots, seed: int
) -> None:
    """With a tenth of all calls failing, all results are given nevertheless: another checkout takes every one."""
    with Proxy(casd.address) as door:
        door.disturb(proxy.EVERY, sometimes(0.1, seed))
        built = build(door.url, patience=STEADY)
    assert (built.ran, built.warnings) == (set(ACTIONS), [])
    shutil.rmtree(small.cache)
    roots.lend(small.store)
    assert build(casd.url).ran == set()


def test_a_download_that_breaks_goes_on(full: Server, build: Build, image: Digest) -> None:
    """Every first stream breaks after its first message: the image, which needs several, comes whole nevertheless."""
    with Proxy(full.address) as door:
        door.disturb("Read", proxy.first(1, torn(1)))
        built = build(door.url)
    assert (built.ran, built.warnings) == (set(), [])
    assert built.project.output("small.img").digest == image


def test_one_of_ten_calls_fails_while_a_cluster_executes(
    full: Server, cluster: Server, build: Build, image: Digest
) -> None:
    """With a tenth of all calls to it failing, a cluster executes nevertheless, or this machine does."""
    with Proxy(full.address) as results, Proxy(cluster.address) as door:
        results.disturb("GetActionResult", refuse(grpc.StatusCode.NOT_FOUND))
        door.disturb(proxy.EVERY, sometimes(0.1, 1))
        built = build(results.url, patience=STEADY, exec=door.url, jobs=4, upload="never")
    assert built.ran == set(ACTIONS)
    assert built.project.output("small.img").digest == image
    assert door.calls["Execute"] > 0
    assert len(built.warnings) <= 1


def test_as_a_user_sees_it(casd: Server, small: Small) -> None:
    """From the command line: a refused token is one error and an exit code, a server that is away one line."""
    asks = {"authorization": "Bearer new"}
    with Proxy(casd.address, asks=asks) as door:
        small.write("bareflow.toml", f'[project]\nname = "small"\n[remote]\ncache = "{door.url}"\n')
        refused = small.doit("image", BAREFLOW_REMOTE_TOKEN=SECRET)
        taken = small.doit("image", BAREFLOW_REMOTE_TOKEN="new")
    assert refused.code == 2  # it could not be tried
    assert refused.err.count("error: the remote server refuses the token") == 1
    assert SECRET not in refused.out + refused.err
    assert (taken.code, "warning" in taken.err) == (0, False)
    small.edit("src/words.txt", "hello", "good bye")
    away = small.doit("image", BAREFLOW_REMOTE_TOKEN="new")
    assert away.code == 0
    assert away.err.count("warning: ") == 1
    assert "Connection refused" in away.err
    off = small.doit("image", BAREFLOW_REMOTE="off")
    assert (off.code, "warning" in off.err) == (0, False)


@pytest.mark.parametrize("method", ["GetActionResult", "BatchReadBlobs"])
def test_ctrl_c_does_not_wait_for_a_server(full: Server, small: Small, roots: Roots, method: str) -> None:
    """Stopped while a server is waited for, a build ends at once, and its store is sound."""
    with Proxy(full.address) as door:
        door.disturb(method, silent)
        small.write("bareflow.toml", f'[project]\nname = "small"\n[remote]\ncache = "{door.url}"\n')
        process = small.start("image")
        end = time.monotonic() + 60
        while not door.calls[method]:
            assert time.monotonic() < end
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=15)  # a call's deadline is longer
    assert process.returncode == -signal.SIGINT, out + err
    assert damage(small, roots) == ()
