"""A sigstore of one's own on this machine's loopback: what Fulcio, Rekor, a CT log and an identity provider do.

Its certificates, log entries, proofs and signatures are real, so sigstore's own client signs with it, and its own
verifier believes it by the trust configuration that `config` returns. The log has entries of others before ours.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

ISSUER_V1 = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
ISSUER_V2 = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
SCTS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
SERVICES = ("identity", "certificate", "log")
SECRET = "of the identity provider, and long enough for it"
AUDIENCE = "sigstore"
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key, as certificates have it; its SHA-256 is how logs are named."""
    return key.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def signed(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """A signature as all services make them."""
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def sha256(data: bytes) -> bytes:
    """The hash of RFC 6962."""
    return hashlib.sha256(data).digest()


def tree(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962, section 2.1."""
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0])
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + tree(leaves[:half]) + tree(leaves[half:]))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """The audit path of RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if index < half:
        return [*path(index, leaves[:half]), tree(leaves[half:])]
    return [*path(index - half, leaves[half:]), tree(leaves[:half])]


class Refusal(Exception):  # noqa: N818  (an answer)
    """What is asked for is not given."""


class Deployment:
    """The services. `identity` is who asks; `down` are those that answer with an error."""

    def __init__(self) -> None:
        self.identity = "ada@example.org"
        self.down: set[str] = set()
        self.silent = (
            threading.Event()
        )  # while it is set, the authority and the log take what is asked, and say nothing
        self.asked: list[str] = []  # the paths, in order
        self.leaves = [b"of others 1", b"of others 2", b"of others 3"]
        self.log, self.ct, self.ca = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        self.root = self._authority()
        self._codes: dict[str, str] = {}  # of the flow in a browser
        deployment = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                deployment._answer(self, b"")

            def do_POST(self) -> None:
                deployment._answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name there)
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def ambient(self) -> dict[str, str]:
        """The variables in which a CI job of GitHub finds where to ask for its token."""
        asked = {"URL": f"{self.url}/identity/ambient?v=1", "TOKEN": "of the job"}
        return {"GITHUB_ACTIONS": "true", **{f"ACTIONS_ID_TOKEN_REQUEST_{key}": value for key, value in asked.items()}}

    def config(self) -> str:
        """The trust configuration, as sigstore's clients read it."""
        valid = {"validFor": {"start": "2020-01-01T00:00:00Z"}}

        def service(at: str) -> list[dict[str, Any]]:
            return [{"url": self.url + at, "majorApiVersion": 1, "operator": "here", **valid}]

        def log(key: ec.EllipticCurvePrivateKey) -> list[dict[str, Any]]:
            public = {"rawBytes": _base64(spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", **valid}
            told = {"baseUrl": self.url, "hashAlgorithm": "SHA2_256", "publicKey": public}
            return [{**told, "logId": {"keyId": _base64(sha256(spki(key)))}}]

        chain = {"certificates": [{"rawBytes": _base64(self.root.public_bytes(DER))}]}
        subject = {"organization": "here", "commonName": "here"}
        authority = {"subject": subject, "uri": self.url, "certChain": chain, **valid}
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
                "trustedRoot": {
                    "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                    "tlogs": log(self.log),
                    "ctlogs": log(self.ct),
                    "certificateAuthorities": [authority],
                    "timestampAuthorities": [],
                },
                "signingConfig": {
                    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                    "caUrls": service("/certificate"),
                    "oidcUrls": service("/identity"),
                    "rekorTlogUrls": service("/log"),
                    "rekorTlogConfig": {"selector": "ANY"},
                    "tsaUrls": [],
                    "tsaConfig": {"selector": "ANY"},
                },
            }
        )

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        asked = urlsplit(request.path)
        self.asked.append(asked.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        answers: dict[str, Callable[[], Any]] = {
            "/identity/ambient": lambda: {"value": self._token(query["audience"])},
            "/identity/.well-known/openid-configuration": self._discovery,
            "/identity/auth": lambda: self._login(query),
            "/identity/token": lambda: self._redeem(parse_qs(body.decode())),
            "/api/v2/signingCert": lambda: self._certify(request.headers["Authorization"], json.loads(body)),
            "/log/api/v1/log/entries": lambda: self._enter(json.loads(body)),
        }
        name = {"api": "certificate"}.get(asked.path.split("/")[1], asked.path.split("/")[1])
        while self.silent.is_set() and name != "identity":
            time.sleep(0.05)
        status, told = (503, {}) if name in self.down else (200, {})
        if status == 200:
            try:
                told = answers[asked.path]()
            except (Refusal, KeyError) as refusal:
                status, told = 400, {"message": str(refusal)}
        where = told.pop("location", None)
        request.send_response(302 if where else status)
        if where:
            request.send_header("Location", where)
        data = json.dumps(told).encode()
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    # The identity provider.

    def _token(self, audience: str) -> str:
        now = int(time.time())
        claims = {"iss": f"{self.url}/identity", "sub": self.identity, "aud": audience, "iat": now, "exp": now + 60}
        return jwt.encode(claims, SECRET, algorithm="HS256")

    def _discovery(self) -> dict[str, str]:
        at = f"{self.url}/identity"
        return {"issuer": at, "authorization_endpoint": f"{at}/auth", "token_endpoint": f"{at}/token"}

    def _login(self, query: dict[str, str]) -> dict[str, str]:
        """Somebody who is logged in agrees; the code is bound to what the client alone knows (RFC 7636)."""
        self._codes["agreed"] = query["code_challenge"]
        return {"location": f"{query['redirect_uri']}?code=agreed&state={query['state']}"}

    def _redeem(self, form: dict[str, list[str]]) -> dict[str, str]:
        verifier = base64.urlsafe_b64encode(sha256(form["code_verifier"][0].encode())).rstrip(b"=").decode()
        if self._codes.pop(form["code"][0], None) != verifier:
            raise Refusal("the code is for another")
        return {"access_token": self._token(AUDIENCE)}

    # The certificate authority and its CT log.

    def _authority(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
        usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
        return (
            _builder(name, name, self.ca.public_key(), timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .sign(self.ca, hashes.SHA256())
        )

    def _certify(self, authorization: str, asked: dict[str, str]) -> dict[str, Any]:
        """Certify for ten minutes that a key is the caller's, as soon as the CT log has promised to list that."""
        claims = jwt.decode(authorization.removeprefix("Bearer "), SECRET, algorithms=["HS256"], audience=AUDIENCE)
        request = x509.load_pem_x509_csr(base64.b64decode(asked["certificateSigningRequest"]))
        if not request.is_signature_valid:
            raise Refusal("whoever asks does not have the key")
        issuer = claims["iss"].encode()
        usage = dict.fromkeys(_USAGES, False) | {"digital_signature": True}
        who = x509.RFC822Name(claims["sub"])
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca.public_key())
        builder = (
            _builder(x509.Name([]), self.root.subject, request.public_key(), timedelta(minutes=10))
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(authority, critical=False)
            .add_extension(x509.SubjectAlternativeName([who]), critical=True)
            .add_extension(x509.UnrecognizedExtension(ISSUER_V1, issuer), critical=False)
            .add_extension(x509.UnrecognizedExtension(ISSUER_V2, bytes([12, len(issuer)]) + issuer), critical=False)
        )
        promise = self._promise(builder.sign(self.ca, hashes.SHA256()).tbs_certificate_bytes)
        listed = x509.UnrecognizedExtension(SCTS, bytes([4, len(promise)]) + promise)
        certificate = builder.add_extension(listed, critical=False).sign(self.ca, hashes.SHA256())
        chain = [each.public_bytes(PEM).decode() for each in (certificate, self.root)]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}

    def _promise(self, certificate: bytes) -> bytes:
        """Return the list of one signed certificate timestamp (RFC 6962, sections 3.2 and 3.3)."""
        when = int(time.time()) * 1000
        what = sha256(spki(self.ca)) + len(certificate).to_bytes(3, "big") + certificate
        signature = signed(self.ct, struct.pack(">BBQH", 0, 0, when, 1) + what + bytes(2))
        head = struct.pack(">B32sQHBBH", 0, sha256(spki(self.ct)), when, 0, 4, 3, len(signature))
        return struct.pack(">HH", len(head + signature) + 2, len(head + signature)) + head + signature

    # The transparency log.

    def _enter(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Enter a signature that fits its certificate; promise it, prove it, and sign the tree that it is in."""
        spec = asked["spec"]
        certificate = x509.load_pem_x509_certificate(base64.b64decode(spec["signature"]["publicKey"]["content"]))
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        digest = bytes.fromhex(spec["data"]["hash"]["value"])
        prehashed = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
        key.verify(base64.b64decode(spec["signature"]["content"]), digest, prehashed)
        body = _canonical(asked)
        self.leaves.append(body)
        index, size, name = len(self.leaves) - 1, len(self.leaves), sha256(spki(self.log))
        root = tree(self.leaves)
        note = f"here - 1\n{size}\n{_base64(root)}\n"
        signature = _base64(name[:4] + signed(self.log, note.encode()))
        entry = {
            "body": _base64(body),
            "integratedTime": int(time.time()),
            "logID": name.hex(),
            "logIndex": index,
        }
        proof = {
            "logIndex": index,
            "treeSize": size,
            "rootHash": root.hex(),
            "hashes": [each.hex() for each in path(index, self.leaves)],
            "checkpoint": f"{note}\n\u2014 here {signature}\n",
        }
        promise = _base64(signed(self.log, _canonical(entry)))
        return {"uuid": {**entry, "verification": {"signedEntryTimestamp": promise, "inclusionProof": proof}}}


_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def _builder(subject: x509.Name, issuer: x509.Name, key: Any, lasts: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC) - timedelta(seconds=5)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _canonical(value: object) -> bytes:
    """JSON with one spelling, as RFC 8785 has it for what is said here."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
