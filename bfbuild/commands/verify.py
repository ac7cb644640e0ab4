"""`doit verify DIST`: what verify.py says, by the keys that this checkout's bareflow.toml trusts and has revoked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bfbuild.commands.question import Question
from bfbuild.errors import ConfigError


class Verify(Question):
    """The doit command."""

    doc_purpose = "say whether a release is what it claims to be: hashes, signatures, provenance, SBOM, sandbox, lock"
    doc_usage = "DIST"
    doc_description = """Trusted are the keys of [keys] in bareflow.toml, or those of --key. The script verify.py, which
lies in each release, does the same with Python alone, but for the identity behind a keyless signature."""
    cmd_options = (
        {"name": "key", "long": "key", "type": str, "default": "", "help": "the public key to trust, or its file"},
        {"name": "expect", "long": "expect", "type": str, "default": "", "help": "the version that you want"},
        {
            "name": "rebuild",
            "long": "rebuild",
            "type": bool,
            "default": False,
            "help": "build it again from this checkout, and compare the bytes",
        },
        {"name": "identity", "long": "identity", "type": str, "default": "", "help": "who must have signed keylessly"},
        {"name": "issuer", "long": "issuer", "type": str, "default": "", "help": "URL of who vouches for the identity"},
        {
            "name": "sigstore-config",
            "long": "sigstore-config",
            "type": str,
            "default": "",
            "help": "whom to believe instead of sigstore's public services: a file, its ClientTrustConfig",
        },
        {"name": "json", "long": "json", "type": bool, "default": False, "help": "for machines"},
    )

    def answer(self, start: Path, names: Sequence[str], options: Mapping[str, Any]) -> int:
        """Answer the command line."""
        from bfbuild import config  # noqa: PLC0415  (after doit has shown that the command is meant)
        from bfbuild.release import verify  # noqa: PLC0415

        if len(names) != 1:
            raise ConfigError("verify takes one release", hint="doit verify dist/")
        settings = config.load(config.find_root(start))
        keys = settings.settings.keys
        words = [names[0]]
        for key in [options["key"]] if options["key"] else keys.trusted:
            words += ["--key", key]
        for key in keys.revoked:
            words += ["--revoked", key]
        words += ["--expect", options["expect"]] if options["expect"] else []
        words += ["--rebuild", str(settings.root)] if options["rebuild"] else []
        words += ["--json"] if options["json"] else []
        return verify.main(words, _identity(options))


def _identity(options: Mapping[str, Any]) -> Callable[[Path], str] | None:
    """Return the check of a keyless signature, where one is asked for; raise ConfigError or ReleaseError."""
    identity, issuer, services = options["identity"], options["issuer"], options["sigstore-config"]
    if not identity and not issuer and not services:
        return None
    if not identity or not issuer:
        raise ConfigError(
            "an identity is who it is, and who vouches for that",
            facts=[("identity", identity or "none"), ("issuer", issuer or "none")],
            hint="doit verify dist/ --identity ada@example.org --issuer https://accounts.google.com",
        )
    from bfbuild.release import keyless  # noqa: PLC0415

    trust = keyless.trust(Path(services) if services else None)
    return lambda folder: keyless.check(folder, keyless.Signer(identity, issuer), trust)
