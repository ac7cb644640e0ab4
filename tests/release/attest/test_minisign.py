"""Keys and signatures in both directions with Debian's minisign."""

from __future__ import annotations

from pathlib import Path

import pytest

from bfbuild.release import keys, minisign, verify
from bfbuild.release.verify import PublicKey, minisig_check
from tests.conftest import Tool
from tests.release.attest.made import KEY, OTHER


def test_minisign_verifies_a_release(dist: Path, tool: Tool) -> None:
    """With the public key of the release it finds SHA256SUMS well signed, and shows for which release it is."""
    done = tool("minisign", "-V", "-p", str(dist / verify.PUBLIC), "-m", str(dist / verify.SUMS))
    assert done.returncode == 0, done.stderr
    assert "Signature and comment signature verified" in done.stdout
    assert "Trusted comment: release=small version=1.1" in done.stdout


def test_minisign_refuses_what_the_verifier_refuses(tmp_path: Path, tool: Tool) -> None:
    """Other bytes, another comment, another key."""
    sums, signature = tmp_path / "sums", tmp_path / "sums.minisig"
    text = minisign.sign(KEY, b"sums", "a comment").decode()
    for data, signed, key in (
        (b"others", text, KEY),
        (b"sums", text.replace("a comment", "no comment"), KEY),
        (b"sums", text, OTHER),
    ):
        sums.write_bytes(data)
        signature.write_text(signed)
        assert tool("minisign", "-V", "-P", key.public.line, "-m", str(sums)).returncode == 1


@pytest.mark.parametrize("password", [None, "correct horse"])
def test_minisign_signs_with_our_key(tmp_path: Path, tool: Tool, password: str | None) -> None:
    """The file of a secret key is one of minisign's, with and without a password."""
    path, sums = tmp_path / "secret.key", tmp_path / "sums"
    keys.write(path, KEY, password)
    sums.write_bytes(b"sums")
    words = ("-c", f"signature by key {KEY.public.id}", "-t", "a comment")
    done = tool("minisign", "-S", "-s", str(path), "-m", str(sums), *words, said=f"{password}\n")
    assert done.returncode == 0, done.stderr
    signed = (tmp_path / "sums.minisig").read_text()
    assert minisig_check(signed, b"sums", [KEY.public]) == (KEY.public, "a comment")
    assert signed.encode() == minisign.sign(KEY, b"sums", "a comment")


def test_we_sign_with_a_key_of_minisigns(tmp_path: Path, tool: Tool) -> None:
    """One that it made is read, and what it signs is verified with the public key that it wrote."""
    path, public = tmp_path / "secret.key", tmp_path / "public.key"
    done = tool("minisign", "-G", "-W", "-s", str(path), "-p", str(public))
    assert done.returncode == 0, done.stderr
    key = keys.read(path)
    assert key.public == PublicKey.parse(public.read_text())
    (tmp_path / "sums").write_bytes(b"sums")
    (tmp_path / "sums.minisig").write_bytes(minisign.sign(key, b"sums", "a comment"))
    assert tool("minisign", "-V", "-p", str(public), "-m", str(tmp_path / "sums")).returncode == 0
