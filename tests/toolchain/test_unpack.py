"""Packages become one tree, always the same, and never more than that."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import lzma
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bfbuild.digest import Digest, digest_bytes
from bfbuild.errors import FetchError, StoreError
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.store.tree import Root
from bfbuild.toolchain import unpack as module
from bfbuild.toolchain.unpack import unpack
from tests.toolchain.debs import ar, deb, entry, file, folder, hard_link, package, symlink, tar

ALWAYS = {*module.MERGED, *(f"usr/{name}" for name in module.MERGED), *module.MOUNT_POINTS, "usr"}

Unpacked = Callable[..., Root]


def quiet(_done: int, _total: int) -> None:
    """Nobody watches."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder."""
    path = tmp_path / "root"
    path.mkdir()
    return path


def described(root: Root, digest: Digest | None = None, prefix: str = "") -> dict[str, object]:
    """Every path below a digest, read back from the messages: (SHA-256, executable), a link's target, or a folder."""
    found: dict[str, object] = {}
    message = api.Directory.FromString(root.directories[digest or root.digest])
    for each in message.files:
        found[prefix + each.name] = (each.digest.hash, each.is_executable)
    for link in message.symlinks:
        found[prefix + link.name] = link.target
    for below in message.directories:
        found[prefix + below.name] = "folder"
        found |= described(root, Digest.of_message(below.digest), f"{prefix}{below.name}/")
    return found


def on_disk(root: Path) -> dict[str, object]:
    """The same, read from the disk."""
    found: dict[str, object] = {}
    for above, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(above, name)
            key = str(path.relative_to(root))
            if path.is_symlink():
                found[key] = str(path.readlink())
            elif path.is_dir():
                found[key] = "folder"
            else:
                executable = bool(path.stat().st_mode & 0o111)
                found[key] = (hashlib.sha256(path.read_bytes()).hexdigest(), executable)
    return found


def interesting(root: Path) -> dict[str, object]:
    """What is on the disk besides what every root has."""
    return {path: what for path, what in on_disk(root).items() if path not in ALWAYS}


EVERYTHING = (
    folder("./"),
    folder("./usr/"),
    folder("./usr/bin/"),
    file("./usr/bin/tool", b"#!/bin/sh\n", mode=0o4755),
    hard_link("./usr/bin/same-tool", "./usr/bin/tool"),
    symlink("./usr/bin/alias", "tool"),
    file("./lib/x86_64-linux-gnu/libtool.so.1", b"\x7fELF" * 100),
    symlink("./lib/x86_64-linux-gnu/libtool.so", "libtool.so.1"),
    file("./usr/share/" + "long-name/" * 20 + "été", b"text", mode=0o600),
    folder("./var/lib/empty"),
)


def test_the_messages_describe_exactly_what_is_on_the_disk(tmp_path: Path, root: Path) -> None:
    """Reading the tree back from the Directory messages and from the disk gives the same, and a closed set."""
    made = unpack([deb(tmp_path / "a.deb", *EVERYTHING)], root, quiet)
    assert described(made) == on_disk(root)
    assert {digest: digest_bytes(data) for digest, data in made.directories.items()} == {d: d for d in made.directories}


def test_an_empty_root_has_this_digest(root: Path) -> None:
    """Recorded results rely on it (see UNPACKER in root.py). Computed apart from us, from the wire format by hand."""
    assert str(unpack([], root, quiet).digest) == "5c26024fc2f0acf09384b9db46717cb7a8a837e7803a6a9db4a002a796f3d33b/492"


def test_directory_messages_are_canonical(tmp_path: Path, root: Path) -> None:
    """Entries are sorted by name, as the Remote Execution API demands."""
    made = unpack([deb(tmp_path / "a.deb", *[file(f"usr/{name}") for name in "zbyaxc"])], root, quiet)
    for data in made.directories.values():
        message = api.Directory.FromString(data)
        for nodes in (message.files, message.symlinks, message.directories):
            names = [node.name for node in nodes]
            assert names == sorted(names)


@pytest.mark.parametrize("suffix", [".xz", ".gz", ""])
def test_every_usual_compression_gives_the_same_root(tmp_path: Path, root: Path, suffix: str) -> None:
    """How the archive of files is compressed leaves no mark."""
    unpack([deb(tmp_path / "a.deb", *EVERYTHING, suffix=suffix)], root, quiet)
    assert interesting(root)["usr/bin/tool"] == (hashlib.sha256(b"#!/bin/sh\n").hexdigest(), True)


def test_order_of_packages_does_not_matter(tmp_path: Path) -> None:
    """Any order of the same packages gives one digest."""
    debs = [deb(tmp_path / f"{name}.deb", file(f"usr/bin/{name}", name.encode() * 99)) for name in "abc"]
    digests = set()
    for number, order in enumerate(itertools.permutations(debs)):
        target = tmp_path / str(number)
        target.mkdir()
        digests.add(unpack(order, target, quiet).digest)
    assert len(digests) == 1


def test_neither_umask_nor_the_packages_owner_or_time_matter(tmp_path: Path) -> None:
    """The digest and the modes on disk come from the packages' content alone."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    made = unpack([deb(tmp_path / "a.deb", *EVERYTHING)], first, quiet)
    for info, _ in EVERYTHING:
        info.uid, info.uname, info.mtime = 1000, "somebody", 1_700_000_000
    old = os.umask(0o077)
    try:
        again = unpack([deb(tmp_path / "b.deb", *EVERYTHING)], second, quiet)
    finally:
        os.umask(old)
    assert again.digest == made.digest
    for path in [second / "usr", *second.glob("usr/**/*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        if not path.is_symlink():
            assert mode == (0o755 if path.is_dir() else 0o555 if path.name in {"tool", "same-tool"} else 0o444), path


def test_usr_is_merged_whatever_the_package_thinks(tmp_path: Path, root: Path) -> None:
    """A file of /bin or /lib64 lands in /usr, and the old path leads there."""
    members = (folder("./bin/"), file("./bin/sh", b"sh", mode=0o755), file("./lib64/ld.so", b"ld"))
    made = unpack([deb(tmp_path / "a.deb", *members)], root, quiet)
    assert set(interesting(root)) == {"usr/bin/sh", "usr/lib64/ld.so"}
    assert described(made)["bin"] == "usr/bin"
    assert (root / "lib64/ld.so").read_bytes() == b"ld"


def test_a_package_may_ship_the_merged_links_themselves(tmp_path: Path, root: Path) -> None:
    """Later Debian releases have `bin -> usr/bin` in base-files."""
    unpack([deb(tmp_path / "a.deb", symlink("./bin", "usr/bin"))], root, quiet)
    assert interesting(root) == {}


def test_an_equal_file_of_two_packages_is_one(tmp_path: Path, root: Path) -> None:
    """Packages may agree on a path."""
    debs = [deb(tmp_path / f"{name}.deb", file("usr/share/common", b"same"), folder("usr/x")) for name in "ab"]
    unpack(debs, root, quiet)
    assert set(interesting(root)) == {"usr/share", "usr/share/common", "usr/x"}


@pytest.mark.parametrize(
    "other",
    [
        file("usr/x", b"two"),
        file("usr/x", b"one", mode=0o755),
        symlink("usr/x", "y"),
        folder("usr/x"),
        file("usr/x/below", b""),
    ],
    ids=["content", "mode", "link", "folder", "below"],
)
def test_packages_that_disagree_on_a_path_are_refused(
    tmp_path: Path, root: Path, other: tuple[tarfile.TarInfo, bytes]
) -> None:
    """No package silently overwrites another's file."""
    debs = [deb(tmp_path / "a.deb", file("usr/x", b"one")), deb(tmp_path / "b.deb", other)]
    with pytest.raises(FetchError, match="a package cannot be unpacked") as caught:
        unpack(debs, root, quiet)
    assert "usr/x" in dict(caught.value.facts)["why"]


def test_a_hard_link_to_a_hard_link_is_the_same_file(tmp_path: Path, root: Path) -> None:
    """Chains of hard links have the content and mode of their first file."""
    members = (file("usr/a", b"x", mode=0o755), hard_link("usr/b", "usr/a"), hard_link("usr/c", "usr/b"))
    made = unpack([deb(tmp_path / "a.deb", *members)], root, quiet)
    assert described(made)["usr/c"] == described(made)["usr/a"] == on_disk(root)["usr/c"]


def test_progress_ends_with_all_bytes(tmp_path: Path, root: Path) -> None:
    """The callback is told of bytes of packages, in growing order."""
    debs = [deb(tmp_path / f"{name}.deb", file(f"usr/{name}", os.urandom(5000))) for name in "abc"]
    told: list[tuple[int, int]] = []
    unpack(debs, root, lambda done, total: told.append((done, total)))
    total = sum(each.stat().st_size for each in debs)
    assert told == sorted(told)
    assert told[-1] == (total, total)


HOSTILE = {
    "traversal": (file("../evil", b"x"),),
    "traversal inside": (file("usr/../../evil", b"x"),),
    "absolute file": (file("/evil", b"x"),),
    "absolute hard link": (hard_link("usr/shadow", "/etc/passwd"),),
    "hard link out": (hard_link("usr/shadow", "../../etc/passwd"),),
    "hard link to nothing": (hard_link("usr/a", "usr/b"),),
    "hard link through a link": (symlink("usr/a", "/etc/passwd"), hard_link("usr/b", "usr/a")),
    "file through a link": (symlink("usr/out", "/tmp"), file("usr/out/evil", b"x")),
    "file on a link": (symlink("usr/out", "/tmp/evil"), file("usr/out", b"x")),
    "link on a folder": (file("usr/dir/file"), symlink("usr/dir", "/tmp")),
    "file on the merged link": (file("bin", b"x"),),
    "file through a file": (file("usr/a", b"x"), file("usr/a/b", b"x")),
    "twice": (file("usr/a", b"x"), file("usr/a", b"y")),
    "character device": (entry("dev/mem", tarfile.CHRTYPE),),
    "block device": (entry("dev/sda", tarfile.BLKTYPE),),
    "pipe": (entry("usr/pipe", tarfile.FIFOTYPE),),
    "link to nowhere": (symlink("usr/a", ""),),
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_member_is_refused_and_nothing_is_outside(
    tmp_path: Path, root: Path, members: tuple[tuple[tarfile.TarInfo, bytes], ...]
) -> None:
    """Each of them is an error that names the package, and the disk beside the root is untouched."""
    before = sorted(tmp_path.iterdir())
    hostile = deb(tmp_path / "hostile.deb", *members)
    with pytest.raises(FetchError) as caught:
        unpack([hostile], root, quiet)
    assert dict(caught.value.facts)["package"] == "hostile.deb"
    assert sorted(tmp_path.iterdir()) == sorted([*before, hostile])


def test_a_name_that_is_no_utf8_is_refused(tmp_path: Path, root: Path) -> None:
    """The API's names are Unicode; a guess would depend on the locale."""
    raw = tar(file("usr/caf\xe9")).replace("é".encode(), b"\xe9\x00")
    head = bytearray(raw[:512])
    head[148:156] = b" " * 8
    head[148:156] = f"{sum(head):06o}\0 ".encode()
    (tmp_path / "a.deb").write_bytes(package(bytes(head) + raw[512:]))
    with pytest.raises(FetchError):
        unpack([tmp_path / "a.deb"], root, quiet)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_a_zero_byte_in_a_link_is_refused(tmp_path: Path, root: Path, form: int) -> None:
    """Pax headers can carry what no path may hold."""
    link = symlink("usr/a", "b" * 200 + "\0c")
    (tmp_path / "a.deb").write_bytes(package(tar(link, form=form)))
    if form == tarfile.PAX_FORMAT:
        with pytest.raises(FetchError):
            unpack([tmp_path / "a.deb"], root, quiet)
    else:  # the GNU header ends at the zero byte
        unpack([tmp_path / "a.deb"], root, quiet)
        assert interesting(root)["usr/a"] == "b" * 200


DAMAGED = {
    "nothing": b"",
    "no ar": b"PK\x03\x04" + bytes(100),
    "no data": ar(("debian-binary", b"2.0\n")),
    "a size that is no number": ar(("data.tar", b"")).replace(b"0         `", b"many      `"),
    "breaks off": package(tar(file("usr/a", os.urandom(9000))))[:-500],
    "xz that breaks off": ar(("data.tar.xz", lzma.compress(tar(file("usr/a", os.urandom(9000))))[:-500])),
    "xz that is none": ar(("data.tar.xz", b"hello, world")),
    "gz that is none": ar(("data.tar.gz", b"hello, world")),
    "gz with a wrong checksum": ar(("data.tar.gz", gzip.compress(tar(file("usr/a")))[:-8] + bytes(8))),
    "tar that is none": ar(("data.tar", b"\x07" * 2048)),
    "tar that breaks off": ar(("data.tar", tar(file("usr/a", bytes(3000)))[:2000])),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_package_is_a_clear_error(tmp_path: Path, root: Path, content: bytes) -> None:
    """Never a traceback of a decompressor, never half a tree taken for a whole one."""
    (tmp_path / "damaged.deb").write_bytes(content)
    with pytest.raises(FetchError) as caught:
        unpack([tmp_path / "damaged.deb"], root, quiet)
    assert dict(caught.value.facts)["package"] == "damaged.deb"


def test_zstandard_is_named_as_what_is_not_known(tmp_path: Path, root: Path) -> None:
    """Ubuntu's packages use it; the standard library does not have it."""
    (tmp_path / "a.deb").write_bytes(ar(("data.tar.zst", b"\x28\xb5\x2f\xfd")))
    with pytest.raises(FetchError) as caught:
        unpack([tmp_path / "a.deb"], root, quiet)
    assert ".zst" in dict(caught.value.facts)["why"]


def bomb(member: tuple[tarfile.TarInfo, bytes], size: int) -> bytes:
    """A member that says it has `size` zero bytes, and has them, packed small."""
    info, _ = member
    info.size = size
    header = info.tobuf(format=tarfile.GNU_FORMAT)
    packer = lzma.LZMACompressor(preset=0)
    packed = [packer.compress(header)]
    packed += [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return ar(("data.tar.xz", b"".join([*packed, packer.flush()])))


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size in the header is believed against the package, never for it."""
    monkeypatch.setattr(module, "FILE_LIMIT", 1 << 20)
    (tmp_path / "bomb.deb").write_bytes(bomb(file("usr/zero"), 8 << 20))
    with pytest.raises(FetchError) as caught:
        unpack([tmp_path / "bomb.deb"], root, quiet)
    assert "more than 1048576 bytes" in dict(caught.value.facts)["why"]
    assert not (root / "usr/zero").exists()


def test_many_files_beyond_the_limit_are_not_all_written(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All packages together are bounded, and empty entries count as well."""
    monkeypatch.setattr(module, "SIZE_LIMIT", 1 << 20)
    debs = [
        deb(tmp_path / f"{number}.deb", *[file(f"usr/{number}/{each}") for each in range(100)]) for number in range(4)
    ]
    with pytest.raises(FetchError) as caught:
        unpack(debs, root, quiet)
    assert "the packages unpack to more than" in dict(caught.value.facts)["why"]


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE])
def test_a_name_without_end_is_not_held_in_memory(tmp_path: Path, root: Path, kind: bytes) -> None:
    """Headers are bounded too."""
    (tmp_path / "bomb.deb").write_bytes(bomb(entry("././@LongLink", kind), 64 << 20))
    with pytest.raises(FetchError) as caught:
        unpack([tmp_path / "bomb.deb"], root, quiet)
    assert "no end" in dict(caught.value.facts)["why"]


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """A fault of this machine's disk is not blamed on the package."""
    with pytest.raises(StoreError, match="cannot be unpacked"):
        unpack([deb(tmp_path / "a.deb", file("usr/a", b"x"))], tmp_path / "a.deb", quiet)


GOOD = package(tar(*EVERYTHING), "")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_any_damage_is_an_error_or_a_tree_inside_the_root(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    """Whatever bytes change, nothing but FetchError or StoreError comes out, and nothing appears beside the root."""
    damaged = bytearray(GOOD)
    for place, value in changes:
        damaged[place] = value
    work = tmp_path / "work"
    root = work / "a" / "b" / "root"
    root.mkdir(parents=True)
    try:
        (work / "a" / "x.deb").write_bytes(damaged)
        try:
            made = unpack([work / "a" / "x.deb"], root, quiet)
        except (FetchError, StoreError):
            pass
        else:
            assert described(made) == on_disk(root)
        assert {path.name for path in work.iterdir()} == {"a"}
        assert {path.name for path in (work / "a").iterdir()} == {"b", "x.deb"}
        assert {path.name for path in (work / "a" / "b").iterdir()} == {"root"}
    finally:
        shutil.rmtree(work)


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not on this machine")
def test_dpkg_deb_unpacks_the_same(tmp_path: Path, root: Path) -> None:
    """A package that dpkg-deb made, unpacked by dpkg-deb and by us, gives equal trees."""
    source, theirs = tmp_path / "source", tmp_path / "theirs"
    for name in module.MERGED:
        (source / "usr" / name).mkdir(parents=True)
        (source / name).symlink_to(f"usr/{name}")
    for name in module.MOUNT_POINTS:
        (source / name).mkdir()
    (source / "usr/bin/tool").write_bytes(os.urandom(100_000))
    (source / "usr/bin/tool").chmod(0o755)
    (source / "usr/bin/twin").hardlink_to(source / "usr/bin/tool")
    (source / "usr/lib/text").write_text("text")
    (source / "usr/lib/link").symlink_to("../bin/tool")
    control = source / "DEBIAN" / "control"
    control.parent.mkdir()
    control.parent.chmod(0o755)  # dpkg-deb wants it so, whatever the user's umask is
    control.write_text(
        "Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <n@example.org>\nDescription: t\n"
    )
    made = tmp_path / "tiny.deb"
    subprocess.run(["dpkg-deb", "-Zxz", "--root-owner-group", "-b", source, made], check=True, capture_output=True)
    subprocess.run(["dpkg-deb", "-x", made, theirs], check=True)
    unpack([made], root, quiet)
    assert on_disk(root) == on_disk(theirs)
