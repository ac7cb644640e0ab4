"""Puts beside a release what vouches for it: SBOMs, provenance, hashes, signatures, and the verifier itself.

Order matters: a document can only vouch for what is there before it. Without a key there is nothing that needs one, so
whoever builds a release again to compare it needs none.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bfbuild.digest import digest_file
from bfbuild.release import dsse, minisign, provenance, verify
from bfbuild.release.facts import Facts, File
from bfbuild.release.keyless import Keyless, Signer
from bfbuild.release.keys import SecretKey
from bfbuild.release.sbom import cyclonedx
from bfbuild.release.spdx import spdx
from bfbuild.store.disk import disk_errors


def attest(folder: Path, facts: Facts, key: SecretKey | None, keyless: Keyless | None = None) -> Signer | None:
    """Add to a folder that has all else; `facts.files` tell which outputs lie in it. Return who signed keylessly.

    Raise StoreError, ConfigError, or ReleaseError where nobody can sign keylessly after all.
    """
    with disk_errors("write a release", folder):
        (folder / verify.CYCLONEDX).write_bytes(cyclonedx(facts))
        (folder / verify.SPDX).write_bytes(spdx(facts))
        (folder / "verify.py").write_bytes(Path(verify.__file__).read_bytes())
        if key is not None:
            (folder / verify.PUBLIC).write_text(key.public.text, encoding="ascii")
            lines = [dsse.envelope(each, key) for each in provenance.statements(_of_all(folder, facts))]
            (folder / verify.PROVENANCE).write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        sums = "".join(f"{file.digest.hash}  {file.name}\n" for file in _of_all(folder, facts).files).encode()
        (folder / verify.SUMS).write_bytes(sums)
        if key is not None:
            (folder / verify.MINISIG).write_bytes(minisign.sign(key, sums, minisign.comment(facts.identity)))
        if keyless is None:
            return None
        bundle, signer = keyless.sign(sums)
        (folder / verify.BUNDLE).write_bytes(bundle)
        return signer


def _of_all(folder: Path, facts: Facts) -> Facts:
    """Return the facts with every file of the folder among the files."""
    outputs = {file.name: file.output for file in facts.files}
    files = [
        File(name=path.name, digest=digest_file(path), output=outputs.get(path.name))
        for path in sorted(folder.iterdir())
        if path.name not in verify.UNLISTED
    ]
    return replace(facts, files=tuple(files))
