"""Trust in the cache: a result counts where those vouch for it whom the project names; else it is a miss."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bfbuild.decide import Miss
from bfbuild.errors import FetchError
from bfbuild.release import keys
from bfbuild.release.keys import SecretKey
from bfbuild.release.trust import Keyring
from bfbuild.release.verify import ed25519_verify
from bfbuild.store import Store
from tests.release.attest.made import KEY, OTHER
from tests.small import ACTIONS, Roots, Small, ran
from tests.store.packed import everything

THIRD = SecretKey.of_seed(b"another2", bytes(range(2, 34)))
MESSAGE = b"message"


class Shared:
    """A small project in which people with different keys build over one store."""

    def __init__(self, small: Small, roots: Roots, folder: Path) -> None:
        self.small, self.folder = small, folder
        for key in (KEY, OTHER, THIRD):
            keys.write(folder / key.public.id, key)
            roots.lend(Store(small.cache, Keyring([key.public.line], 1, [], folder / key.public.id)))

    def trusting(self, *trusted: SecretKey, by: SecretKey, threshold: int = 1, revoked: Sequence[str] = ()) -> Shared:
        """Write the project's configuration, for a person who has a key."""
        lines = ", ".join(f'"{key.public.line}"' for key in trusted)
        gone = ", ".join(f'"{word}"' for word in revoked)
        self.small.write(
            "bareflow.toml",
            f'[keys]\nsecret = "{self.folder / by.public.id}"\nrevoked = [{gone}]\n'
            f"[trust]\nkeys = [{lines}]\nthreshold = {threshold}\n",
        )
        return self

    def reasons(self) -> set[str]:
        """Build; return why actions ran."""
        steps = self.small.build().steps
        return {step.decision.reason.text for step in steps if isinstance(step.decision, Miss)}


@pytest.fixture
def shared(copy: Small, roots: Roots, tmp_path: Path) -> Shared:
    """What was built by somebody without a key."""
    return Shared(copy, roots, tmp_path / "keys")


def test_what_nobody_signed_is_a_miss_with_that_reason(shared: Shared) -> None:
    """Once trust is configured, older results are made again and signed; then they count."""
    shared.trusting(KEY, by=KEY)
    assert shared.reasons() == {"its recorded result cannot be used: nobody signed it"}
    assert shared.reasons() == set()


def test_what_a_stranger_signed_is_a_miss_with_that_reason(shared: Shared) -> None:
    """Whoever wants it to count names the key; bytes and place are the same."""
    shared.trusting(OTHER, by=OTHER).reasons()
    mine = shared.trusting(KEY, by=KEY)
    number = OTHER.public.id
    prefix = "its recorded result cannot be used: 0 of 1 signatures that it needs"
    assert mine.reasons() == {f"{prefix}: {number} is not trusted"}
    assert shared.trusting(OTHER, by=KEY).reasons() == set()


def test_as_many_must_sign_as_the_project_says(shared: Shared) -> None:
    """With two of three, what one made is a miss, until another has made the same."""
    shared.trusting(KEY, OTHER, THIRD, by=KEY, threshold=1).reasons()
    need_two = {"its recorded result cannot be used: 1 of 2 signatures that it needs"}
    assert shared.trusting(KEY, OTHER, THIRD, by=OTHER, threshold=2).reasons() == need_two
    assert shared.trusting(KEY, OTHER, THIRD, by=THIRD, threshold=2).reasons() == set()


def test_a_revoked_key_vouches_for_nothing(shared: Shared) -> None:
    """Also where it is still named among the others."""
    shared.trusting(KEY, OTHER, by=KEY).reasons()
    gone = shared.trusting(KEY, OTHER, by=OTHER, revoked=[KEY.public.id])
    assert {each.rpartition(": ")[2] for each in gone.reasons()} == {f"{KEY.public.id} was revoked"}


def test_a_forged_result_is_a_miss(shared: Shared) -> None:
    """Someone who can write the store puts another program in the place of one: it is built again, not believed."""
    shared.trusting(KEY, by=KEY).reasons()
    store = shared.small.store
    step = next(step for step in shared.small.build().steps if step.recipe.name == "kernel.raw")
    honest = store.results.get(step.action.digest)
    assert honest is not None
    forged = type(honest)()
    forged.CopyFrom(honest)
    forged.output_files[0].digest.CopyFrom(store.cas.put_bytes(b"evil").to_message())
    store.results.adopt(step.action.digest, forged)
    project = shared.small.build()
    assert ran(project) == {"kernel.raw"}
    assert f"the signature by {KEY.public.id} is not of this result" in str(project.steps)
    assert store.results.get(step.action.digest) == honest


def test_an_edited_source_is_built_and_signed_without_a_recipe_being_read(shared: Shared) -> None:
    """The quick way asks the same question: what it makes counts, and what it takes must."""
    small = shared.trusting(KEY, by=KEY).small
    assert small.doit("image").code == 0
    small.edit("src/other.c", "3;", "4;")
    done = small.doit("image")
    assert "4 actions: 4 run" in done.err
    assert shared.reasons() == set()


def test_who_signed_a_result_is_shown(shared: Shared) -> None:
    """`cache show` lists the keys, for people and for programs."""
    shared.trusting(KEY, by=KEY).reasons()
    assert f"signed by  {KEY.public.id}" in shared.small.doit("cache", "show", "kernel.elf").out
    assert f'"{KEY.public.id}"' in shared.small.doit("cache", "show", "kernel.elf", "--json").out


def test_tools_that_nobody_signed_are_unpacked_anew(copy: Small, tmp_path: Path) -> None:
    """A recorded root counts as little as any other result: its packages are asked for, where there are none."""
    keys.write(tmp_path / "key", KEY)
    copy.write("bareflow.toml", f'[keys]\nsecret = "{tmp_path}/key"\n[trust]\nkeys = ["{KEY.public.line}"]\n')
    project = copy.open()
    project.toolchains.configured_mirrors = ("file:///nowhere",)
    with pytest.raises(FetchError):
        project.build([project.graph.find("small.img")])


def test_who_has_no_key_is_told(shared: Shared, tmp_path: Path) -> None:
    """A build without one is good, and what it makes will not be believed by the next: that is said."""
    shared.trusting(KEY, by=KEY).reasons()
    small = shared.small
    small.write("bareflow.toml", f'[keys]\nsecret = "{tmp_path}/none"\n[trust]\nkeys = ["{KEY.public.line}"]\n')
    small.edit("src/other.c", "3;", "5;")
    done = small.doit("image")
    assert (done.code, "will not be believed later: there is no secret key" in done.err) == (0, True)


def test_no_secret_is_ever_in_the_store_or_in_what_is_printed(shared: Shared) -> None:
    """Neither its seed nor its file, in no form that a search would find."""
    small = shared.trusting(KEY, by=KEY).small
    said = small.doit("image")
    seed = bytes(range(32))
    secrets = (seed, base64.b64encode(seed)[:40], seed.hex().encode(), KEY.text().splitlines()[1].encode())
    for name, data in {**everything(small.store), "said": (said.out + said.err).encode()}.items():
        assert not any(secret in data for secret in secrets), name
    signed = [path for path in (small.cache / "signatures").rglob("*") if path.is_file()]
    assert len(signed) > len(ACTIONS)
    assert not any(secret in path.read_bytes() for path in signed for secret in secrets)


def test_without_trust_nothing_of_it_is_imported(copy: Small) -> None:
    """A project that names no keys pays nothing for them."""
    program = (
        "import sys; from pathlib import Path; from bfbuild.commands.project import Project\n"
        "project = Project(Path()); project.build([project.graph.find('small.img')])\n"
        "print([name for name in sys.modules if 'bfbuild.release' in name or 'cryptography' in name])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=copy.root, env=copy.environment(), capture_output=True, check=True
    )
    assert done.stdout == b"[]\n"


def test_both_checks_of_signatures_agree(tmp_path: Path) -> None:
    """`cryptography` is asked where it is there, and the plain method where not."""
    keyring = Keyring([KEY.public.line], 1, [], tmp_path / "none")
    plain = Keyring([KEY.public.line], 1, [], tmp_path / "none")
    plain.__dict__["_check"] = ed25519_verify
    for signature in (KEY.sign(MESSAGE), OTHER.sign(MESSAGE), KEY.sign(b"other"), bytes(64), b""):
        signed = {KEY.public.id: signature}
        assert keyring.doubt(MESSAGE, signed) == plain.doubt(MESSAGE, signed)
    assert keyring.doubt(MESSAGE, {KEY.public.id: KEY.sign(MESSAGE)}) is None
