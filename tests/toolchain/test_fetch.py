"""A download is the wanted bytes, or a clear error; every server here is on loopback."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bfbuild.errors import BareflowError, Errors, FetchError, StoreError, render
from bfbuild.toolchain import fetch as module
from bfbuild.toolchain.fetch import Wanted, fetch_all

CONTENT = b"some locked bytes\n" * 9000  # several chunks


class Handler(http.server.BaseHTTPRequestHandler):
    """Behaves as the first folder of the path says."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.asked.append(self.path)
        kind, _, rest = self.path.strip("/").partition("/")
        first = self.asked.count(self.path) == 1
        if kind == "flaky":
            kind = "error" if first else "good"
        if kind == "cut-once":
            kind = "cut" if first else "good"
        getattr(self, f"answer_{kind.replace('-', '_')}")(rest)

    def _send(self, body: bytes, length: int | None = None, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def answer_good(self, _: str) -> None:
        self._send(CONTENT)

    def answer_chunked(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(CONTENT), 1000):
            part = CONTENT[start : start + 1000]
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def answer_moved(self, rest: str) -> None:
        self.send_response(302)
        self.send_header("Location", f"/good/{rest}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer_other(self, _: str) -> None:
        self._send(CONTENT[::-1])

    def answer_long(self, _: str) -> None:
        self._send(CONTENT + b"x")

    def answer_endless(self, _: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):  # the client hangs up
            while True:
                self.wfile.write(bytes(1 << 16))

    def answer_short(self, _: str) -> None:
        self._send(CONTENT[:-1])

    def answer_cut(self, _: str) -> None:
        self._send(CONTENT[:100], len(CONTENT))
        self.close_connection = True

    def answer_error(self, _: str) -> None:
        self._send(b"", status=503)

    def answer_forbidden(self, _: str) -> None:
        self._send(b"", status=403)

    def answer_gone(self, _: str) -> None:
        self._send(b"", status=404)

    def answer_silent(self, _: str) -> None:
        time.sleep(1.5)
        self.close_connection = True

    def answer_trickle(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        with contextlib.suppress(OSError):
            for start in range(0, len(CONTENT), 10):
                self.wfile.write(CONTENT[start : start + 10])
                time.sleep(0.05)
        self.close_connection = True


class Server:
    """A running server: `url` is its base, `asked` the paths it was asked for."""

    def __init__(self, server: http.server.ThreadingHTTPServer, asked: list[str]) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self.asked = asked


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on loopback."""
    asked: list[str] = []
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"asked": asked}))
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Server(running, asked)
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture(autouse=True)
def no_proxy_and_little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's proxy is not asked, and no test waits for long."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(module, "BACKOFF", 0.01)


@pytest.fixture
def dead() -> str:
    """The base URL of a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def wanted(*urls: str, name: str = "tool 1.2 (pool/t/tool_1.2.deb)", content: bytes = CONTENT) -> Wanted:
    """The usual content, from these URLs."""
    return Wanted(name, urls, hashlib.sha256(content).hexdigest(), len(content), hint="the way out")


def quiet(_done: int, _total: int) -> None:
    """Nobody watches."""


def failure(folder: Path, *each: Wanted) -> FetchError:
    """Why these cannot be had; nothing of them is left behind."""
    with pytest.raises(FetchError) as caught:
        fetch_all(each, folder, quiet)
    assert list(folder.iterdir()) == []
    return caught.value


@pytest.mark.parametrize("kind", ["good", "chunked", "moved", "flaky", "cut-once"])
def test_what_has_the_right_bytes_is_had(server: Server, tmp_path: Path, kind: str) -> None:
    """However they come: chunked, from elsewhere, at the second try."""
    each = wanted(f"{server.url}/{kind}/tool.deb")
    assert fetch_all([each], tmp_path, quiet)[each.name].read_bytes() == CONTENT


def test_a_file_url_is_had(tmp_path: Path) -> None:
    """A mirror may be a folder; its path may hold what URLs must quote."""
    source, target = tmp_path / "a mirror+1", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "x.deb").write_bytes(CONTENT)
    each = wanted((source / "x.deb").as_uri())
    assert fetch_all([each], target, quiet)[each.name].read_bytes() == CONTENT


def test_an_empty_file_is_had(tmp_path: Path) -> None:
    """No bytes are bytes too."""
    (tmp_path / "empty").touch()
    each = wanted((tmp_path / "empty").as_uri(), content=b"")
    assert fetch_all([each], tmp_path, quiet)[each.name].read_bytes() == b""


@pytest.mark.parametrize("kind", ["gone", "other", "long", "short", "cut", "error", "forbidden"])
def test_the_next_url_is_tried_whatever_the_first_does(server: Server, tmp_path: Path, kind: str) -> None:
    """One good mirror is enough, also after some bytes of a bad one."""
    each = wanted(f"{server.url}/{kind}/tool.deb", f"{server.url}/good/tool.deb")
    assert fetch_all([each], tmp_path, quiet)[each.name].read_bytes() == CONTENT


FAULTS = {
    "gone": ("a locked file is gone", "HTTP 404", 1),
    "other": ("a download is not the locked file: its SHA-256 differs", hashlib.sha256(CONTENT[::-1]).hexdigest(), 1),
    "long": ("a download is longer than the locked file", f"more than {len(CONTENT)} bytes", 1),
    "endless": ("a download is longer than the locked file", f"more than {len(CONTENT)} bytes", 1),
    "short": ("a download breaks off", f"{len(CONTENT) - 1} of {len(CONTENT)} bytes", 3),
    "cut": ("a download breaks off", f"100 of {len(CONTENT)} bytes", 3),
    "error": ("a server refuses a file", "HTTP 503", 3),
    "forbidden": ("a server refuses a file", "HTTP 403", 1),
}


@pytest.mark.parametrize(("kind", "expected"), FAULTS.items(), ids=FAULTS)
def test_each_fault_has_its_error(server: Server, tmp_path: Path, kind: str, expected: tuple[str, str, int]) -> None:
    """The headline says what is wrong, the facts what the server did; only what may pass is tried again."""
    headline, why, tries = expected
    error = failure(tmp_path, wanted(f"{server.url}/{kind}/tool.deb"))
    assert error.headline == headline
    assert dict(error.facts)["file"] == "tool 1.2 (pool/t/tool_1.2.deb)"
    assert why in dict(error.facts)["tried"]
    assert len(server.asked) == tries


def test_a_server_that_says_nothing_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No byte for the time-out is a fault, not a wait."""
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    error = failure(tmp_path, wanted(f"{server.url}/silent/tool.deb"))
    assert error.headline == "a download breaks off"
    assert "sent nothing for 0.2 s" in dict(error.facts)["tried"]


def test_a_server_that_trickles_is_given_up(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not hold a build for ever."""
    monkeypatch.setattr(module, "TIMEOUT", 0.3)
    started = time.monotonic()
    error = failure(tmp_path, wanted(f"{server.url}/trickle/tool.deb"))
    assert "less than 4096 bytes a second" in dict(error.facts)["tried"]
    assert time.monotonic() - started < 30  # at the server's pace it would be 13 minutes


def test_a_gone_file_names_it_the_mirrors_tried_and_the_way_out(server: Server, tmp_path: Path) -> None:
    """All that a person needs to go on stands in one error."""
    one, two = f"{server.url}/gone/one.deb", f"{server.url}/gone/two.deb"
    text = render(failure(tmp_path, wanted(one, two)))
    assert text.splitlines() == [
        "error: a locked file is gone",
        "  file    tool 1.2 (pool/t/tool_1.2.deb)",
        f"  sha256  {hashlib.sha256(CONTENT).hexdigest()}",
        f"  tried   {one}: HTTP 404 Not Found",
        f"  tried   {two}: HTTP 404 Not Found",
        "  hint    the way out",
    ]


def test_a_missing_local_file_is_gone_at_once(tmp_path: Path) -> None:
    """Trying again does not make a file appear."""
    each = wanted((tmp_path / "missing").as_uri())
    error = failure(tmp_path, each)
    assert error.headline == "a locked file is gone"
    assert "No such file or directory" in dict(error.facts)["tried"]


def test_a_server_that_is_away_is_told_apart_from_a_file_that_is_gone(
    server: Server, dead: str, tmp_path: Path
) -> None:
    """Nobody resolves a lock anew because a network is down: where one mirror is away, the file may be there."""
    error = failure(tmp_path, wanted(f"{dead}/tool.deb", f"{server.url}/gone/tool.deb"))
    assert error.headline == "a server cannot be reached"
    assert "refused" in dict([fact for fact in error.facts if dead in fact[1]])["tried"]
    assert error.hint is not None
    assert "http_proxy" in error.hint


def test_a_server_that_is_away_is_asked_for_few_of_many_files(
    dead: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead mirror costs seconds, not seconds for each of a hundred files, and gives one error."""
    tries: list[object] = []
    monkeypatch.setattr(module, "WORKERS", 2)
    connect = socket.create_connection

    def counted(address: tuple[str, int], *rest: object, **more: object) -> socket.socket:
        tries.append(address)
        return connect(address, *rest, **more)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(socket, "create_connection", counted)
    error = failure(tmp_path, *[wanted(f"{dead}/{number}.deb", name=f"file {number}") for number in range(100)])
    assert len(tries) <= 2 * module.TRIES
    assert dict(error.facts)["files"] == "100"
    assert dict(error.facts)["and"] == "92 more"


def test_all_failures_are_reported_together_by_kind(server: Server, tmp_path: Path) -> None:
    """Good files do not hide bad ones, nor one kind of fault another."""
    batch = [
        wanted(f"{server.url}/{kind}/{n}.deb", name=f"{kind} {n}") for kind in ("good", "gone", "other") for n in "12"
    ]
    with pytest.raises(Errors) as caught:
        fetch_all(batch, tmp_path, quiet)
    found = [[value for label, value in error.facts if label == "file"] for error in caught.value.errors]
    assert found == [["other 1", "other 2"], ["gone 1", "gone 2"]]


def test_what_is_no_url_is_an_error_too(tmp_path: Path) -> None:
    """A mirror without a scheme, an unknown scheme, no mirror at all: no traceback."""
    assert "unknown url type" in dict(failure(tmp_path, wanted("mirror/tool.deb")).facts)["tried"]
    assert failure(tmp_path, wanted("gopher://127.0.0.1/tool.deb")).headline == "a server cannot be reached"
    assert failure(tmp_path, wanted()).headline == "a locked file has no URL"


def test_progress_counts_every_byte_once(server: Server, tmp_path: Path) -> None:
    """Bytes that were thrown away are taken back, so the count never passes the total and ends there."""
    told: list[tuple[int, int]] = []
    batch = [
        wanted(f"{server.url}/{kind}/tool.deb", f"{server.url}/good/{kind}.deb", name=kind)
        for kind in ("cut-once", "other", "long", "short", "good", "gone")
    ]
    fetch_all(batch, tmp_path, lambda done, total: told.append((done, total)))
    total = len(CONTENT) * len(batch)
    assert all(0 <= done <= total and of == total for done, of in told)
    assert told[-1] == (total, total)


def test_a_folder_that_cannot_be_written_is_no_fault_of_the_server(server: Server, tmp_path: Path) -> None:
    """The error names the file and the reason, and no other mirror is tried for it."""
    with pytest.raises(StoreError, match="cannot be written") as caught:
        fetch_all([wanted(f"{server.url}/good/a", f"{server.url}/good/b")], tmp_path / "missing", quiet)
    assert dict(caught.value.facts)["why"] == "No such file or directory"
    assert server.asked == []


def test_a_full_disk_ends_the_batch(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody downloads a hundred files onto a full disk."""
    real = Path.open

    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def write(self, _: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda path, mode="r": Full() if path.parent == tmp_path else real(path, mode))
    monkeypatch.setattr(module, "WORKERS", 1)
    batch = [wanted(f"{server.url}/good/{number}", name=str(number)) for number in range(100)]
    with pytest.raises(StoreError) as caught:
        fetch_all(batch, tmp_path, quiet)
    assert dict(caught.value.facts)["why"] == "No space left on device"
    assert len(server.asked) < 10


def test_an_interruption_does_not_wait_for_the_rest(server: Server, tmp_path: Path) -> None:
    """Ctrl-C, here out of the progress callback, leaves promptly and starts no more downloads."""

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    batch = [wanted(f"{server.url}/good/{number}", name=str(number)) for number in range(1000)]
    with pytest.raises(KeyboardInterrupt):
        fetch_all(batch, tmp_path, interrupt)
    assert len(server.asked) < 1000


def test_the_proxy_of_the_environment_is_used(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that only the proxy can reach is reached."""
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr(Handler, "answer_http:", Handler.answer_good, raising=False)
    each = wanted("http://mirror.invalid/tool.deb")
    assert fetch_all([each], tmp_path, quiet)[each.name].read_bytes() == CONTENT
    assert server.asked == ["http://mirror.invalid/tool.deb"]


def test_a_server_that_speaks_no_tls_cannot_be_reached(tmp_path: Path) -> None:
    """A failed handshake is told like a failed connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(module.TRIES):
                connection, _address = listener.accept()
                connection.sendall(b"HTTP/1.1 400 this is no TLS\r\n\r\n")
                connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        error: BareflowError = failure(tmp_path, wanted(f"https://127.0.0.1:{listener.getsockname()[1]}/tool.deb"))
        thread.join()
    assert error.headline == "a server cannot be reached"
