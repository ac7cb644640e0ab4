"""Resolving, by the host's own apt, against archives that the tests write."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bfbuild.errors import Errors, FetchError, LockError
from bfbuild.toolchain import debian
from bfbuild.toolchain.debian import mirrors
from bfbuild.toolchain.lock import Lock, lock_text
from tests.toolchain.archive import DATED, make_archive, needs_apt, package

resolve = partial(debian.resolve, unsigned=True)

PACKAGES = [
    package("nasm", "2.16.01-1", depends="libc6 (>= 2.14)", recommends="nasm-doc"),
    package("nasm-doc"),
    package("libc6", "2.36-9", depends="libgcc", multi_arch="same"),
    package("libc6", "2.36-9", "i386", multi_arch="same"),
    package("libgcc"),
    package("clang", "1:19.1.7-3~deb12u1", depends="libc6, headers"),
    package("clang-broken", depends="nowhere"),
    package("headers", architecture="all"),
    package("g++", depends="libc6"),
]


@pytest.fixture
def base(tmp_path: Path) -> str:
    """An archive with a release and nothing else."""
    return make_archive(tmp_path / "debian", {"bookworm": PACKAGES})


def keys(lock: Lock, toolchain: str) -> list[str]:
    """Return what a toolchain is made of, in short."""
    return list(lock.toolchains[toolchain].closure)


@needs_apt
def test_a_closure_is_what_is_asked_for_and_what_it_depends_on(base: str) -> None:
    """Dependencies come along, what is only recommended does not, and no toolchain holds what only another needs."""
    lock = resolve({"assembler": ["nasm"], "compiler": ["clang"]}, (base,))
    assert keys(lock, "assembler") == ["libc6:amd64", "libgcc:amd64", "nasm:amd64"]
    assert keys(lock, "compiler") == ["clang:amd64", "headers:all", "libc6:amd64", "libgcc:amd64"]


@needs_apt
def test_a_package_is_locked_as_the_archive_describes_it(base: str) -> None:
    """Version with its epoch, path, size and SHA-256 are the archive's own."""
    clang = resolve({"compiler": ["clang"]}, (base,)).by_key["clang:amd64"]
    assert clang.model_dump() == {
        "name": "clang",
        "version": "1:19.1.7-3~deb12u1",
        "architecture": "amd64",
        "path": "pool/main/c/clang/clang_19.1.7-3~deb12u1_amd64.deb",
        "size": 105,
        "sha256": "a110a022fc05c5a58788b546700a0e1305eaee340efe24ee3476ebe3f57ac0d7",
    }


@needs_apt
def test_an_equal_archive_gives_an_equal_text_that_names_no_mirror(base: str, tmp_path: Path) -> None:
    """Neither the mirror's place nor the order of what is asked for is seen in the lock."""
    other = make_archive(tmp_path / "elsewhere" / "debian", {"bookworm": PACKAGES})
    text = lock_text(resolve({"a": ["nasm", "clang"], "b": ["g++"]}, (base,)))
    assert lock_text(resolve({"b": ["g++"], "a": ["clang", "nasm", "clang"]}, (other,))) == text
    assert str(tmp_path) not in text
    assert "://" not in text


@needs_apt
def test_a_security_update_wins_and_the_lock_knows_the_dates(base: str, tmp_path: Path) -> None:
    """Of two versions the newer is locked, with its path in the other archive; both archives' dates are recorded."""
    newer = package("libc6", "2.36-9+deb12u1", path="pool/updates/main/g/glibc/libc6_2.36-9+deb12u1_amd64.deb")
    security = make_archive(tmp_path / "debian-security", {"bookworm-security": [newer]})
    lock = resolve({"c": ["libc6"]}, (base, security))
    assert lock.by_key["libc6:amd64"].path == "pool/updates/main/g/glibc/libc6_2.36-9+deb12u1_amd64.deb"
    assert lock.archive == {"bookworm": DATED, "bookworm-security": DATED}


@needs_apt
def test_another_architecture_can_be_asked_for(base: str) -> None:
    """`libc6:i386` is locked beside amd64 packages, and where both are asked for both are there."""
    lock = resolve({"cross": ["libc6:i386", "nasm"]}, (base,))
    assert keys(lock, "cross") == ["libc6:amd64", "libc6:i386", "libgcc:amd64", "nasm:amd64"]


@needs_apt
def test_a_package_can_be_asked_for_alone(base: str) -> None:
    """A toolchain without dependencies holds what is named, of the architecture that is named, and nothing else."""
    requests = {"sysroot": ["libc6:i386", "headers"], "compiler": ["clang"]}
    lock = resolve(requests, (base,), alone=["sysroot"])
    assert keys(lock, "sysroot") == ["headers:all", "libc6:i386"]
    assert keys(lock, "compiler") == ["clang:amd64", "headers:all", "libc6:amd64", "libgcc:amd64"]


@needs_apt
def test_a_name_that_ends_like_an_instruction_is_a_name(base: str) -> None:
    """The plus signs of g++ do not tell apt what to do."""
    assert keys(resolve({"c": ["g++"]}, (base,)), "c") == ["g++:amd64", "libc6:amd64", "libgcc:amd64"]


@needs_apt
@pytest.mark.parametrize("name", ["nasm-", "--help", "na.*", "nasm=1", "nasm/bookworm", "Nasm", ""])
def test_what_is_no_name_is_refused(base: str, name: str) -> None:
    """A request that apt would take for an instruction, a pattern or an option never gets to do that."""
    with pytest.raises(LockError):
        resolve({"c": [name]}, (base,))


@needs_apt
def test_an_unknown_package_is_told_with_its_nearest(base: str) -> None:
    """A misspelt name is said to be unknown, in which toolchain, and what comes nearest to it."""
    with pytest.raises(LockError, match="cannot be resolved") as caught:
        resolve({"compiler": ["clnag", "nasm"]}, (base,))
    facts = dict(caught.value.facts)
    assert (facts["toolchain"], facts["unknown"], facts["nearest"]) == ("compiler", "clnag", "clang")


@needs_apt
def test_all_wrong_toolchains_are_told_at_once(base: str) -> None:
    """One run finds the misspelt name in one toolchain and the unmet dependency in another."""
    with pytest.raises(Errors) as caught:
        resolve({"a": ["nsam"], "b": ["nasm"], "c": ["clang-broken"]}, (base,))
    assert [dict(each.facts)["toolchain"] for each in caught.value.errors] == ["a", "c"]
    assert "Depends: nowhere but it is not installable" in str(caught.value.errors[1].detail)


@needs_apt
def test_an_unsigned_archive_is_refused(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a signature of Debian's keys nothing is taken from an archive."""
    keyring = tmp_path / "keys.gpg"
    keyring.touch()
    monkeypatch.setattr(debian, "KEYRING", keyring)
    with pytest.raises(LockError) as caught:
        debian.resolve({"a": ["nasm"]}, (base,))
    assert "is not signed" in str(caught.value.detail)


@needs_apt
def test_lists_that_are_not_what_the_release_says_are_refused(base: str, tmp_path: Path) -> None:
    """A list of packages that was altered after its Release file is an error, never a list that is left out."""
    security = make_archive(tmp_path / "debian-security", {"bookworm-security": [package("libc6", "2.36-9+deb12u1")]})
    index = tmp_path / "debian-security/dists/bookworm-security/main/binary-amd64/Packages"
    index.write_text(index.read_text().replace("SHA256: ", "SHA256: 0"))
    with pytest.raises(LockError, match="lists of packages cannot be had"):
        resolve({"a": ["nasm"]}, (base, security))


def test_missing_keys_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the keys of the archive are not installed the error names the file and the package that has it."""
    monkeypatch.setattr(debian, "KEYRING", tmp_path / "keys.gpg")
    with pytest.raises(LockError, match="keys") as caught:
        debian.resolve({"a": ["nasm"]}, ("file:///nowhere",))
    assert caught.value.facts == [("wanted", str(tmp_path / "keys.gpg"))]
    assert "debian-archive-keyring" in str(caught.value.hint)


@needs_apt
def test_a_dated_snapshot_may_be_past_its_date(tmp_path: Path) -> None:
    """A configured archive that says it is too old to be believed is believed: it is meant to be of that day."""
    head = "Date: Sat, 11 Jul 2020 10:16:37 UTC\nValid-Until: Sun, 12 Jul 2020 10:16:37 UTC\n"
    base = make_archive(tmp_path / "20200711", {"bookworm": PACKAGES}, head)
    assert resolve({"a": ["nasm"]}, (base,)).archive == {"bookworm": "20200711T101637Z"}


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class calls it so)
        """Say nothing."""


@pytest.fixture
def served(base: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The archive of `base` behind a web server on this machine."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = partial(_Silent, directory=base.removeprefix("file://"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@needs_apt
def test_a_mirror_need_not_have_every_suite(served: str) -> None:
    """A mirror that answers 404 for updates and security serves what it has, and the dates show what was missing."""
    lock = resolve({"a": ["nasm"]}, (f"{served}/",))
    assert keys(lock, "a") == ["libc6:amd64", "libgcc:amd64", "nasm:amd64"]
    assert set(lock.archive) == {"bookworm"}


def test_a_mirror_without_the_release_is_an_error(tmp_path: Path) -> None:
    """Where no mirror holds the release they are all named, with the variable to set."""
    with pytest.raises(FetchError, match="no mirror holds Debian bookworm") as caught:
        resolve({"a": ["nasm"]}, (f"file://{tmp_path}/one", f"file://{tmp_path}/two"))
    assert caught.value.facts == [("mirrors", f"file://{tmp_path}/one\nfile://{tmp_path}/two")]
    assert "BAREFLOW_DEBIAN_MIRROR" in str(caught.value.hint)


def test_a_mirror_that_is_away_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configured mirror that does not answer is named with the reason, not passed over."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(FetchError, match="a mirror is away") as caught:
        resolve({"a": ["nasm"]}, (f"http://127.0.0.1:{port}",))
    assert caught.value.facts[0] == ("mirror", f"http://127.0.0.1:{port}")
    assert "refused" in dict(caught.value.facts)["why"]


@pytest.mark.parametrize("base", ["deb.example.org/debian", "gopher://x", "http://[", "http://"])
def test_a_mirror_that_is_no_address_is_an_error(base: str) -> None:
    """A base that nothing can be asked at is told as such."""
    with pytest.raises(FetchError, match="a mirror is away"):
        resolve({"a": ["nasm"]}, (base,))


def test_configured_mirrors_are_taken_as_they_are() -> None:
    """They come in their order, each once, without a slash at the end, and nothing is asked."""
    assert mirrors(("http://b.invalid/debian/", "http://a.invalid", "http://b.invalid/debian")) == (
        "http://b.invalid/debian",
        "http://a.invalid",
    )


def configure_host(monkeypatch: pytest.MonkeyPatch, folder: Path, sources: str, more: str = "") -> None:
    """Make apt see a host with these sources and nothing of the real one's."""
    (folder / "host.list").write_text(sources)
    (folder / "host.conf").write_text(
        f'Dir::Etc::sourcelist "{folder}/host.list"; Dir::Etc::sourceparts "/dev/null";'
        f'Dir::Etc::parts "/dev/null"; {more}'
    )
    monkeypatch.setenv("APT_CONFIG", str(folder / "host.conf"))


@needs_apt
def test_the_hosts_mirrors_are_those_that_hold_debian(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the host's archives another vendor's, an absent one and one without suites are left out."""
    other = make_archive(tmp_path / "vendor", {"bookworm": []}, "Origin: Vendor\nDate: Sat, 11 Jul 2026 10:16:37 UTC\n")
    security = make_archive(tmp_path / "debian-security", {"bookworm-security": []})
    sources = [f"{other} bookworm main", f"{base} trixie main", f"{base} trixie-updates main", f"{base}/none ./"]
    sources += [f"file://{tmp_path}/absent bookworm main", f"{security} bookworm-security main"]
    configure_host(monkeypatch, tmp_path, "".join(f"deb [trusted=yes] {source}\n" for source in sources))
    assert [base.replace("file:///", "file:/") for base in mirrors(())] == [
        f"file:{tmp_path}/debian",
        f"file:{tmp_path}/debian-security",
    ]


@needs_apt
def test_a_list_of_mirrors_on_the_host_is_followed(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`mirror+file:`, which Debian's cloud images use, leads to the mirrors in that file."""
    (tmp_path / "debian.list").write_text(f"# mirrors\n\n{base}/\tpriority:1\n")
    configure_host(monkeypatch, tmp_path, f"deb mirror+file:{tmp_path}/debian.list bookworm main\n")
    assert mirrors(()) == (base,)


@needs_apt
def test_a_host_without_debian_is_told_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another system the error names what was found, and the variable."""
    other = make_archive(tmp_path / "vendor", {"noble": []}, "Origin: Vendor\n")
    configure_host(monkeypatch, tmp_path, f"deb {other} noble main\n")
    with pytest.raises(FetchError, match="no mirror of Debian is known") as caught:
        mirrors(())
    assert [why for _, why in caught.value.facts] == ["holds no Debian bookworm"]
    assert "BAREFLOW_DEBIAN_MIRROR" in str(caught.value.hint)


def test_a_host_without_apt_is_told_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no apt a mirror must be named, and resolving is for another machine; building is not."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match="no mirror of Debian is known") as unknown:
        mirrors(())
    assert "BAREFLOW_DEBIAN_MIRROR" in str(unknown.value.hint)
    base = make_archive(tmp_path / "debian", {"bookworm": []})
    with pytest.raises(LockError, match="there is no apt-config here") as caught:
        resolve({"a": ["nasm"]}, (base,))
    assert "a build needs only the lock" in str(caught.value.hint)


@needs_apt
def test_hooks_and_pins_of_the_host_have_no_say(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that pins packages away, wants recommended ones and runs commands after an update changes nothing."""
    (tmp_path / "pins").write_text("Package: *\nPin: release *\nPin-Priority: -1\n")
    more = f"""
        Dir::Etc::preferences "{tmp_path}/pins"; APT::Install-Recommends "1";
        APT::Update::Pre-Invoke {{"touch {tmp_path}/ran";}}; APT::Update::Post-Invoke {{"touch {tmp_path}/ran";}};
    """
    configure_host(monkeypatch, tmp_path, "", more)
    assert keys(resolve({"a": ["nasm"]}, (base,)), "a") == ["libc6:amd64", "libgcc:amd64", "nasm:amd64"]
    assert not (tmp_path / "ran").exists()
