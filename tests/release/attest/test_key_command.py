"""`doit key` and `doit verify`, as a person uses them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bfbuild.commands.complete import KEY_WORDS
from bfbuild.commands.key import WORDS
from bfbuild.release import keys
from bfbuild.release.verify import PublicKey, minisig_check
from tests.release.attest.made import KEY, OTHER
from tests.small import Finished, Small


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's configuration with nothing in it."""
    return tmp_path / "home"


def key(small: Small, home: Path, *words: str) -> Finished:
    """Run `doit key`."""
    return small.doit("key", *words, XDG_CONFIG_HOME=str(home))


def test_keys_are_created_rotated_and_revoked(small: Small, home: Path) -> None:
    """Each word does its part, and nothing of a secret is ever printed."""
    path = home / "bareflow" / "release.key"
    done = [key(small, home, "create")]
    first = keys.read(path)
    done.append(key(small, home, "rotate"))
    second = keys.read(path)
    assert second != first
    assert keys.read(path.with_name(f"release.key.{first.public.id}")) == first
    handed = path.with_name(f"{second.public.id}.pub")
    assert PublicKey.parse(handed.read_text()) == second.public
    signed = handed.with_name(f"{handed.name}.minisig").read_text()
    assert minisig_check(signed, handed.read_bytes(), [first.public])[0] == first.public
    done.append(key(small, home, "ls"))
    assert [line.split()[1] for line in done[-1].out.splitlines()] == [second.public.id, first.public.id]
    done.append(key(small, home, "revoke", first.public.line))
    assert sorted(each.name for each in path.parent.glob("release.key*")) == ["release.key"]
    assert f'revoked = ["{first.public.line}"]' in done[-1].out
    assert [each.code for each in done] == [0, 0, 0, 0]
    said = "".join(each.out + each.err for each in done)
    for secret in (first, second):
        assert PublicKey.parse(secret.public.line).line in said
        assert secret.text().splitlines()[1] not in said
        assert base64.b64encode(secret._seed).decode()[:20] not in said


def test_no_word_loses_a_key(small: Small, home: Path) -> None:
    """`create` replaces none, `rotate` needs one, a wrong word is told the nearest."""
    assert key(small, home, "rotate").code == 2
    assert key(small, home, "create").code == 0
    first = keys.read(home / "bareflow" / "release.key")
    again = key(small, home, "create")
    assert (again.code, "no key is ever replaced" in again.err) == (2, True)
    assert keys.read(home / "bareflow" / "release.key") == first
    wrong = key(small, home, "crate")
    assert (wrong.code, "create" in wrong.err) == (2, True)
    assert key(small, home, "revoke", "none").code == 2


def test_the_key_lies_where_the_project_says(small: Small, tmp_path: Path) -> None:
    """[keys] secret names the file, and BAREFLOW_KEY names another for one command."""
    (small.root / "bareflow.toml").write_text(f'[keys]\nsecret = "{tmp_path}/a.key"\n')
    assert small.doit("key", "create").code == 0
    assert small.doit("key", "create", BAREFLOW_KEY=str(tmp_path / "b.key")).code == 0
    assert (tmp_path / "a.key").is_file()
    assert (tmp_path / "b.key").is_file()


def test_the_words_are_completed() -> None:
    """Tab offers what the command takes."""
    assert sorted(WORDS) == sorted(KEY_WORDS)


def test_verify_takes_the_keys_of_the_project(small: Small, dist: Path) -> None:
    """A trusted key passes; another, or one that was revoked, does not."""
    toml = small.root / "bareflow.toml"
    toml.write_text(f'[keys]\ntrusted = ["{KEY.public.line}"]\n')
    good = small.doit("verify", str(dist), "--expect", "1.1")
    assert (good.code, good.out.splitlines()[-1]) == (0, "It is what it claims to be.")
    toml.write_text(f'[keys]\ntrusted = ["{KEY.public.line}"]\nrevoked = ["{KEY.public.id}"]\n')
    assert "was revoked" in small.doit("verify", str(dist)).out
    toml.write_text(f'[keys]\ntrusted = ["{OTHER.public.line}"]\n')
    bad = small.doit("verify", str(dist))
    assert (bad.code, "not trusted" in bad.out) == (1, True)
