"""Trust across the wire: signatures travel with results, and what too few vouch for is a hint, no more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.digest import Digest
from bfbuild.release import keys
from bfbuild.release.keys import SecretKey
from bfbuild.release.trust import Keyring
from bfbuild.remote import actions
from bfbuild.remote.channel import Channel
from bfbuild.store import Store
from tests.release.attest.made import KEY, OTHER
from tests.remote.servers import Server
from tests.remote.test_client import channel
from tests.small import Roots, Small, ran

if TYPE_CHECKING:
    from bfbuild.commands.project import Project

ONE = "greeting.txt"  # a recipe that needs no other
THIRD = SecretKey.of_seed(b"another2", bytes(range(2, 34)))


class Team:
    """People with a store and a key each, who share a server."""

    def __init__(self, folder: Path, repository: Path, roots: Roots, url: str) -> None:
        self._folder, self._repository, self._roots, self._url = folder, repository, roots, url

    def member(
        self,
        name: str,
        key: SecretKey,
        *trusted: SecretKey,
        threshold: int = 1,
        upload: str = "trusted",
        tools: bool = True,
    ) -> Small:
        """Return the checkout of one who signs with a key; with `tools` toolchains are unpacked."""
        root = self._folder / name
        small = Small.make(root, self._repository, Roots({}, {}, {}), cache=root / "cache")
        keys.write(root / "key", key)
        for each in trusted if tools else ():
            keys.write(root / each.public.id, each)
            self._roots.lend(Store(small.cache, Keyring([each.public.line], 1, [], root / each.public.id)))
        lines = ", ".join(f'"{each.public.line}"' for each in trusted)
        small.write(
            "bareflow.toml",
            f'[project]\nname = "small"\n[remote]\ncache = "{self._url}"\nupload = "{upload}"\n'
            f'[keys]\nsecret = "key"\n[trust]\nkeys = [{lines}]\nthreshold = {threshold}\n',
        )
        return small


@pytest.fixture
def team(tmp_path: Path, repository: Path, roots: Roots, casd: Server) -> Team:
    """A team without members yet."""
    return Team(tmp_path, repository, roots, casd.url)


def had(project: Project, server: Server) -> set[str]:
    """Return of which actions of a build a server has a result."""
    asked: Channel = channel(server.url)
    return {step.recipe.name for step in project.steps if actions.get(asked, step.action.digest) is not None}


def test_what_a_trusted_key_signed_is_taken_by_whoever_has_none(team: Team) -> None:
    """Signatures travel, also that of a toolchain's root: nothing is executed, and the store believes it later."""
    team.member("maker", KEY, KEY).build(ONE)
    taker = team.member("taker", OTHER, KEY, tools=False)
    assert ran(taker.build(ONE)) == set()
    assert ran(taker.build(ONE)) == set()


def test_what_a_stranger_signed_is_executed_here(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    """A result without a signature that counts is not used; since it is the same, nothing is said about it."""
    team.member("stranger", OTHER, OTHER).build(ONE)
    taker = team.member("taker", KEY, KEY)
    assert ran(taker.build(ONE)) == {ONE}
    assert "has another result" not in capsys.readouterr().err


def test_two_who_made_the_same_vouch_for_it_together(team: Team) -> None:
    """Where two must sign, the second makes it again and adds a signature; the third takes it."""
    both = (KEY, OTHER)
    team.member("first", KEY, *both, threshold=1).build(ONE)
    assert ran(team.member("second", OTHER, *both, threshold=2).build(ONE)) == {ONE}
    assert ran(team.member("third", THIRD, *both, threshold=2).build(ONE)) == set()


def test_a_forged_result_is_named_and_not_used(team: Team, casd: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that was broken into has another program: it is made here, and people are told which differs."""
    (step,) = team.member("maker", KEY, KEY).build(ONE).steps
    told = actions.get(channel(casd.url), step.action.digest)
    assert told is not None
    honest = Digest.of_message(told.output_files[0].digest)
    told.output_files[0].digest.CopyFrom(step.action.digest.to_message())  # which the server has
    actions.update(channel(casd.url), step.action.digest, told)
    taken = team.member("taker", KEY, KEY).build(ONE)
    assert ran(taken) == {ONE}
    assert taken.output(ONE).digest == honest
    said = capsys.readouterr().err
    assert f"{casd.url} has another result of {ONE} than this machine made" in said
    assert f"the signature by {KEY.public.id} is not of this result; out/{ONE}" in said


@pytest.mark.parametrize(
    ("key", "upload", "given"),
    [
        (KEY, "trusted", {ONE}),
        (OTHER, "trusted", set()),
        (OTHER, "always", {ONE}),
        (KEY, "never", set()),
    ],
    ids=["trusted key", "another key", "always", "never"],
)
def test_what_is_given_is_as_upload_says(
    team: Team, casd: Server, key: SecretKey, upload: str, given: set[str]
) -> None:
    """By default a server gets what a key signed that the project trusts."""
    project = team.member("maker", key, KEY, upload=upload).build(ONE)
    assert had(project, casd) == given
