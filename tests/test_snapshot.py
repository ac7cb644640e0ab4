"""The snapshot: believed while nothing changed, and only then; never in the way."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from bfbuild import snapshot
from bfbuild.snapshot import Signatures, fresh, load, save

OLD = 10**18  # ns: long ago


def age(*paths: Path) -> None:
    """Make files and folders old, so that their times can be trusted."""
    for path in paths:
        os.utime(path, ns=(OLD, OLD))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Give a project whose image was answered with `done`, from one source and one folder that was searched."""
    (tmp_path / "src").mkdir()
    (tmp_path / "build").mkdir()
    (tmp_path / "src/a.c").write_text("int a;")
    (tmp_path / "build/small.img").write_text("image")
    age(tmp_path / "src/a.c", tmp_path / "src", tmp_path / "build/small.img")
    sources = Signatures(str(tmp_path))
    for path in ("src", "src/a.c", "src/absent.h"):
        sources.add(path)
    save("image", [], sources=sources, outputs=["build/small.img"], answer="done", unchanged=never)
    assert fresh(str(tmp_path), "image", []) == "done"
    return tmp_path


CHANGES: dict[str, Callable[[Path], object]] = {
    "other content of another size": lambda root: (root / "src/a.c").write_text("int ab;"),
    "other content of the same size": lambda root: (root / "src/a.c").write_text("int b;"),
    "another time": lambda root: os.utime(root / "src/a.c", ns=(OLD, OLD + 1)),
    "another mode": lambda root: (root / "src/a.c").chmod(0o755),
    "gone": lambda root: (root / "src/a.c").unlink(),
    "an older file in its place": lambda root: age_new(root / "src/new").rename(root / "src/a.c"),
    "a new file in a folder": lambda root: (root / "src/b.c").touch(),
    "a file that was looked for in vain": lambda root: (root / "src/absent.h").touch(),
    "an output of other content": lambda root: (root / "build/small.img").write_text("IMAGE"),
    "an output gone": lambda root: (root / "build/small.img").unlink(),
    "another cache": lambda _: os.environ.update(BAREFLOW_CACHE="/elsewhere"),
    "another version": lambda _: os.environ.update(BAREFLOW_VERSION="2"),
    "another date": lambda _: os.environ.update(SOURCE_DATE_EPOCH="1"),
}


def never(path: str) -> bool:
    """Say that a source is not what was read."""
    del path
    return False


def age_new(path: Path) -> Path:
    """Make a file of the same size and time as the source."""
    path.write_text("int b;")
    age(path)
    return path


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_noticed(saved: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """A source, an output, a searched folder, an absent file, the environment: any change ends the belief."""
    for name in ("BAREFLOW_CACHE", "BAREFLOW_VERSION", "SOURCE_DATE_EPOCH"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    CHANGES[change](saved)
    assert fresh(str(saved), "image", []) is None


def test_another_boot_is_not_believed(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut may leave a file's stat and take its content, so what was seen before it counts for nothing."""
    (tmp_path / "boot_id").write_text("another boot\n")
    monkeypatch.setattr(snapshot, "BOOT", str(tmp_path / "boot_id"))
    assert fresh(str(saved), "image", []) is None


def test_another_question_has_no_answer(saved: Path) -> None:
    """Each target and each kind of question has a snapshot of its own."""
    assert fresh(str(saved), "image", ["other.img"]) is None
    assert fresh(str(saved), "build", []) is None


@pytest.mark.parametrize(
    "content", [b"", b"123", b"\0\0\0\0", marshal.dumps(None), marshal.dumps((1, 2)), marshal.dumps("six wo")], ids=repr
)
def test_a_snapshot_that_cannot_be_read_means_nothing(saved: Path, content: bytes) -> None:
    """Whatever the file holds, the answer is to go the full way, never an error."""
    [path] = (saved / "build/.snapshot").iterdir()
    path.write_bytes(zlib.crc32(content).to_bytes(4, "little") + content)
    assert fresh(str(saved), "image", []) is None
    path.write_bytes(content)
    assert fresh(str(saved), "image", []) is None


def test_each_bit_of_a_snapshot_may_flip(saved: Path) -> None:
    """A damaged snapshot is never believed, and never an error."""
    [path] = (saved / "build/.snapshot").iterdir()
    whole = path.read_bytes()
    for index in range(len(whole)):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ 4]) + whole[index + 1 :])
        assert fresh(str(saved), "image", []) is None
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert fresh(str(saved), "image", []) is None


@pytest.mark.parametrize("same", [True, False])
def test_a_source_as_young_as_its_reading_is_read_again(tmp_path: Path, same: bool) -> None:
    """A file that could change without its time telling is waited for, and believed if it still is what it was."""
    (tmp_path / "a.c").touch()
    sources = Signatures(str(tmp_path))
    sources.add("a.c")
    asked = []

    def unchanged(path: str) -> bool:
        asked.append(path)
        return same

    assert save("image", [], sources=sources, outputs=[], answer="done", unchanged=unchanged) == same
    assert fresh(str(tmp_path), "image", []) == ("done" if same else None)
    assert asked == ["a.c"]


def test_a_source_from_the_future_is_not_trusted(tmp_path: Path) -> None:
    """A file whose time has not come yet can tell nothing by it, and nobody waits for that long."""
    (tmp_path / "a.c").touch()
    os.utime(tmp_path / "a.c", (2**31, 2**31))
    sources = Signatures(str(tmp_path))
    sources.add("a.c")
    assert not save("image", [], sources=sources, outputs=[], answer="done", unchanged=lambda _: True)


def test_a_young_output_is_waited_for(tmp_path: Path) -> None:
    """Outputs were just written: the save waits until their times can be trusted, a few ticks, and then is made."""
    (tmp_path / "small.img").touch()
    started = time.monotonic()
    sources = Signatures(str(tmp_path))
    assert save("image", [], sources=sources, outputs=["small.img"], answer="done", unchanged=never)
    assert fresh(str(tmp_path), "image", []) == "done"
    assert time.monotonic() - started < 1


def test_signatures_are_taken_once(tmp_path: Path) -> None:
    """A file is signed when it is first looked at, and what it becomes later is a change."""
    (tmp_path / "a.c").write_text("one")
    sources = Signatures(str(tmp_path))
    sources.add("a.c")
    (tmp_path / "a.c").write_text("three")
    sources.add("a.c")
    assert sources.files["a.c"] != snapshot.sign(str(tmp_path / "a.c"))


def test_a_sweep_names_what_changed(saved: Path) -> None:
    """All that is not as it was is named, in the order of the snapshot."""
    (saved / "src/absent.h").touch()
    (saved / "build/small.img").unlink()
    found = load(str(saved), "image", [])
    assert found is not None
    assert found.changed == ["src", "src/absent.h", "build/small.img"]
    assert found.outputs == 1


def test_importing_it_costs_nothing() -> None:
    """The module stands alone: no pydantic, protobuf, YAML, pathlib, nor another part of ours is imported with it."""
    script = "import sys, bfbuild.snapshot; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=False)
    if loaded.returncode:  # installed in site-packages: then with them
        loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    names = set(loaded.stdout.split())
    assert {name for name in names if name.startswith("bfbuild")} == {"bfbuild", "bfbuild.snapshot"}
    assert not {"pydantic", "google.protobuf", "yaml", "rich", "doit"} & names
