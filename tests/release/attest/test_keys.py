"""Secret keys: minisign's format, closed to others, never shown."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bfbuild.errors import ConfigError, render
from bfbuild.release import keys, minisign
from bfbuild.release.facts import Identity
from bfbuild.release.keys import PasswordNeeded, SecretKey
from bfbuild.release.verify import PublicKey, Refused, minisig_check
from tests.release.attest.made import KEY, LOCK_DIGEST, OTHER


def test_a_key_comes_back_from_its_file(tmp_path: Path) -> None:
    """The same key signs the same."""
    key = SecretKey.create()
    keys.write(tmp_path / "folder" / "secret.key", key)
    again = keys.read(tmp_path / "folder" / "secret.key")
    assert again == key
    assert again.sign(b"message") == key.sign(b"message")


def test_two_keys_are_two() -> None:
    """Neither seed nor number is the same twice."""
    one, two = SecretKey.create(), SecretKey.create()
    assert one.public.number != two.public.number
    assert one.public.key != two.public.key


def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    """It is made so, and one that others may read is not used."""
    path = tmp_path / "secret.key"
    keys.write(path, KEY)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="others may read"):
        keys.read(path)


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    """Writing where there is a file is an error, and the file stays."""
    path = tmp_path / "secret.key"
    keys.write(path, KEY)
    with pytest.raises(ConfigError, match="cannot be written"):
        keys.write(path, OTHER)
    assert keys.read(path) == KEY


def test_a_password_opens_and_nothing_else_does(tmp_path: Path) -> None:
    """Without it, or with another one, there is no key; the file does not have the seed in it."""
    path = tmp_path / "secret.key"
    keys.write(path, KEY, "correct horse")
    assert keys.read(path, "correct horse") == KEY
    for password in (None, "battery staple"):
        with pytest.raises(PasswordNeeded):
            keys.read(path, password)
    assert bytes(range(32)) not in base64.b64decode(path.read_text().splitlines()[1])


@pytest.mark.parametrize(
    "text", ["", "x", "untrusted comment: x\nAAAA\n", f"c\n{base64.b64encode(bytes(158)).decode()}\n"]
)
def test_a_damaged_file_is_an_error_that_shows_nothing_of_it(tmp_path: Path, text: str) -> None:
    """So that no log ever has a piece of a key."""
    path = tmp_path / "secret.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="cannot be used") as caught:
        keys.read(path)
    assert text.splitlines()[1:] == [] or text.splitlines()[1] not in render(caught.value)


def test_a_flipped_bit_in_the_file_is_seen() -> None:
    """What signs and what is published must fit, so no signature is made that nobody could verify."""
    head, line = KEY.text().splitlines()
    data = bytearray(base64.b64decode(line))
    for at in (62, 93, 94, 125):
        data[at] ^= 1
        with pytest.raises(ValueError, match="halves"):
            SecretKey.parse(f"{head}\n{base64.b64encode(data).decode()}\n")
        data[at] ^= 1


def test_a_file_cannot_ask_for_all_memory() -> None:
    """The limits of scrypt stand in the file, which somebody else may have written."""
    head, line = KEY.text("password").splitlines()
    data = bytearray(base64.b64decode(line))
    data[38:54] = b"\xff" * 16
    with pytest.raises(ValueError, match="too much memory"):
        SecretKey.parse(f"{head}\n{base64.b64encode(data).decode()}\n", "password")


def test_a_key_does_not_show_its_secret() -> None:
    """Neither as text nor for debuggers."""
    assert "seed" not in repr(KEY)
    assert repr(bytes(range(32))) not in f"{KEY!r} {KEY}"


def test_a_public_key_is_read_as_a_word_or_as_a_file() -> None:
    """And nothing else is one."""
    assert PublicKey.parse(KEY.public.line) == PublicKey.parse(KEY.public.text) == KEY.public
    for text in ("", "RWQ", KEY.public.line[:-4], f"{KEY.public.line}\n{KEY.public.line}"):
        with pytest.raises(ValueError, match=r"no minisign public key|base64|padding"):
            PublicKey.parse(text)


def test_a_signature_says_for_which_release_it_is() -> None:
    """The trusted comment is signed too, and is checked against what the release says of itself."""
    identity = Identity(name="bareflow", version="1.2.0", commit="abc", epoch=5, lock=LOCK_DIGEST)
    signed = minisign.sign(KEY, b"sums", minisign.comment(identity)).decode()
    assert minisig_check(signed, b"sums", [OTHER.public, KEY.public]) == (
        KEY.public,
        "release=bareflow version=1.2.0 commit=abc epoch=5",
    )
    for old, new in (("version=1.2.0", "version=1.3.0"), ("signature by", "signature from"), ("\n", "\n\n")):
        with pytest.raises(Refused):
            minisig_check(signed.replace(old, new, 1), b"sums", [KEY.public])
    with pytest.raises(Refused, match="does not fit SHA256SUMS"):
        minisig_check(signed, b"other sums", [KEY.public])


@pytest.mark.parametrize("version", ["", "1 2", "1\n2", "1\x7f"])
def test_a_version_is_a_single_word(version: str) -> None:
    """A comment with a space or a line in it could say two things."""
    with pytest.raises(ConfigError, match="single words"):
        minisign.comment(Identity(name="bareflow", version=version, commit="abc", epoch=5, lock=LOCK_DIGEST))
