"""What cannot be released, each with the way out: nobody could make it again, or nobody should believe it."""

from __future__ import annotations

import hashlib
import struct
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.action.action import Description, read_description
from bfbuild.digest import ActionDigest
from bfbuild.errors import ReleaseError, StoreError

if TYPE_CHECKING:
    from bfbuild.action.action import Action
    from bfbuild.digest import Digest
    from bfbuild.release.facts import Made
    from bfbuild.store import Store

SHOWN = 8  # files that an error names
DATE = "SOURCE_DATE_EPOCH"
MAGIC, ARTIFACT_SIZES, ARTIFACT_HEADER, SHA256_SIZE = (
    b"BFJA",
    96,
    192,
    32,
)  # of an artifact: src/kernel_lib/jit/FORMAT.md
BY_REQUEST = "let a recipe make it: what a guest found goes into a release by its request, not by its bytes"


@dataclass(frozen=True)
class Commit:
    """What is released: a commit, and when it was made, in seconds since 1970."""

    hash: str
    epoch: int


def committed(root: Path, *, apart_from: str) -> Commit:
    """Return the commit that the project's folder is, to the last file but those of a folder of earlier releases.

    Raise ReleaseError where there is none, or something was changed since.
    """
    head = _git(root, "show", "--no-patch", "--format=%H %ct", "HEAD")
    if head is None:
        raise ReleaseError(
            "there is no commit to release",
            facts=[("folder", root)],
            hint="a release is of what git has: `git init`, `git add`, `git commit`",
        )
    status = _git(root, "status", "--porcelain", "--untracked-files=all", "--", ".", f":(exclude){apart_from}")
    changed = [line[3:] for line in (status or "").splitlines()]
    if changed or status is None:
        raise ReleaseError(
            "the work tree is not what was committed",
            facts=_files("changed", changed),
            hint="commit these files, or `git stash --include-untracked` them; what git should never see: .gitignore",
        )
    commit, epoch = head.split()
    return Commit(commit, int(epoch))


def require_locked(root: Path, paths: Iterable[str]) -> None:
    """Raise ReleaseError for inputs that no commit fixes: files that git ignores. A path that is no file is none."""
    tracked = _git(root, "ls-files", "-z", "--", ".") or ""
    known = set(tracked.split("\0"))
    loose = sorted(path for path in paths if path not in known and (root / path).is_file())
    if loose:
        raise ReleaseError(
            "an input is not locked",
            facts=_files("file", loose),
            hint="`git add --force` it and commit; or declare a Fetch, which names its digest",
        )


def require_sandbox(level: str) -> None:
    """Raise ReleaseError where actions could see more than they declare."""
    if level != "bubblewrap":
        raise ReleaseError(
            "the sandbox is degraded",
            facts=[("level", level), ("needed", "bubblewrap")],
            hint="allow user namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces), or release"
            " on another machine",
        )


def require_executed_here(actions: Iterable[Made]) -> None:
    """Raise ReleaseError for what nobody saw come out of this machine's sandbox: a cluster's result, or a boot's."""
    for made in actions:
        if made.sandbox != "bubblewrap":
            raise ReleaseError(
                "a result was not made here",
                facts=[("recipe", made.label), ("made in", made.sandbox), ("needed", "bubblewrap")],
                hint="`doit release` makes everything here; remove dist/ and release again",
            )


def require_deterministic(actions: Iterable[tuple[str, Action]], store: Store) -> None:
    """Raise ReleaseError where `doit check` found an action, of another date perhaps, not to be deterministic."""
    marked: dict[str, list[ActionDigest]] = {}
    for name in store.marks.hashes():
        digest = ActionDigest(name, 0)
        mark = store.marks.get(digest)
        if mark is not None:
            marked.setdefault(mark.label, []).append(digest)
    for label, action in actions:
        mark = store.marks.get(action.digest)
        for digest in marked.get(label, ()) if mark is None else ():
            if _same_but_for_the_date(digest, action, store):
                mark = store.marks.get(digest)
        if mark is not None:
            raise ReleaseError(
                "an action is not deterministic",
                facts=[("recipe", label), ("found", mark.what or "by `doit check`")],
                location=action.request.location,
                hint=f"`doit check {label}` shows it, and takes the mark away once it comes out the same",
            )


def _same_but_for_the_date(marked: ActionDigest, action: Action, store: Store) -> bool:
    """Whether an action that was marked is this one; where that is gone from the store, nothing builds on it."""
    try:
        size = store.cas.path_of(marked.description).stat().st_size
        old = read_description(ActionDigest(marked.hash, size), store.cas.get_bytes)
    except (OSError, StoreError):
        return False
    return _undated(old) == _undated(action.description)


def _undated(description: Description) -> Description:
    environment = {name: value for name, value in description.environment.items() if name != DATE}
    return replace(description, environment=environment)


def require_no_artifacts(root: Path, sources: Iterable[str]) -> None:
    """Raise ReleaseError for a source that is an artifact: some boot made it, and nobody can make it again."""
    for path in sorted(sources):
        with (root / path).open("rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                raise ReleaseError(
                    "an artifact has no origin that can be checked", facts=[("file", path)], hint=BY_REQUEST
                )


def require_origins(files: Mapping[str, bytes], made: Iterable[Digest]) -> None:
    """Raise ReleaseError where a file of an image has an optimized object that no action of this release made."""
    known = {digest.hash for digest in made}
    for path, data in files.items():
        for code in _objects(data):
            if hashlib.sha256(code).hexdigest() not in known:
                raise ReleaseError(
                    "an optimized object has no origin that was checked", facts=[("file", path)], hint=BY_REQUEST
                )


def _objects(data: bytes) -> Iterator[bytes]:
    """Yield the objects in artifacts that lie one behind the other (src/kernel_lib/jit/FORMAT.md)."""
    while len(data) >= ARTIFACT_HEADER and data.startswith(MAGIC):
        request, code, bitcode = struct.unpack_from("<3I", data, ARTIFACT_SIZES)
        start = ARTIFACT_HEADER + request
        if code:
            yield data[start : start + code]
        data = data[start + code + SHA256_SIZE + bitcode :]


def _files(label: str, paths: Sequence[str]) -> list[tuple[str, object]]:
    more = [f"and {len(paths) - SHOWN} more"] if len(paths) > SHOWN else []
    return [(label, "\n".join([*paths[:SHOWN], *more]))]


def _git(root: Path, *arguments: str) -> str | None:
    """Return what git says, None where it cannot answer."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        raise ReleaseError("git cannot be run", facts=[("why", error.strerror)], hint="install git") from error
    return done.stdout if done.returncode == 0 else None
