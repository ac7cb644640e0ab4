"""The verifier: a good release passes, and whatever was done to it is found and named."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bfbuild.digest import digest_bytes
from bfbuild.release import verify
from bfbuild.release.attest import attest
from bfbuild.release.sbom import cyclonedx
from bfbuild.release.spdx import spdx
from tests.release.attest.conftest import ARCHIVE, IMAGE, archive_of, cas
from tests.release.attest.made import KEY, OTHER, Made, Statements, copy, refused, sign

SCRIPT = Path(verify.__file__)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a stranger would: without our package and without site-packages."""
    return subprocess.run(
        [sys.executable, "-I", "-S", *words], cwd="/", capture_output=True, text=True, check=False, timeout=60
    )


def test_a_good_release_passes_within_five_seconds(dist: Path) -> None:
    """The script that lies in dist/ says so for every check, and exits with 0."""
    began = time.monotonic()
    done = run(str(dist / "verify.py"), str(dist), "--key", KEY.public.line, "--expect", "1.1")
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - began < 5
    checks = ("signature", "files", "provenance", "sandbox", "lock", "sbom", "forms", "archive")
    assert [line.split()[:2] for line in done.stdout.splitlines()[:8]] == [["ok", check] for check in checks]
    assert "WARNING" not in done.stdout


def test_what_is_attested_passes(made: Made, tmp_path: Path) -> None:
    """As `doit release` does it: files first, then all that vouches for them. Again gives the same bytes."""
    folders = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        told = {"name": "small", "version": "1.1", "commit": made.facts.identity.commit, "sandbox": "bubblewrap"}
        files = {**made.content, verify.RELEASE: json.dumps({**told, "source_date_epoch": 1_700_000_000}).encode()}
        for path, data in files.items():
            (folder / path).write_bytes(data)
        attest(folder, made.facts, KEY)
        folders.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert refused(tmp_path / "one") == {}
    assert folders[0] == folders[1]


def test_a_key_that_came_along_is_no_proof(dist: Path) -> None:
    """Without --key the release's own key is taken, and that this says nothing about who made it is said aloud."""
    done = run(str(SCRIPT), str(dist))
    assert done.returncode == 0
    assert "WARNING" in done.stdout
    assert json.loads(run(str(SCRIPT), str(dist), "--json").stdout)["key_from_release"] is True


def test_it_needs_the_standard_library_alone() -> None:
    """It parses as Python 3.9 and imports nothing that is not in the standard library."""
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 9))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_what_cannot_be_tried_is_told_apart(tmp_path: Path, dist: Path) -> None:
    """No folder, or no key, is exit code 2 and no verdict."""
    assert run(str(SCRIPT), str(tmp_path / "nothing")).returncode == 2
    assert run(str(SCRIPT), str(dist), "--key", "no key").returncode == 2


def test_a_flipped_bit_in_any_file_is_found(dist: Path, tmp_path: Path) -> None:
    """Whichever file it is in, and wherever: at its start, in its middle, at its end."""
    damaged = copy(dist, tmp_path / "dist")
    for path in sorted(damaged.iterdir()):
        good = path.read_bytes()
        for at in {0, len(good) // 2, len(good) - 1}:
            path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            assert refused(damaged), f"byte {at} of {path.name}"
        path.write_bytes(good)
    assert refused(damaged) == {}


def test_a_damaged_file_is_named_with_both_hashes(dist: Path, tmp_path: Path) -> None:
    """A person can compare what was signed with what is there."""
    damaged = copy(dist, tmp_path / "dist")
    (damaged / IMAGE).write_bytes(b"other")
    assert f"file {IMAGE}" in refused(damaged)["files"]
    assert f"found {verify.sha256(b'other')}" in refused(damaged)["files"]


@pytest.mark.parametrize("what", ["missing", "additional", "link"])
def test_the_folder_has_just_the_files_that_are_listed(dist: Path, tmp_path: Path, what: str) -> None:
    """None is missing, none is too many, and none is a link to somewhere else."""
    damaged = copy(dist, tmp_path / "dist")
    image = damaged / IMAGE
    if what == "additional":
        (damaged / "more.img").write_bytes(b"")
    else:
        image.unlink()
    if what == "link":
        image.symlink_to(dist / IMAGE)
    said = {"missing": "is missing: file small.img", "additional": "is not listed: file more.img", "link": "plain file"}
    assert said[what] in refused(damaged)["files"]


def test_provenance_for_other_bytes_is_refused(made: Made, tmp_path: Path) -> None:
    """Also where the release's own key signed it: the subjects must be these files."""

    def other(statements: Statements) -> Statements:
        statements[0]["subject"][0]["digest"]["sha256"] = "0" * 64
        return statements

    assert "for other bytes" in refused(replace(made, statements=other).to(tmp_path / "dist"))["provenance"]


def test_a_statement_by_another_key_is_refused(made: Made, dist: Path, tmp_path: Path) -> None:
    """Each of them must be signed by the key that signed SHA256SUMS."""
    theirs = replace(made, key=OTHER).to(tmp_path / "theirs")
    mixed = copy(dist, tmp_path / "mixed")
    (mixed / verify.PROVENANCE).write_bytes((theirs / verify.PROVENANCE).read_bytes())
    sign(mixed, made.facts, KEY)
    assert "not signed by the release's key" in refused(mixed)["provenance"]


def test_an_action_without_a_statement_is_refused(made: Made, tmp_path: Path) -> None:
    """The release names its actions, and each has one."""
    short = replace(made, statements=lambda statements: statements[:-1])
    assert "small.img" in refused(short.to(tmp_path / "dist"))["provenance"]


def test_an_unknown_key_is_refused(made: Made, tmp_path: Path) -> None:
    """However well it signed."""
    answer = refused(replace(made, key=OTHER).to(tmp_path / "dist"), KEY)["signature"]
    assert "not trusted" in answer
    assert OTHER.public.id in answer


@pytest.mark.parametrize("word", [KEY.public.id, KEY.public.line])
def test_a_revoked_key_is_refused(dist: Path, word: str) -> None:
    """Also where it is still trusted somewhere; it may be named by its number or as a whole."""
    assert "revoked" in refused(dist, KEY, revoked=(word,))["signature"]


def test_a_revoked_key_is_refused_by_the_script(dist: Path, tmp_path: Path) -> None:
    """Named on the command line, also as a file; the answer is for machines too."""
    (tmp_path / "old.pub").write_text(KEY.public.text)
    done = run(str(SCRIPT), str(dist), "--revoked", str(tmp_path / "old.pub"), "--json")
    assert done.returncode == 1
    assert [each["ok"] for each in json.loads(done.stdout)["checks"]] == [False, True]


def test_a_replayed_old_list_is_seen(made: Made, dist: Path, tmp_path: Path) -> None:
    """An old SHA256SUMS with its good old signature is for another release than this one."""
    old = replace(made, facts=replace(made.facts, identity=replace(made.facts.identity, version="1.0")))
    before = old.to(tmp_path / "old")
    replayed = copy(dist, tmp_path / "dist")
    for name in (verify.SUMS, verify.MINISIG):
        (replayed / name).write_bytes((before / name).read_bytes())
    assert "signed for another release" in refused(replayed)["signature"]
    assert refused(before, expect="1.1") == {"signature": "this is another version: expected 1.1; signed 1.0"}


def test_a_lock_that_does_not_match_is_refused(made: Made, tmp_path: Path) -> None:
    """The lock is the one that the provenance names, and has every package that was used."""
    content = {**made.content, verify.LOCK: b"another lock\n"}
    assert "another lock" in refused(replace(made, content=content).to(tmp_path / "other"))["lock"]
    facts = replace(made.facts, identity=replace(made.facts.identity, lock=digest_bytes(b"another lock\n")))
    assert "does not have a package" in refused(replace(made, facts=facts, content=content).to(tmp_path / "l"))["lock"]


@pytest.mark.parametrize("where", ["release", "statement", "action"])
def test_a_downgraded_sandbox_is_refused(made: Made, tmp_path: Path, where: str) -> None:
    """Whether the release says so, its statement, or that of one action alone."""

    def downgraded(statements: Statements) -> Statements:
        at = 0 if where == "statement" else -1
        statements[at]["predicate"]["buildDefinition"]["internalParameters"]["sandbox"] = "proot"
        return statements

    bad = replace(made, statements=downgraded)
    if where == "release":
        bad = replace(made, facts=replace(made.facts, sandbox="proot"))
    assert "level proot" in refused(bad.to(tmp_path / "dist"))["sandbox"]


@pytest.mark.parametrize("document", [verify.CYCLONEDX, verify.SPDX])
def test_a_missing_sbom_entry_is_found(made: Made, tmp_path: Path, document: str) -> None:
    """A file of the image that one of the SBOMs does not list is named."""
    lacking = replace(made.facts, parts=tuple(part for part in made.facts.parts if part.path is None))
    text = cyclonedx(lacking) if document == verify.CYCLONEDX else spdx(lacking)
    bad = replace(made, documents={**made.documents, document: text}).to(tmp_path / "dist")
    assert "GREETING.TXT" in refused(bad)["sbom"]
    assert "is not in the SBOM" in refused(bad)["sbom"]


def test_an_image_without_a_layout_is_refused(made: Made, tmp_path: Path) -> None:
    """Each image of the release stands in the SBOM as a whole, with numbers that are such."""
    bom: dict[str, Any] = json.loads(made.documents[verify.CYCLONEDX])
    whole = next(each for each in bom["components"] if each["bom-ref"] == f"image:{IMAGE}")
    table = next(each for each in whole["properties"] if each["name"] == "bareflow:partition:1")
    table["value"] += " and more"
    text = json.dumps(bom).encode()
    bad = replace(made, documents={**made.documents, verify.CYCLONEDX: text}).to(tmp_path / "strange")
    assert refused(bad) == {"sbom": f"the SBOM has a partition that is none: image {IMAGE}"}
    bom["components"].remove(whole)
    text = json.dumps(bom).encode()
    bad = replace(made, documents={**made.documents, verify.CYCLONEDX: text}).to(tmp_path / "without")
    assert "the SBOM is about other images" in refused(bad)["sbom"]


def test_a_missing_package_is_found(made: Made, tmp_path: Path) -> None:
    """A package that was used stands in the SBOM and lies in the archive."""

    def without(name: str) -> bytes:
        bom: dict[str, Any] = json.loads(made.documents[verify.CYCLONEDX])
        bom["components"] = [each for each in bom["components"] if each["name"] != name]
        return json.dumps(bom).encode()

    bad = replace(made, documents={**made.documents, verify.CYCLONEDX: without("compiler")}).to(tmp_path / "sbom")
    assert refused(bad) == {"sbom": "a package that was used is not in the SBOM: package compiler:amd64"}
    archive = {**made.content, ARCHIVE: archive_of(tmp_path / "a", {cas(b"deb 2"): b""})}
    assert "archive" in refused(replace(made, content=archive).to(tmp_path / "archive"))


def test_bytes_that_no_file_accounts_for_are_found(made: Made, tmp_path: Path) -> None:
    """Something hidden in the partition table, between places, in free clusters, at the end: no file makes it."""
    image = made.content[IMAGE]
    for at in (450, 20_000, 6_000 * 512, len(image) - 9):
        hidden = image[:at] + b"hidden" + image[at + 6 :]

        def told(statements: Statements, data: bytes = hidden) -> Statements:
            statements[-1]["subject"][0]["digest"]["sha256"] = verify.sha256(data)
            return statements

        bad = replace(made, content={**made.content, IMAGE: hidden}, statements=told)
        assert f"first byte {at}" in refused(bad.to(tmp_path / str(at)))["sbom"]


def test_the_sbom_has_no_file_that_is_not_in_the_image(made: Made, tmp_path: Path) -> None:
    """Neither on a file system that is there, nor on one that is not."""
    greeting = next(part for part in made.facts.parts if part.path is not None)
    for more, said in (
        (replace(greeting, path="MORE.TXT"), "other bytes of a file: file ./small.img/DATA/MORE.TXT"),
        (replace(greeting, path="MORE.TXT", offset=0), "a file that is not in the image"),
    ):
        facts = replace(made.facts, parts=(*made.facts.parts, more))
        bad = replace(made, documents={verify.CYCLONEDX: cyclonedx(facts), verify.SPDX: spdx(facts)})
        assert said in refused(bad.to(tmp_path / str(more.offset)))["sbom"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "cas/../x", "cas/00/../../x", "trees/x"])
def test_a_path_that_leads_out_of_the_archive_is_refused(made: Made, tmp_path: Path, name: str) -> None:
    """Members of the closure archive have the few names that an archive has."""
    content = {**made.content, ARCHIVE: archive_of(tmp_path / "a", {name: b"evil"})}
    answer = refused(replace(made, content=content).to(tmp_path / "dist"))["archive"]
    assert "unsafe" in answer
    assert f"member {name}" in answer


def test_an_archive_with_wrong_content_is_refused(made: Made, tmp_path: Path) -> None:
    """Content hashes to its name, and the archive ends where it says."""
    wrong = {**made.content, ARCHIVE: archive_of(tmp_path / "a", {cas(b"right"): b"wrong"})}
    assert "under a wrong name" in refused(replace(made, content=wrong).to(tmp_path / "wrong"))["archive"]
    cut = {**made.content, ARCHIVE: made.content[ARCHIVE][:-20]}
    assert "damaged" in refused(replace(made, content=cut).to(tmp_path / "cut"))["archive"]


BUILDS = """\
#!/bin/sh
[ "$1 $2 $3" = "release --version 1.1" ] && [ ! -e "$BAREFLOW_KEY" ] && cp -r released dist &&
sed -i "s/COMMIT/$(git rev-parse HEAD)/" dist/release.json
"""


def git(folder: Path, *words: str) -> str:
    """Run git as nobody in particular."""
    who = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **who}
    done = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_rebuild_compares_all_but_signatures(made: Made, tmp_path: Path) -> None:
    """The commit is built in a clone, by nobody's key; a file that comes out otherwise is named."""

    def of(commit: str, name: str) -> Path:
        facts = replace(made.facts, identity=replace(made.facts.identity, commit=commit))
        return replace(made, facts=facts).to(tmp_path / name)

    checkout = tmp_path / "checkout"
    of("COMMIT", "checkout/released")
    (checkout / "bf").write_text(BUILDS)
    (checkout / "bf").chmod(0o755)
    git(checkout, "init", "--quiet")
    answers = {}
    for name, change in (("good", "<!doctype html>\n"), ("bad", "other\n")):
        (checkout / "released" / "index.html").write_text(change)
        git(checkout, "add", ".")
        git(checkout, "commit", "--quiet", "-m", name)
        answers[name] = run(str(SCRIPT), str(of(git(checkout, "rev-parse", "HEAD"), name)), "--rebuild", str(checkout))
    answers["gone"] = run(str(SCRIPT), str(of("0" * 40, "gone")), "--rebuild", str(checkout))
    assert {name: done.returncode for name, done in answers.items()} == {"good": 0, "bad": 1, "gone": 1}
    assert "rebuild     9 files came out the same" in answers["good"].stdout
    assert "index.html" in answers["bad"].stdout
    assert "could not be built again" in answers["gone"].stdout
    assert not (checkout / "dist").exists()


@pytest.mark.parametrize("text", [b"[]", b"{", b"null", b'{"components": 3}', b'{"components": [{"properties": 1}]}'])
def test_documents_of_another_shape_are_refused(made: Made, tmp_path: Path, text: bytes) -> None:
    """Signed or not, no document makes the verifier fall over."""
    bad = replace(made, documents={**made.documents, verify.CYCLONEDX: text}).to(tmp_path / "dist")
    assert "sbom" in refused(bad)
