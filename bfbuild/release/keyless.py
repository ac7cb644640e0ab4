"""Keyless signatures by sigstore: SHA256SUMS signed by an identity (a person's address, a job of a CI), not by a key.

Whoever signs shows a token of an identity provider to a certificate authority, which certifies for some minutes that a
key made for this one signature is theirs; the signature is entered in a public log, and the key is forgotten. What
proves all that is the *bundle*, in sigstore's own format. It tells who signed and when, so no two are equal.

The package `sigstore` (the extra of that name) does the work and is imported when it is wanted. Services other than
sigstore's public ones stand in a file: a ClientTrustConfig, as sigstore's other clients take it.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from bfbuild.errors import ConfigError, ReleaseError
from bfbuild.release.verify import BUNDLE, LARGEST, SUMS, Refused

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.models import Bundle, ClientTrustConfig
    from sigstore.oidc import IdentityToken

ISSUER = "1.3.6.1.4.1.57264.1.1"  # the extension of a certificate that says who vouched for the identity
PUBLIC = "the public sigstore"
PATIENCE = 120.0  # seconds for an answer: a log may gather entries for a while before it has them
T = TypeVar("T")
WITHOUT = "without --sigstore the release has all else"


class Signer(NamedTuple):
    """Who signed, and who vouches that they are that."""

    identity: str
    issuer: str


class _Anybody:
    """The policy of whoever asks about the certificate later."""

    def verify(self, cert: Certificate) -> None:
        """Have nothing against it."""


@dataclass(frozen=True)
class Keyless:
    """What signs a release, once it is made."""

    trust: ClientTrustConfig

    @classmethod
    def ready(cls, config: Path | None) -> Keyless:
        """Find out before anything is built that somebody can sign; raise ConfigError or ReleaseError."""
        found = cls(trust(config))
        with _asked("configuration of services", str(config or PUBLIC)):
            found.trust.signing_config  # noqa: B018  (is read when it is asked for)
        if found._ambient() is None and not sys.stdin.isatty():
            raise ReleaseError(
                "nobody says who signs",
                hint="a job needs a token of its CI (GitHub: `permissions: id-token: write`), a person a terminal",
            )
        return found

    def sign(self, data: bytes) -> tuple[bytes, Signer]:
        """Return a bundle that was verified, and who it says signed; raise ReleaseError where a service fails."""
        from sigstore.sign import Signer as Signing  # noqa: PLC0415  (for whoever wants it)
        from sigstore.sign import SigningContext  # noqa: PLC0415

        services = self.trust.signing_config
        token = self._token()
        with _asked("certificate authority", services.get_fulcio().url):
            signing = _within(PATIENCE, lambda: Signing(token, SigningContext.from_trust_config(self.trust)))
        with _asked("transparency log", str(getattr(services.get_tlogs()[0], "url", PUBLIC))):
            bundle = _within(PATIENCE, lambda: signing.sign_artifact(data))
        with _asked("answer", "checked as whoever verifies the release will"):
            _verify(self.trust, data, bundle)
        return bundle.to_json().encode() + b"\n", _signer(bundle.signing_certificate)

    def _token(self) -> IdentityToken:
        from sigstore.oidc import Issuer  # noqa: PLC0415

        ambient = self._ambient()
        if ambient is not None:
            return ambient
        with _asked("configuration of services", "identity providers"):
            url = self.trust.signing_config.get_oidc_url()
        with _asked("identity provider", url):
            token: IdentityToken = Issuer(url).identity_token()
        return token

    @staticmethod
    def _ambient() -> IdentityToken | None:
        """Return the token of the CI job that this is; None outside of one."""
        from sigstore.oidc import IdentityToken, detect_credential  # noqa: PLC0415

        with _asked("identity provider", "that of this CI"):
            credential = detect_credential()
            return IdentityToken(credential) if credential is not None else None


def trust(config: Path | None) -> ClientTrustConfig:
    """Return whom to ask and whom to believe: a file says, or sigstore's public services (over the network) do."""
    if importlib.util.find_spec("sigstore") is None:
        hint = "./bf installs it the first time; elsewhere: pip install 'bfbuild[sigstore]'"
        raise ConfigError("keyless signatures need the package sigstore", hint=hint)
    from sigstore.errors import Error  # noqa: PLC0415
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415

    if config is None:
        with _asked("trusted root", PUBLIC, hint="--sigstore-config FILE takes it from a file"):
            return ClientTrustConfig.production()
    try:
        found = ClientTrustConfig.from_json(config.read_text(encoding="utf-8"))
        found.trusted_root  # noqa: B018  (is read when it is asked for)
    except (OSError, ValueError, Error) as error:
        facts: list[tuple[str, object]] = [("file", config), ("why", _why(error))]
        hint = "it is a ClientTrustConfig in JSON, as sigstore's `--trust-config` takes it"
        raise ConfigError("a configuration of sigstore cannot be read", facts=facts, hint=hint) from error
    return found


def check(folder: Path, expected: Signer, trust: ClientTrustConfig) -> str:
    """Check that a release has a bundle for its SHA256SUMS by just this signer; raise Refused."""
    from sigstore.errors import VerificationError  # noqa: PLC0415
    from sigstore.models import Bundle  # noqa: PLC0415
    from sigstore.verify.policy import Identity  # noqa: PLC0415

    path = folder / BUNDLE
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
        raise Refused("there is no keyless signature", ("file", BUNDLE), hint="`./bf release --sigstore` makes one")
    try:
        bundle = Bundle.from_json(path.read_bytes())
        _verify(trust, (folder / SUMS).read_bytes(), bundle)
        found = _signer(bundle.signing_certificate)
    except Exception as error:  # whatever is raised of what a stranger wrote, nothing is proven
        raise Refused(f"the keyless signature does not fit {SUMS}", ("file", BUNDLE), ("why", _why(error))) from error
    try:
        Identity(identity=expected.identity, issuer=expected.issuer).verify(bundle.signing_certificate)
    except VerificationError as error:
        raise Refused(
            "the keyless signature is by another",
            *(("signed by", found.identity), ("issuer", found.issuer)),
            *(("expected", expected.identity), ("issuer", expected.issuer)),
        ) from error
    return f"signed by {found.identity}, for whom {found.issuer} vouches"


def _verify(trust: ClientTrustConfig, data: bytes, bundle: Bundle) -> None:
    """Check all but who signed; raise sigstore's VerificationError, or whatever a strange bundle leads to."""
    from sigstore.verify import Verifier  # noqa: PLC0415

    Verifier(trusted_root=trust.trusted_root).verify_artifact(data, bundle, _Anybody())


def _signer(certificate: Certificate) -> Signer:
    """Return whom a certificate is for, in words."""
    from cryptography import x509  # noqa: PLC0415

    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    identity = ", ".join(str(each.value) for each in names)
    issuer = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(ISSUER)).value
    assert isinstance(issuer, x509.UnrecognizedExtension), "no library knows it"
    return Signer(identity, issuer.value.decode())


@contextmanager
def _asked(service: str, where: str, hint: str = WITHOUT) -> Iterator[None]:
    """Say which service it was that failed; sigstore lets through whatever the libraries below it raise."""
    try:
        yield
    except Exception as error:
        facts = [("at", where), ("why", _why(error))]
        raise ReleaseError(f"sigstore's {service} is not as it should be", facts=facts, hint=hint) from error


def _within(seconds: float, call: Callable[[], T]) -> T:
    """Return what a call returns; raise TimeoutError where it takes longer: sigstore's clients would wait for ever."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except Exception as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()  # so that one who waits for ever does not keep us
    try:
        return done.result(seconds)
    except TimeoutError as error:
        raise TimeoutError(f"no answer within {seconds:g} s") from error


def _why(error: BaseException) -> str:
    """Return the first words that an error or what led to it has, on one line."""
    said = " ".join(str(error).split())
    return said[:300] or (_why(error.__cause__) if error.__cause__ is not None else type(error).__name__)
