"""Damage to any file of a store, or of what a build left beside it: a miss with that reason, never a wrong output."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bfbuild.digest import digest_file
from bfbuild.recipe.model import SANDBOX
from bfbuild.store.signature import untouched
from tests.faults.conftest import Trial
from tests.small import Roots, Small, ran


def flip(path: Path, place: float) -> None:
    """Change one bit, and give the file back its size, mode and time."""
    status, data = path.stat(), bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 1 << int(place * 8)
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def cut(path: Path, place: float) -> None:
    """Lose the end."""
    path.chmod(0o644)
    os.truncate(path, int(path.stat().st_size * place))


def zero(path: Path, place: float) -> None:
    """Lose the bytes from somewhere on, not the size: what a file system does after a power cut."""
    data = path.read_bytes()
    start = int(len(data) * place)
    path.chmod(0o644)
    path.write_bytes(data[:start] + bytes(len(data) - start))


def swap(path: Path, place: float) -> None:
    """Have the content of a neighbour, which is whole in itself."""
    del place
    neighbours = [each for each in sorted(path.parent.parent.rglob("*")) if each.is_file() and each != path]
    path.chmod(0o644)
    path.write_bytes(neighbours[0].read_bytes() if neighbours else b"")


HARMS: tuple[Callable[[Path, float], None], ...] = (flip, cut, zero, swap)


@pytest.fixture
def files(copy: Small, roots: Roots) -> list[str]:
    """What a build left in the store and in build/.snapshot, by path; the lent toolchains' records stay whole."""
    assert copy.doit("image").code == 0
    lent = {digest.hash for digest in (*roots.content, *roots.results)}
    places = [*copy.cache.rglob("*"), *(copy.root / "build/.snapshot").rglob("*")]
    return sorted(
        str(path.relative_to(copy.root))
        for path in places
        if path.is_file() and path.stat().st_size and path.name not in lent and "trees" not in path.parts
    )


def test_any_damaged_file_costs_time_and_nothing_else(
    trial: Trial, copy: Small, files: list[str], repository: Path, roots: Roots
) -> None:
    """The next build is right and says why it did what it did; the one after it runs nothing."""
    kinds, again = Counter[str](), Counter[str]()
    for round_ in trial.rounds(len(files) * len(HARMS)):
        path, harm = files[(round_ - 1) // len(HARMS)], HARMS[round_ % len(HARMS)]
        small = copy.copy(trial.folder / str(round_), repository, roots)
        if path.startswith("build/"):
            assert small.doit("image").code == 0
        harm(small.root / path, (round_ * 0.618) % 1)
        done = small.doit("image")
        assert (done.code, trial.right in done.out, "Traceback" in done.err) == (0, True, False), (path, harm, done)
        assert digest_file(small.root / "build/small.img").hash == trial.right
        for line in done.err.splitlines():
            if line.endswith(")"):
                assert line.endswith((" in the store)", "seal does not fit)")), (path, harm, line)
                again[line.rpartition("(")[2].removesuffix(")").replace(line.split()[1], "NAME")] += 1
        kinds[f"{'/'.join(path.split('/')[:2])} {harm.__name__}"] += 1
        assert ran(small.build()) == set()
    trial.tell(f"damage to {kinds.total()} of {len(files)} x {len(HARMS)} (file, harm): no wrong output, no traceback")
    trial.tell(f"  harmed: {', '.join(f'{kind} x{count}' for kind, count in sorted(kinds.items()))}")
    trial.tell(f"  told: {', '.join(f'{words} x{count}' for words, count in again.most_common())}")


def test_tools_that_nobody_vouches_for_are_hashed_before_they_are_used(copy: Small) -> None:
    """Also where a source is built again without reading a recipe: an unpacked tree without a signature gets one."""
    copy.edit("src/start.c", "return", "return 1 +")
    assert copy.doit("image").code == 0  # it uses the sandbox, and remembers that
    tree = copy.store.tree_path(copy.open().toolchains.plan(SANDBOX).digest)
    there = tree.resolve()
    tree.unlink()
    shutil.copytree(there, tree, symlinks=True)
    copy.edit("src/start.c", "twice(BF_ANSWER)", "thrice(BF_ANSWER)")
    done = copy.doit("image")
    assert (done.code, "4 run" in done.err) == (0, True), done
    assert untouched(tree)
