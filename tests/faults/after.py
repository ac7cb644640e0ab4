"""What must hold after a build was ended by force: a whole store, and a next build that is right and does the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bfbuild.digest import digest_file
from tests.faults.whole import damage

if TYPE_CHECKING:
    from tests.small import Small


class Next(NamedTuple):
    """A build after one that was ended by force."""

    kept: int  # results that the store had before
    ran: int  # actions that were executed


def build_on(small: Small, right: str, *, whole: bool = True) -> Next:
    """Build the image as a user does: it is `right`.

    With `whole` the store must be free of damage before, and nothing runs that it has a result for.
    """
    store = small.store
    had, builds = set(store.results.hashes()), set(store.traces.builds())
    wrong = damage(store)
    assert not (whole and wrong), wrong
    del store  # else the build may not tidy up
    done = small.doit("image", "-j", "2")
    assert (done.code, right in done.out) == (0, True), done
    assert digest_file(small.root / "build/small.img").hash == right
    new = set(small.store.traces.builds()) - builds  # none, where a snapshot had the answer
    ran = {step.action.hash: step.label for build in new for step in build.steps if step.decision == "miss"}
    assert not (whole and ran.keys() & had), f"of these some were executed again: {sorted(ran.values())}"
    assert not (whole and damage(small.store))
    assert list((small.cache / "tmp").iterdir()) == []
    return Next(len(had), len(ran))
