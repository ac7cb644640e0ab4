"""What must hold after a build was ended by force: the next build is right, and does only what is left to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bfbuild.digest import digest_file
from tests.faults.whole import Damage, damage

if TYPE_CHECKING:
    from tests.small import Small


class Next(NamedTuple):
    """A build after one that was ended by force."""

    damage: list[Damage]  # of the store before it
    had: int  # whole results that the store had before it
    ran: int  # actions that were executed


def build_on(small: Small, right: str) -> Next:
    """Build the image as a user does: it is `right`, and nothing runs that the store has a whole result for."""
    store = small.store
    wrong = damage(store)
    had = set(store.results.hashes()) - {each.name for each in wrong}
    builds = set(store.traces.builds())
    del store  # else the build may not tidy up
    done = small.doit("image", "-j", "2")
    assert (done.code, right in done.out) == (0, True), done
    assert digest_file(small.root / "build/small.img").hash == right
    new = set(small.store.traces.builds()) - builds  # none, where a snapshot had the answer
    ran = {step.action.hash: step.label for build in new for step in build.steps if step.decision == "miss"}
    assert not ran.keys() & had, f"of these some were executed again: {sorted(ran.values())}"
    assert list((small.cache / "tmp").iterdir()) == []
    return Next(wrong, len(had), len(ran))
