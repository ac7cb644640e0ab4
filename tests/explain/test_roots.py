"""Root causes apart from what they cascade to."""

from __future__ import annotations

from bfbuild.action import disk
from bfbuild.explain.roots import SPEC, Change, attribute
from bfbuild.store.trace import Cause

SOURCE = Cause(kind="input", subject="a.c", old="1", new="2")
FLAG = Cause(kind="argument", subject="-O3", old="-O2", new="-O3")


def made(name: str, old: str | None = "1", new: str | None = "2") -> Cause:
    """The cause that another action's output changed."""
    return Cause(kind="input", subject=f"build/{name}", old=old, new=new)


def itself(label: str, output: str) -> str:
    """The maker of an output where every recipe makes one output of its own name."""
    del label
    return output


def told(*changes: Change) -> list[tuple[str, list[str], list[str]]]:
    """Return (subject, direct, follow) of each root."""
    return [(root.cause.subject, root.direct, root.follow) for root in attribute(changes, itself)]


def test_what_follows_a_change_is_no_cause() -> None:
    """A source is the cause of its object; archive and link follow from it, at any distance."""
    assert told(
        Change("a.o", "", (SOURCE,)),
        Change("lib.a", "", (made("a.o"),)),
        Change("app.elf", "", (made("lib.a"),)),
    ) == [("a.c", ["a.o"], ["lib.a", "app.elf"])]


def test_an_action_may_have_a_cause_of_its_own_and_follow_another() -> None:
    """A link whose flag changed too is acted on by the flag, and follows the source."""
    assert told(Change("a.o", "", (SOURCE,)), Change("app.elf", "", (made("a.o"), FLAG))) == [
        ("a.c", ["a.o"], ["app.elf"]),
        ("-O3", ["app.elf"], []),
    ]


def test_one_cause_of_many_actions_is_one() -> None:
    """A header that ten objects include is told once."""
    objects = [f"{number}.o" for number in range(10)]
    assert told(*(Change(name, "", (SOURCE,)) for name in objects)) == [("a.c", objects, [])]


def test_an_output_that_nobody_made_anew_is_a_root() -> None:
    """What came from the store is no cascade: nothing in this build explains it."""
    assert told(Change("app.elf", "", (made("a.o"),))) == [("build/a.o", ["app.elf"], [])]


def test_what_came_from_the_store_passes_its_cause_on_and_did_not_run() -> None:
    """An object that another checkout had compiled leads back to its source, and is not counted as run."""
    changes = (Change("a.o", "", (SOURCE,), ran=False), Change("app.elf", "", (made("a.o"),)))
    assert told(*changes) == [("a.c", [], ["app.elf"])]


def test_an_argument_that_names_a_new_input_is_the_input() -> None:
    """A new object stands in the command line as well; that is not told twice, other arguments are."""
    argument = Cause(kind="argument", subject="build/new.o", new="build/new.o")
    assert told(
        Change("new.o", "it was never built"),
        Change("app.elf", "", (made("new.o", None), argument, FLAG)),
    ) == [("it was never built", ["new.o"], ["app.elf"]), ("-O3", ["app.elf"], [])]


def test_a_reason_without_causes_is_a_root() -> None:
    """What the store lost is told in the decider's words, once for all."""
    lost = "its last result is gone from the store"
    assert told(Change("a.o", lost), Change("b.o", lost)) == [(lost, ["a.o", "b.o"], [])]


def test_the_spec_lies_where_actions_have_it() -> None:
    """The name is written twice, since who reads records must not load what makes actions."""
    assert SPEC == disk.SPEC
