"""The quick door to a build: the answer that is known already, before doit or a recipe is imported.

    python -S bfbuild/commands/door.py WORDS...     what ./bf runs: WORDS are doit's

`image`, `image:warm` and `build` are answered here where a snapshot has the answer, or where what is remembered of the
last build is enough to build again (commands/again.py). For all else doit is called with the same words, in this very
process; its tasks come by here too, so both doors give one answer.
"""

from __future__ import annotations

import gc
import os
import sys

if not __package__:  # run as a file, without site-packages: of all paths of ours only the one above is wanted
    sys.path[0] = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))

from bfbuild import snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

KINDS = ("image", "image:warm", "build")
FLAGS = {"-k": "keep_going", "--keep-going": "keep_going"}
NUMBERS = {"-j": "jobs", "--jobs": "jobs"}


def answer(root: str, kind: str, names: list[str], *, keep_going: bool = False, jobs: int = 0) -> int | None:
    """Answer `doit KIND NAMES` and return the exit code, or None where the full way must be gone."""
    saved = snapshot.load(root, kind, names)
    if saved is None:
        return None
    if not saved.changed:
        sys.stdout.write(saved.answer)
        return 0
    prepare()
    from bfbuild.commands.again import again
    from bfbuild.remembered import Doubt

    try:
        return again(saved, kind, names, keep_going=keep_going, jobs=jobs)
    except Doubt:
        return None


def prepare() -> None:
    """Make this process one that builds: with packages, and without what costs a short life a tenth of its time."""
    gc.disable()  # a build makes graphs and keeps them; searching them for circles finds nothing
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for some, it imports a mail reader
    _with_packages()


def _with_packages() -> None:
    """Let packages be imported, where Python was started without."""
    if sys.flags.no_site and "site" not in sys.modules:
        import site

        site.main()


def main(words: list[str]) -> int:
    """Answer doit's words."""
    if words[:1] and words[0] in KINDS:
        understood = _understood(words[1:])
        if understood is not None:
            names, options = understood
            code = _guarded(lambda: answer(os.getcwd(), words[0], names, **options))
            if code is not None:
                return code
    _with_packages()
    from doit.doit_cmd import DoitMain

    return DoitMain().run(joined(words)) or 0


def joined(words: list[str]) -> list[str]:
    """Return the words with each option joined to a value that holds `=`, which doit would take for a variable."""
    taken: list[str] = []
    for word in words:
        last = taken[-1] if taken else ""
        if "=" in word and not word.startswith("-") and last.startswith("--") and "=" not in last:
            taken[-1] = f"{last}={word}"
        else:
            taken.append(word)
    return taken


def _guarded(work: Callable[[], int | None]) -> int | None:
    """Do as commands/show.py does with errors, and import it only where there is one."""
    try:
        return work()
    except (Exception, KeyboardInterrupt) as error:
        problem = error
    from bfbuild.commands.show import guarded

    def tell() -> int:
        raise problem

    return guarded(tell)


def _understood(words: list[str]) -> tuple[list[str], dict[str, Any]] | None:
    """Names and options, or None where doit had better read them."""
    names: list[str] = []
    options: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        if word in FLAGS:
            options[FLAGS[word]] = True
        elif word in NUMBERS:
            number = next(rest, "")
            if not number.isdecimal():
                return None
            options[NUMBERS[word]] = int(number)
        elif word.startswith("-"):
            return None
        else:
            names.append(word)
    return names, options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
