"""The way to the archive, on a host whose only word about proxies is apt's."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bfbuild.toolchain.debian import mirrors
from bfbuild.toolchain.proxy import opener
from tests.toolchain.archive import needs_apt

RELEASE = b"Origin: Debian\n"


class Proxy(http.server.BaseHTTPRequestHandler):
    """Answers for every host, so whoever gets an answer came this way."""

    def do_GET(self) -> None:
        """Give the same file for all addresses."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(RELEASE)))
        self.end_headers()
        self.wfile.write(RELEASE)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def proxy() -> Iterator[str]:
    """The address of a proxy on loopback."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What apt's configuration says on this host, to be written; the environment says nothing about proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "host.conf"))
    return tmp_path / "host.conf"


NOBODY = "http://127.0.0.1:9/"
WAYS = {
    "for all hosts": 'Acquire::http::Proxy "{proxy}";',
    "in another spelling": 'acquire::HTTP::proxy "{proxy}";',
    "for one host": 'Acquire::http::Proxy "{nobody}"; Acquire::http::Proxy::mirror.invalid "{proxy}";',
}


@needs_apt
@pytest.mark.parametrize("way", WAYS)
def test_the_proxy_that_apt_uses_is_used(way: str, host: Path, proxy: str) -> None:
    """A mirror that only apt's proxy can reach is reached."""
    host.write_text(f'Dir::Etc::parts "/dev/null"; {WAYS[way].format(proxy=proxy, nobody=NOBODY)}')
    with opener().open("http://mirror.invalid/debian/dists/bookworm/Release", timeout=5) as response:
        assert response.read() == RELEASE


@needs_apt
def test_apts_mirrors_are_reached_as_apt_reaches_them(host: Path, proxy: str) -> None:
    """The archive that the host's apt is configured for counts as a mirror, though only its proxy can reach it."""
    sources = host.with_name("sources.list")
    sources.write_text("deb http://mirror.invalid/debian bookworm main\n")
    host.write_text(
        f'Dir::Etc::parts "/dev/null"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::sourcelist "{sources}";'
        f'Acquire::http::Proxy "{proxy}";'
    )
    assert mirrors(()) == ("http://mirror.invalid/debian",)


@needs_apt
def test_direct_means_no_proxy(host: Path, proxy: str) -> None:
    """A host that apt excepts is asked itself, here as one that serves its own files."""
    host.write_text(
        f'Dir::Etc::parts "/dev/null"; Acquire::http::Proxy "{NOBODY}"; Acquire::http::Proxy::127.0.0.1 "DIRECT";'
    )
    with opener().open(f"{proxy}Release", timeout=5) as response:
        assert response.read() == RELEASE


@needs_apt
def test_what_is_said_of_http_holds_for_https(host: Path, proxy: str) -> None:
    """The proxy is asked for a tunnel, which this one does not offer; an https proxy of its own is preferred."""
    for option, why in (("", "Unsupported method"), (f'Acquire::https::Proxy "{NOBODY}";', "refused")):
        host.write_text(f'Dir::Etc::parts "/dev/null"; Acquire::http::Proxy "{proxy}"; {option}')
        with pytest.raises(OSError, match=why):
            opener().open("https://mirror.invalid/Release", timeout=5)


@needs_apt
def test_the_environment_wins_over_apt(host: Path, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sets http_proxy for one command means it; no_proxy excepts hosts whoever named the proxy."""
    host.write_text(f'Dir::Etc::parts "/dev/null"; Acquire::http::Proxy "{NOBODY}";')
    monkeypatch.setenv("http_proxy", proxy)
    with opener().open("http://mirror.invalid/Release", timeout=5) as response:
        assert response.read() == RELEASE
    monkeypatch.delenv("http_proxy")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with opener().open(f"{proxy}Release", timeout=5) as response:
        assert response.read() == RELEASE


def test_a_host_without_apt_has_no_proxies(tmp_path: Path, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked but the host itself."""
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with opener().open(f"{proxy}Release", timeout=5) as response:
        assert response.read() == RELEASE
