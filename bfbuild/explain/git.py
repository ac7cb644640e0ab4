"""Which commit changed something, where git knows: by content for a file, by blame for a line.

Git may be absent, and the project need not be a repository: then the answer is None, and nobody is told anything.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

UNCOMMITTED = "not committed yet"
LOOKED_AT = 50  # commits of one file
PATIENCE = 5  # seconds
FORMAT = "%h %as %an: %s"


def of_content(root: Path, path: str, sha256: str) -> str | None:
    """Return the newest commit that gave a file this content, or UNCOMMITTED where the file has it now and none did."""
    log = _git(root, "log", f"-{LOOKED_AT}", f"--format=%H {FORMAT}", "--", path)
    if log is None:
        return None
    commits = [line.partition(" ")[::2] for line in log.decode(errors="replace").splitlines()]
    contents = _contents(root, [f"{commit}:./{path}" for commit, _ in commits])
    for (_, told), content in zip(commits, contents, strict=False):
        if content is not None and hashlib.sha256(content).hexdigest() == sha256:
            return f"commit {told}"
    try:
        now = hashlib.sha256((root / path).read_bytes()).hexdigest()
    except OSError:
        return None
    return UNCOMMITTED if now == sha256 else None


def of_removal(root: Path, path: str) -> str | None:
    """Return the commit that removed a file, or UNCOMMITTED."""
    log = _git(root, "log", "-1", "--diff-filter=D", f"--format={FORMAT}", "--", path)
    if log is None:
        return None
    return f"commit {log.decode(errors='replace').strip()}" if log.strip() else UNCOMMITTED


def of_line(root: Path, path: str, line: int) -> str | None:
    """Return the commit that a line of a file as it is now comes from, or UNCOMMITTED."""
    said = _git(root, "blame", "--porcelain", "-L", f"{line},{line}", "--", path)
    if said is None:
        return UNCOMMITTED if _git(root, "ls-files", "--others", "--", path) else None
    commit = said.decode(errors="replace").split(" ", 1)[0]
    if set(commit) == {"0"}:
        return UNCOMMITTED
    told = _git(root, "log", "-1", f"--format={FORMAT}", commit)
    return f"commit {told.decode(errors='replace').strip()}" if told else None


def of_file(root: Path, path: str) -> str | None:
    """Return the last commit of a file as it is now, or UNCOMMITTED where it differs from that."""
    log = _git(root, "log", "-1", f"--format={FORMAT}", "--", path)
    if log is None:
        return None
    changed = _git(root, "status", "--porcelain", "--", path)
    return UNCOMMITTED if changed or not log.strip() else f"commit {log.decode(errors='replace').strip()}"


def _contents(root: Path, names: list[str]) -> list[bytes | None]:
    """Return the blobs of these names, None for one that there is not."""
    said = _git(root, "cat-file", "--batch", given="".join(f"{name}\n" for name in names).encode()) if names else b""
    contents: list[bytes | None] = []
    at = 0
    while said and at < len(said):
        end = said.index(b"\n", at)
        head = said[at:end].rsplit(b" ", 2)
        at = end + 1
        if head[-1] == b"missing":
            contents.append(None)
        else:
            size = int(head[-1])
            contents.append(said[at : at + size])
            at += size + 1
    return contents


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes | None:
    """Return what git says, None where there is no git, no repository, or no answer in time."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], input=given, capture_output=True, check=False, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
