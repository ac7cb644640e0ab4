"""Keyless signatures: sigstore's own client and verifier, with services on this machine's loopback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bfbuild.commands.verify import Verify
from bfbuild.errors import BareflowError, ConfigError, ReleaseError, render
from bfbuild.release import dist as folders
from bfbuild.release import keyless, verify
from bfbuild.release.attest import attest
from bfbuild.release.keyless import Keyless, Signer, check, trust
from tests.release.attest.deployment import SERVICES, Deployment
from tests.release.attest.made import KEY, Made, copy, refused

ADA = "ada@example.org"


@pytest.fixture(scope="module")
def services() -> Iterator[Deployment]:
    """Fulcio, Rekor, a CT log and an identity provider, as far as their clients can tell."""
    deployment = Deployment()
    yield deployment
    deployment.close()


@pytest.fixture(scope="module")
def config(services: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their trust configuration, in a file."""
    path = tmp_path_factory.mktemp("sigstore") / "config.json"
    path.write_text(services.config())
    return path


@pytest.fixture(autouse=True)
def job(services: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """This is a job of a CI, whose services all answer."""
    services.down.clear()
    services.silent.clear()
    services.identity = ADA
    for name, value in services.ambient.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def ada(services: Deployment) -> Signer:
    """Who signs."""
    return Signer(ADA, f"{services.url}/identity")


@pytest.fixture
def signed(dist: Path, config: Path, tmp_path: Path) -> Path:
    """A good release with a keyless signature."""
    folder = copy(dist, tmp_path / "dist")
    bundle, _ = Keyless.ready(config).sign((folder / verify.SUMS).read_bytes())
    (folder / verify.BUNDLE).write_bytes(bundle)
    return folder


def identity(folder: Path, signer: Signer, config: Path) -> str:
    """Return what is wrong with a keyless signature, or an empty text."""
    try:
        check(folder, signer, trust(config))
    except verify.Refused as wrong:
        return f"{wrong.headline}: {'; '.join(f'{label} {value}' for label, value in wrong.facts)}"
    return ""


def test_a_release_is_signed_by_an_identity_beside_its_key(
    made: Made, config: Path, services: Deployment, ada: Signer, tmp_path: Path
) -> None:
    """One more file than without; the signer is told; log and authority were asked once; both signatures hold."""
    services.asked.clear()
    folder = tmp_path / "dist"
    folder.mkdir()
    told = {"name": "small", "version": "1.1", "commit": made.facts.identity.commit, "sandbox": "bubblewrap"}
    files = {**made.content, verify.RELEASE: json.dumps({**told, "source_date_epoch": 1_700_000_000}).encode()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    assert attest(folder, made.facts, KEY, Keyless.ready(config)) == ada
    assert (folder / verify.BUNDLE).is_file()
    assert verify.BUNDLE not in (folder / verify.SUMS).read_text()
    assert (services.asked.count("/api/v2/signingCert"), services.asked.count("/log/api/v1/log/entries")) == (1, 1)
    assert refused(folder) == {}
    assert identity(folder, ada, config) == ""


def test_the_command_believes_the_identity(
    signed: Path, config: Path, ada: Signer, capsys: pytest.CaptureFixture[str], repository: Path
) -> None:
    """`doit verify` names the check; the key that came along needs no warning, since whoever signed named it."""
    options = {"key": "", "expect": "", "rebuild": False, "json": False, "sigstore-config": str(config)}
    command = Verify()
    assert command.answer(repository, [str(signed)], {**options, "identity": ADA, "issuer": ada.issuer}) == 0
    said = capsys.readouterr().out
    assert f"ok      identity    signed by {ADA}, for whom {ada.issuer} vouches\n" in said
    assert "WARNING" not in said
    assert "NOTE" not in said
    assert command.answer(repository, [str(signed)], {**options, "identity": "eve@example.org", "issuer": "x"}) == 1
    assert "It is NOT what it claims to be: identity." in capsys.readouterr().out


def test_sigstores_own_tool_believes_it(signed: Path, config: Path, ada: Signer) -> None:
    """Somebody else's verifier, by the bundle alone."""
    words = ["--trust-config", str(config), "verify", "identity", "--bundle", str(signed / verify.BUNDLE)]
    words += ["--cert-identity", ADA, "--cert-oidc-issuer", ada.issuer, str(signed / verify.SUMS)]
    done = subprocess.run([sys.executable, "-m", "sigstore", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "OK: " in done.stdout + done.stderr


def test_it_is_wrong_without_a_bundle(dist: Path, config: Path, ada: Signer) -> None:
    """Who asks for an identity is not answered by a key."""
    assert identity(dist, ada, config) == "there is no keyless signature: file SHA256SUMS.sigstore.json"


def test_it_is_wrong_for_other_bytes(signed: Path, config: Path, ada: Signer) -> None:
    """The bundle is for one SHA256SUMS, to the bit."""
    (signed / verify.SUMS).write_bytes((signed / verify.SUMS).read_bytes() + b"\n")
    assert identity(signed, ada, config).startswith("the keyless signature does not fit SHA256SUMS: ")


def test_it_is_wrong_by_another(signed: Path, config: Path, ada: Signer) -> None:
    """Another person, and the same name that somebody else vouches for; who it was is told."""
    for other in (Signer("eve@example.org", ada.issuer), Signer(ADA, "https://accounts.example.org")):
        said = identity(signed, other, config)
        assert said.startswith(f"the keyless signature is by another: signed by {ADA}; issuer {ada.issuer}; expected ")
        assert other.identity in said
        assert other.issuer in said


def test_it_is_wrong_by_other_services(signed: Path, ada: Signer, tmp_path: Path) -> None:
    """A sigstore that nobody trusts may certify whatever it likes."""
    stranger = Deployment()
    (tmp_path / "config.json").write_text(stranger.config())
    stranger.close()
    assert identity(signed, ada, tmp_path / "config.json").startswith("the keyless signature does not fit")


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"mediaType": 1}'])
def test_a_strange_bundle_is_wrong(signed: Path, config: Path, ada: Signer, text: bytes) -> None:
    """Whatever lies there is refused in words."""
    (signed / verify.BUNDLE).write_bytes(text)
    assert identity(signed, ada, config).startswith("the keyless signature does not fit SHA256SUMS: ")


@pytest.mark.parametrize("part", ["log", "signature", "certificate"])
def test_a_changed_bundle_is_wrong(signed: Path, config: Path, ada: Signer, part: str) -> None:
    """The place in the log, the signature and the certificate: none can be changed."""
    bundle = json.loads((signed / verify.BUNDLE).read_text())
    material = bundle["verificationMaterial"]
    match part:
        case "log":
            material["tlogEntries"][0]["integratedTime"] = "1700000000"
        case "signature":
            text = bundle["messageSignature"]["signature"]
            bundle["messageSignature"]["signature"] = text[:20] + ("A" if text[20] != "A" else "B") + text[21:]
        case "certificate":
            text = material["certificate"]["rawBytes"]
            material["certificate"]["rawBytes"] = text[:-8] + ("A" if text[-8] != "A" else "B") + text[-7:]
    (signed / verify.BUNDLE).write_text(json.dumps(bundle))
    assert identity(signed, ada, config).startswith("the keyless signature does not fit SHA256SUMS: ")


def test_the_script_alone_says_that_it_does_not_check_it(signed: Path) -> None:
    """With the standard library alone the bundle is neither believed nor passed over in silence."""
    words = [sys.executable, "-I", "-S", str(signed / "verify.py"), str(signed), "--key", KEY.public.line]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "NOTE: SHA256SUMS.sigstore.json was not checked" in done.stdout
    done = subprocess.run([*words, "--json"], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["not_checked"] == ["SHA256SUMS.sigstore.json"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_away_is_named_and_dist_is_as_it_was(
    made: Made, config: Path, services: Deployment, tmp_path: Path, service: str
) -> None:
    """Whichever it is: no half of a release, the old one is there, and the way out is told."""
    signs = Keyless.ready(config)
    services.down.add(service)
    target = tmp_path / "dist"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(ReleaseError) as problem, folders.staged(target) as stage:
        attest(stage, made.facts, KEY, signs)
    said = render(problem.value)
    named = {"identity": "identity provider", "certificate": "certificate authority", "log": "transparency log"}
    assert said.startswith(f"error: sigstore's {named[service]} is not as it should be\n  at    ")
    assert "503" in said or service == "identity"
    assert "without --sigstore" in said
    assert [path.name for path in tmp_path.rglob("*")] == ["dist", "old"]


def test_a_service_that_says_nothing_is_not_waited_for(
    config: Path, services: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is a limit, and the service is named as one that is away."""
    signs = Keyless.ready(config)
    monkeypatch.setattr(keyless, "PATIENCE", 0.2)
    services.silent.set()
    with pytest.raises(ReleaseError, match="certificate authority is not as it should be") as problem:
        signs.sign(b"sums")
    assert ("why", "no answer within 0.2 s") in problem.value.facts


def test_a_person_is_asked_in_a_browser(
    config: Path, ada: Signer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Outside of a CI the provider's page is opened, and whoever agrees there has signed."""
    monkeypatch.delenv("GITHUB_ACTIONS")
    browser = tmp_path / "browser"
    browser.write_text(f"#!{sys.executable}\nimport sys, urllib.request\nurllib.request.urlopen(sys.argv[1]).read()\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s &")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    _, signer = Keyless.ready(config).sign(b"sums")
    assert signer == ada


def test_nobody_to_sign_is_told_before_anything_is_built(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a CI nor a terminal; and a CI that gives its job no token."""
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert "error: nobody says who signs\n  hint  a job needs a token" in said_of(config)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    assert "error: sigstore's identity provider is not as it should be\n  at    that of this CI\n" in said_of(config)


def test_a_configuration_that_is_none(tmp_path: Path) -> None:
    """It is named, with what it should be."""
    (tmp_path / "config.json").write_text("{}")
    for name in ("config.json", "nothing"):
        said = said_of(tmp_path / name)
        assert f"error: a configuration of sigstore cannot be read\n  file  {tmp_path / name}\n" in said
        assert "hint  it is a ClientTrustConfig" in said


def test_without_the_package_it_is_said_how_to_get_it(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is off by default."""
    for name in [name for name in sys.modules if name.split(".")[0] == "sigstore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [])
    with pytest.raises(ConfigError, match="need the package sigstore") as problem:
        trust(config)
    assert "bfbuild[sigstore]" in str(problem.value.hint)


@pytest.mark.parametrize("given", ["identity", "issuer"])
def test_an_identity_needs_whoever_vouches_for_it(dist: Path, repository: Path, given: str) -> None:
    """A name alone says little: anybody can run a provider that knows a person of that name."""
    options = {"key": "", "expect": "", "rebuild": False, "json": False, "sigstore-config": ""}
    with pytest.raises(ConfigError, match="who vouches"):
        Verify().answer(repository, [str(dist)], {**options, "identity": "", "issuer": "", given: "x"})


def said_of(config: Path) -> str:
    """The error of a release that is not begun."""
    with pytest.raises(BareflowError) as problem:
        Keyless.ready(config)
    return render(problem.value)
