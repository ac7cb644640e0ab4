"""Secret keys, in minisign's own file format, so that minisign can use them as well, with or without a password.

    untrusted comment: ...
    base64 of: "Ed", "Sc" or two zeros (no password), "B2", salt (32), opslimit (8), memlimit (8), and then, under a
    password XORed with what scrypt makes of it: number (8), seed (32), public key (32), a checksum (32) of "Ed" and
    these by BLAKE2b, which without a password is zeros

A file of a secret key has mode 0600 from the moment that it exists. Nothing here prints or logs one, and its `repr`
does not show it. `cryptography` signs; checking signatures needs nothing (verify.py).
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.errors import ConfigError
from bfbuild.release.verify import PublicKey, unbase64

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NO_PASSWORD, SCRYPT = b"\0\0", b"Sc"
OPSLIMIT, MEMLIMIT = 1 << 22, 1 << 27  # as libsodium counts: 128 MiB, a fraction of a second
_HEAD = struct.Struct("<2s2s2s32sQQ")
_BODY = 8 + 32 + 32 + 32
SLACK = 1 << 20  # bytes of memory beyond what scrypt says it takes
MOST_MEMORY = 2 << 30  # bytes that a file may ask scrypt to take


class PasswordNeeded(ConfigError):  # noqa: N818  (an event that asks for one)
    """The secret key is under a password, and none was given, or another one."""


@dataclass(frozen=True)
class SecretKey:
    """What signs."""

    public: PublicKey
    _seed: bytes = field(repr=False)

    @classmethod
    def create(cls) -> SecretKey:
        """Return a new key."""
        return cls.of_seed(secrets.token_bytes(8), secrets.token_bytes(32))

    @classmethod
    def of_seed(cls, number: bytes, seed: bytes) -> SecretKey:
        """Return the key that a seed makes (RFC 8032, section 5.1.5)."""
        public = _private(seed).public_key().public_bytes_raw()
        return cls(PublicKey(number, public), seed)

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of a message."""
        return _private(self._seed).sign(message)

    def text(self, password: str | None = None) -> str:
        """Return the file's text."""
        body = self.public.number + self._seed + self.public.key
        if password is None:
            encrypted, data = "", _HEAD.pack(b"Ed", NO_PASSWORD, b"B2", bytes(32), 0, 0) + body + bytes(32)
        else:
            salt = secrets.token_bytes(32)
            body = _xor(body + _checksum(body), _stream(password, salt, OPSLIMIT, MEMLIMIT))
            encrypted, data = "encrypted ", _HEAD.pack(b"Ed", SCRYPT, b"B2", salt, OPSLIMIT, MEMLIMIT) + body
        return f"untrusted comment: minisign {encrypted}secret key\n{base64.b64encode(data).decode()}\n"

    @classmethod
    def parse(cls, text: str, password: str | None = None) -> SecretKey:
        """Read a file's text; raise ValueError for what is none, PasswordNeeded where the password is not the one."""
        lines = text.splitlines()
        data = unbase64(lines[1]) if len(lines) == 2 else b""
        if len(data) != _HEAD.size + _BODY:
            raise ValueError("it is no secret key of minisign's")
        algorithm, kdf, checksum, salt, opslimit, memlimit = _HEAD.unpack_from(data)
        if (algorithm, checksum) != (b"Ed", b"B2") or kdf not in (NO_PASSWORD, SCRYPT):
            raise ValueError("it is a key of another kind")
        body = data[_HEAD.size :]
        if kdf == SCRYPT:
            if password is None:
                raise PasswordNeeded("the secret key is under a password")
            body = _xor(body, _stream(password, salt, opslimit, memlimit))
            if body[72:] != _checksum(body[:72]):
                raise PasswordNeeded("the password is not that of the secret key")
        key = cls.of_seed(body[:8], body[8:40])
        if key.public.key != body[40:72]:
            raise ValueError("its two halves do not fit")
        return key


def write(path: Path, key: SecretKey, password: str | None = None) -> None:
    """Write a new file with mode 0600; raise ConfigError where one is there already or it cannot be written."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        facts: list[tuple[str, object]] = [("file", path), ("why", error.strerror)]
        raise ConfigError("a secret key cannot be written", facts=facts, hint="no key is ever replaced") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(key.text(password))
        file.flush()
        os.fsync(file.fileno())


def read(path: Path, password: str | None = None) -> SecretKey:
    """Read a file that nobody else may read; raise ConfigError, or PasswordNeeded."""
    facts: list[tuple[str, object]] = [("file", path)]
    try:
        with path.open(encoding="ascii") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise ConfigError("others may read the secret key", facts=facts, hint=f"chmod 600 {path}")
            text = file.read(4096)
    except OSError as error:
        hint = "`doit key create` makes one"
        raise ConfigError("there is no secret key", facts=[*facts, ("why", error.strerror)], hint=hint) from error
    try:
        return SecretKey.parse(text, password)
    except ValueError as error:  # UnicodeDecodeError among them; the text itself is never shown
        raise ConfigError("the secret key cannot be used", facts=[*facts, ("why", "it is damaged")]) from error
    except PasswordNeeded as error:
        error.facts.append(("file", str(path)))
        raise


def set_aside(path: Path, old: SecretKey, new: Path) -> Path:
    """Put the file `new` in the place of `path`, and keep the old key under its number; return where."""
    kept = path.with_name(f"{path.name}.{old.public.id}")
    try:
        if not kept.exists():  # a rotation that was killed between the two steps is done to its end by the next one
            kept.hardlink_to(path)
        new.replace(path)
    except OSError as error:
        facts: list[tuple[str, object]] = [("file", path), ("why", error.strerror)]
        raise ConfigError("a secret key cannot be replaced", facts=facts) from error
    return kept


def files(path: Path) -> list[Path]:
    """Return the file of a secret key, where it is there, and those that were set aside."""
    return [each for each in [path, *sorted(path.parent.glob(f"{path.name}.*"))] if each.is_file()]


def number_of(path: Path) -> str:
    """Return the number of the key in a file, "password" where that is needed to know it, "damaged" for no key."""
    try:
        return read(path).public.id
    except PasswordNeeded:
        return "(password)"
    except ConfigError:
        return "(unusable)"


def numbered(path: Path, word: str) -> list[Path]:
    """Return the files that have a key, by its number or as a public key; raise ConfigError for another word."""
    if not re.fullmatch("[0-9A-F]{16}", word):
        try:
            word = PublicKey.parse(word).id
        except ValueError as error:
            hint = "`doit key ls` lists them"
            raise ConfigError("this is neither a key nor its number", facts=[("word", word)], hint=hint) from error
    return [each for each in files(path) if number_of(each) == word or each.name.endswith(f".{word}")]


def _private(seed: bytes) -> Ed25519PrivateKey:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            "signing needs the package cryptography", hint="`./bf key ls` installs what a release needs, once"
        ) from error
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed)


def _stream(password: str, salt: bytes, opslimit: int, memlimit: int) -> bytes:
    """Return as many bytes of scrypt as a body has; its numbers come from libsodium's limits as libsodium does it."""
    opslimit, r, p = max(opslimit, 32768), 8, 1
    most = opslimit // (4 * r) if opslimit < memlimit // 32 else memlimit // (128 * r)
    log = next((each for each in range(1, 63) if 1 << each > most // 2), 63)
    if opslimit >= memlimit // 32:
        p = min(opslimit // 4 >> log, 0x3FFFFFFF) // r
    if 128 * r * ((1 << log) + p) > MOST_MEMORY or p < 1:
        raise ValueError("it asks for too much memory")
    memory = 128 * r * ((1 << log) + p + 2) + SLACK
    return hashlib.scrypt(password.encode(), salt=salt, n=1 << log, r=r, p=p, maxmem=memory, dklen=_BODY)


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(b"Ed" + body, digest_size=32).digest()


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
