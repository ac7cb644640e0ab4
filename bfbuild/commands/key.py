"""`doit key`: the keys that sign releases, see docs/releases.md. It prints public keys alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bfbuild.commands.question import Question
from bfbuild.errors import ConfigError, nearest

if TYPE_CHECKING:
    from bfbuild.config import Config
    from bfbuild.release.keys import SecretKey

USAGE = "create | rotate | revoke KEY | ls"


class Key(Question):
    """The doit command."""

    doc_purpose = "make, replace, revoke and list the keys that sign releases"
    doc_usage = USAGE
    doc_description = """`create` makes a secret key where [keys] secret or BAREFLOW_KEY says, by default in the user's
configuration; `rotate` puts a new one in its place and keeps the old one beside it; `revoke` deletes a secret key; `ls`
lists. What a public key means to others is said in bareflow.toml, by a person: each word prints the line for it."""
    cmd_options = (
        {
            "name": "password",
            "long": "password",
            "type": bool,
            "default": False,
            "help": "ask for a password that protects the new key",
        },
    )

    def answer(self, start: Path, names: Sequence[str], options: Mapping[str, Any]) -> int:
        """Answer the command line."""
        from bfbuild import config  # noqa: PLC0415  (after doit has shown that the command is meant)

        word, *rest = names or [""]
        if word not in WORDS or len(rest) != (word == "revoke"):
            guess = nearest(word, WORDS)
            facts = [("word", word or "none"), *([("nearest", guess)] if guess else [])]
            raise ConfigError("key takes one of its words", facts=facts, hint=f"doit key {USAGE}")
        settings = config.load(config.find_root(start))
        sys.stdout.write(WORDS[word](settings, rest, options["password"]))
        return 0


def _create(config: Config, _: Sequence[str], with_password: bool) -> str:
    from bfbuild.release.keys import SecretKey, write  # noqa: PLC0415

    key = SecretKey.create()
    write(config.secret_key, key, _new_password() if with_password else None)
    return f"{_made(config.secret_key, key)}\nIn bareflow.toml, for whoever verifies:\n\n{_line('trusted', key)}"


def _rotate(config: Config, _: Sequence[str], with_password: bool) -> str:
    from bfbuild.release.keys import SecretKey, set_aside, write  # noqa: PLC0415
    from bfbuild.release.signing import hand_over, secret_key  # noqa: PLC0415

    old, new = secret_key(config.secret_key), SecretKey.create()
    beside = config.secret_key.with_name(f"{config.secret_key.name}.{new.public.id}")
    write(beside, new, _new_password() if with_password else None)
    told = hand_over(config.secret_key.parent, old, new)
    kept = set_aside(config.secret_key, old, beside)
    return (
        f"{_made(config.secret_key, new)}old     {old.public.id}, kept at {kept}\n"
        f"publish {told} and its .minisig: the old key signed the new one\n\n"
        "In bareflow.toml, keep the old key in `trusted` for as long as its releases are to be verified, and add:\n\n"
        f"{_line('trusted', new)}"
    )


def _revoke(config: Config, names: Sequence[str], _: bool) -> str:
    from bfbuild.release.keys import numbered  # noqa: PLC0415

    found = numbered(config.secret_key, names[0])
    for path in found:
        path.unlink()
    deleted = "".join(f"deleted {path}\n" for path in found) or "its secret key is not on this machine\n"
    return f'{deleted}\nIn bareflow.toml, and take it out of `trusted`:\n\n[keys]\nrevoked = ["{names[0]}"]\n'


def _ls(config: Config, _names: Sequence[str], _: bool) -> str:
    from bfbuild.release.keys import files, number_of  # noqa: PLC0415

    keys, trust = config.settings.keys, config.settings.trust
    lines = [f"secret   {number_of(path)}  {path}" for path in files(config.secret_key)]
    lines += [f"trusted  {key}" for key in keys.trusted]
    lines += [f"revoked  {key}" for key in keys.revoked]
    lines += [f"results  {key}  ({trust.threshold} of {len(trust.keys)} must sign)" for key in trust.keys]
    return "".join(f"{line}\n" for line in lines) or "no keys; `doit key create` makes one\n"


def _new_password() -> str:
    password = getpass("password for the new key: ")
    if not password or getpass("once more: ") != password:
        raise ConfigError("the two passwords are not the same, or empty")
    return password


def _made(path: Path, key: SecretKey) -> str:
    return f"secret  {path}, for its owner alone\nnumber  {key.public.id}\npublic  {key.public.line}\n"


def _line(name: str, key: SecretKey) -> str:
    return f'[keys]\n{name} = ["{key.public.line}"]\n'


WORDS: Mapping[str, Callable[[Config, Sequence[str], bool], str]] = {
    "create": _create,
    "rotate": _rotate,
    "revoke": _revoke,
    "ls": _ls,
}
