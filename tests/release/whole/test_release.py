"""`doit release` of a tiny project: what dist/ has, what its image tells; the same commit makes the same files."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from tests.release.attest.deployment import Deployment
from tests.release.whole.conftest import DATE, Released, commit, git, key_of, make_tiny
from tests.small import Small
from tests.store.packed import members_of

IMAGES = ["tiny.img", "tiny.qcow2", "tiny.vdi"]
UNREACHABLE = "http://127.0.0.1:9"


def test_dist_has_all_files_and_their_hashes(released: Released) -> None:
    """Three forms of the image, the lock, the archive, facts, page, and the hashes of them all."""
    dist = released.dist
    names = sorted(path.name for path in dist.iterdir())
    assert set(names) >= {*IMAGES, "SHA256SUMS", "bareflow.lock", "closure.tar.xz", "index.html", "release.json"}
    sums = {line[66:]: line[:64] for line in (dist / "SHA256SUMS").read_text().splitlines()}
    assert sorted(sums) == [name for name in names if not name.startswith("SHA256SUMS")]
    for name, digest in sums.items():
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == digest


def test_release_json_says_which_release_it_is(released: Released) -> None:
    """Name, version, commit and its time, the sandbox's level, and each file."""
    about = json.loads((released.dist / "release.json").read_text())
    head = git(released.project.root, "rev-parse", "HEAD").strip()
    told = [about[key] for key in ("name", "version", "commit", "source_date_epoch", "sandbox")]
    assert told == ["tiny", "1.0", head, DATE, "bubblewrap"]
    image = (released.dist / "tiny.img").read_bytes()
    assert about["files"]["tiny.img"] == {"sha256": hashlib.sha256(image).hexdigest(), "size": 1 << 20}
    assert len(about["disturbed"]) >= 8


def test_the_image_tells_version_and_commit_and_nothing_else_of_its_making(released: Released) -> None:
    """What recipes read as `version()` is there; neither user, host, folder nor home of anybody is."""
    image = (released.dist / "tiny.img").read_bytes()
    head = git(released.project.root, "rev-parse", "HEAD").strip()
    assert image[512:].startswith(f"1.0, commit {head}\n".encode())
    for trace in (str(released.project.root), "ada", "grace", "first", "second", "zwei"):
        assert trace.encode() not in image


def test_an_everyday_build_knows_no_commit(tiny: Small) -> None:
    """Without a release it is the same image after any commit."""
    first = tiny.doit("image").out
    assert (tiny.root / "build/tiny.img").read_bytes()[512:].startswith(b"development\n")
    git(tiny.root, "commit", "--quiet", "--allow-empty", "--message", "another")
    assert tiny.doit("image").out == first


def test_the_same_commit_makes_the_same_files_without_a_network(
    released: Released, tmp_path: Path, repository: Path, tiny_store: Path
) -> None:
    """On another machine, with the commit, the archive and the key: each file of dist/ is the same, to the byte."""
    other = make_tiny(tmp_path / "another place", repository, tmp_path / "empty")
    archive = str(released.dist / "closure.tar.xz")
    assert other.doit("cache", "import", archive).code == 0
    key = str(key_of(tiny_store))
    done = other.doit("release", BAREFLOW_KEY=key, BAREFLOW_DEBIAN_MIRROR=UNREACHABLE, TZ="Asia/Tokyo")
    assert done.code == 0, done.err
    first, second = (
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in each.iterdir()}
        for each in (released.dist, other.root / "dist")
    )
    assert first == second


def test_a_stranger_can_verify_it(released: Released) -> None:
    """The verifier that lies in it finds nothing wrong, by the key of whoever made it and with nothing of ours."""
    key = (released.dist / "release.pub").read_text().splitlines()[-1]
    command = [sys.executable, "-I", "-S", str(released.dist / "verify.py"), str(released.dist), "--key", key]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout


def test_it_is_signed_keylessly_where_that_is_asked_for(
    released: Released, tiny: Small, tiny_store: Path, tmp_path: Path
) -> None:
    """With `--sigstore` the same commit makes the same files, and one more, by which `doit verify` knows who signed."""
    services = Deployment()
    config = tmp_path / "config.json"
    config.write_text(services.config())
    key = str(key_of(tiny_store))
    done = tiny.doit("release", "--sigstore-config", str(config), BAREFLOW_KEY=key, **services.ambient)
    services.close()
    assert done.code == 0, done.err
    issuer = f"{services.url}/identity"
    assert f"release: keyless: signed by ada@example.org, issuer {issuer}\n" in done.err
    first, second = (
        {path.name: path.read_bytes() for path in (each / "dist").iterdir()}
        for each in (released.project.root, tiny.root)
    )
    assert second.pop("SHA256SUMS.sigstore.json")
    assert second == first
    words = ("--identity", "ada@example.org", "--issuer", issuer, "--sigstore-config", str(config))
    done = tiny.doit("verify", "dist", *words)
    assert (done.code, "ok      identity    signed by ada@example.org" in done.out) == (0, True), done.out + done.err


def test_a_keyless_signature_needs_a_key_beside_it(tiny: Small) -> None:
    """The provenance is signed by a key, so without one nothing is begun."""
    done = tiny.doit("release", "--sigstore")
    assert (done.code, done.out) == (2, "")
    assert "error: a keyless signature stands beside that of a key, and there is no key\n" in done.err


def test_without_a_key_it_says_so(tiny: Small) -> None:
    """Whoever has no key can release, and is told that nobody can tell who did; here it is refused later on."""
    tiny.edit("recipes/tiny.py", '"nasm", ', '"nasm", "gdb", ')
    commit(tiny.root)
    said = tiny.doit("release").err
    assert said.startswith(
        "warning: there is no secret key (/nowhere/release.key): dist/ is not signed; `doit key create`"
    )


def test_all_that_it_is_made_of_has_a_root(released: Released) -> None:
    """So `doit cache export release` has it, and no collection takes it: actions, tools, sandbox and clock."""
    root = released.project.store.roots.find("release")
    assert root is not None
    assert sorted(root.actions) == ["about.txt", "boot.bin", "clock", "sandbox", "tiny.img", "tools"]
    results = {name[-64:] for name in members_of(released.dist / "closure.tar.xz") if name.startswith("ac/")}
    assert results == {action.hash for action in root.actions.values()}, "and nothing that others left in the store"


def test_the_phases_and_what_was_made_are_told(released: Released) -> None:
    """Long work says how far it is, and how long each part took."""
    for phase in ("tools", "build 1 of 2", "build 2 of 2", "comparison", "images", "boots", "closure", "documents"):
        assert f"release: {phase}: " in released.said.err
    assert released.said.err.count("(it was never built)") == 2 * 3, "both builds begin with nothing"
    assert "dist/tiny.img  1,048,576 bytes" in released.said.out
    assert released.said.out.splitlines()[-1].startswith("tiny 1.0, commit ")


def test_what_changed_since_an_old_release_is_told_by_meaning(released: Released, tiny: Small) -> None:
    """A new version on the command line, another file on the disk: both are told, equal files and packages are not."""
    tiny.edit("src/about.py", "sys.argv[2]", "sys.argv[2].upper()")
    commit(tiny.root)
    done = tiny.doit("release", "--version", "1.1", "--compare", str(released.dist))
    assert done.code == 0, done.err
    told = done.out.partition("\n\n")[2].splitlines()
    assert told[0] == "tiny 1.0 -> 1.1"
    assert told[1].startswith("commit ")
    assert "packages: unchanged" in told
    assert "tiny.img  changed" in told
    assert any(line.startswith("  bytes  ") for line in told), "the disk has no partitions"
    assert told[-1] == "0 of 1 images and programs are equal"


def test_what_is_no_release_is_not_compared_with(tiny: Small) -> None:
    """The error comes before anything is built."""
    done = tiny.doit("release", "--compare", "src")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: this is no release\n  file  src/release.json\n")
