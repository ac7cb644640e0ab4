"""Marks of what is not deterministic: they last, they go, and a damaged one still marks."""

from __future__ import annotations

from pathlib import Path

from bfbuild.digest import ActionDigest, digest_bytes
from bfbuild.store import Store
from bfbuild.store.marks import UNREADABLE, Mark

MARK = Mark("uuid.txt", "uuid.txt", "uuid.txt was 111111111111, came out as 222222222222")
ACTION, OTHER = (ActionDigest(digest_bytes(each).hash, 1) for each in (b"one", b"other"))


def test_a_mark_lasts_until_it_is_cleared(tmp_path: Path) -> None:
    """Another opening of the store sees it; only its own action has it."""
    Store(tmp_path).marks.put(ACTION, MARK)
    marks = Store(tmp_path).marks
    assert (marks.get(ACTION), marks.get(OTHER), list(marks.hashes())) == (MARK, None, [ACTION.hash])
    assert (marks.clear(ACTION), marks.clear(ACTION)) == (True, False)
    assert (marks.get(ACTION), list(marks.hashes())) == (None, [])


def test_a_damaged_mark_still_marks(tmp_path: Path) -> None:
    """What cannot be read is not taken for "deterministic"."""
    marks = Store(tmp_path).marks
    marks.put(ACTION, MARK)
    for damage in (b"", b"{}", b"[1]", b"\xff", b'{"label": 1'):
        marks.path_of(ACTION).unlink()
        marks.path_of(ACTION).write_bytes(damage)
        assert marks.get(ACTION) == UNREADABLE
