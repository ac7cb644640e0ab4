"""Text as text: a unified comparison."""

from __future__ import annotations

import difflib

from bfbuild.compare.finding import LINE, Compare, Finding

LARGEST = 1 << 20  # bytes; difflib takes its time
LONGEST = 160  # letters of a line
MOST = 200  # lines


def is_one(content: bytes) -> bool:
    """Whether these bytes read as text of a size that can be compared."""
    if len(content) > LARGEST or b"\0" in content:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def compare(old: bytes, new: bytes, inner: Compare) -> tuple[Finding, ...]:
    """Return how many lines came and went, with the lines inside."""
    del inner
    before, after = old.decode().splitlines(), new.decode().splitlines()
    found = list(difflib.unified_diff(before, after, lineterm="", n=1))[2:]
    gone, come = (sum(line.startswith(sign) for line in found) for sign in "-+")
    shown = tuple(Finding(LINE, "", line if len(line) <= LONGEST else f"{line[:LONGEST]}...") for line in found[:MOST])
    what = f"-{gone} +{come} lines" if found else "only its line ends differ"
    return (Finding("text", "", what, shown),)
