"""Root causes in words: each kind of cause, with its values and the line where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from bfbuild.digest import ActionDigest, digest_bytes
from bfbuild.explain.records import Records
from bfbuild.explain.roots import STORE, Root
from bfbuild.explain.told import MOST_LINES, Told, tell
from bfbuild.store import Store
from bfbuild.store.trace import Cause, Reason, Trace

RECIPE = """\
FLAGS = ("-O2", "-Wall")
app = CObject(
    name="app.o",
    includes=("src",),
    flags=FLAGS,
)
tool = Command(env={"MODE": "fast"})
"""
OLD, NEW = "1" * 64, "2" * 64


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """A project with one recipe, and a store in which it ran once."""
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/app.py").write_text(RECIPE)
    store = Store(tmp_path / "cache")
    nothing = digest_bytes(b"")
    trace = Trace(
        label="app.o",
        recipe="recipes/app.py",
        line=2,
        kind="c",
        action=ActionDigest(OLD, 1),
        command="clang",
        reason=Reason(text="it was never built"),
        toolchain=None,
        sandbox="bubblewrap",
        started=1,
        duration=1,
        exit_code=0,
        stdout=nothing,
        stderr=nothing,
        outputs={"app.o": nothing},
    )
    store.traces.record(trace)
    return Records(store, "project")


def told(records: Records, *causes: Cause) -> list[Told]:
    """Tell causes that act on app.o."""
    root = records.store.path.parent
    return [each for _, each in tell(records, [Root(cause, ["app.o"]) for cause in causes], root, "bareflow.lock")]


@pytest.mark.parametrize(
    ("cause", "line"),
    [
        (
            Cause(kind="argument", subject="-O2", old="-O3", new="-O2"),
            "flag  -O3 -> -O2 at recipes/app.py:1",
        ),
        (Cause(kind="argument", subject="-Isrc", new="-Isrc"), "flag  (none) -> -Isrc at recipes/app.py:4"),
        (Cause(kind="argument", subject="-g", old="-g"), "flag  -g -> (none) at recipes/app.py:2"),
        (Cause(kind="argument", subject="x", old="y", new="x"), "argument  y -> x at recipes/app.py:2"),
        (
            Cause(kind="environment", subject="MODE", old="slow", new="fast"),
            "environment MODE  slow -> fast at recipes/app.py:7",
        ),
        (Cause(kind="environment", subject="OTHER", old="1", new="2"), "environment OTHER  1 -> 2"),
        (
            Cause(kind="toolchain", subject="root", old=OLD, new=NEW),
            "toolchain root  1111... -> 2222... at bareflow.lock",
        ),
        (
            Cause(kind="output", subject="out/app.o", old="", new=None),
            "recipe out/app.o  declared -> (none) at recipes/app.py:2",
        ),
        (
            Cause(kind="input", subject="a.c", old=OLD, new=f"{NEW} (executable)"),
            "source a.c  1111... -> 2222... (executable)",
        ),
        (Cause(kind="input", subject="build/b.o", old=OLD), "output build/b.o  1111... -> (none)"),
        (
            Cause(kind="input", subject="bfbuild-disk/disk/mbr.py", old=OLD, new=NEW),
            "bfbuild disk/mbr.py  1111... -> 2222...",
        ),
        (Cause(kind=STORE, subject="its last result is gone from the store"), "its last result is gone from the store"),
    ],
    ids=lambda value: value.kind if isinstance(value, Cause) else "",
)
def test_each_kind_of_cause_has_its_line(records: Records, cause: Cause, line: str) -> None:
    """What changed, from what to what (of digests twelve digits), and where it stands."""
    [one] = told(records, cause)
    assert one.line == line.replace("1111...", "1" * 12).replace("2222...", "2" * 12)


def test_small_texts_are_compared(records: Records) -> None:
    """As far as the store still has both; what is long is cut, and bytes are not shown."""
    put = records.store.cas.put_bytes
    old, new, long, raw = (put(each).hash for each in (b"a\nb\n", b"a\nc\n", b"x\n" * 100, b"\0"))

    def diff(one: str, other: str) -> tuple[str, ...]:
        return told(records, Cause(kind="input", subject="a.c", old=one, new=other))[0].diff

    assert diff(old, new) == ("@@ -1,2 +1,2 @@", " a", "-b", "+c")
    assert diff(old, long)[-1] == f"... {103 - MOST_LINES} lines more"
    assert (diff(old, raw), diff(old, NEW)) == ((), ())


def test_what_reads_the_same_is_told_once(records: Records) -> None:
    """Two disks whose specs differ in the same field have one cause, with the actions of both."""
    put = records.store.cas.put_bytes
    specs = [
        put(f"{{'size': {size}, 'content': {{'A': {name!r}}}}}".encode()).hash for name in "xy" for size in (512, 1024)
    ]
    roots = [
        Root(Cause(kind="input", subject="bfbuild-disk/spec", old=specs[at], new=specs[at + 1]), [label])
        for at, label in ((0, "one.img"), (2, "two.img"))
    ]
    [(root, one)] = tell(records, roots, records.store.path.parent, "bareflow.lock")
    assert (one.kind, one.subject, one.old, one.new, one.diff) == ("recipe", "size", "512", "1024", ())
    assert root.direct == ["one.img", "two.img"]
