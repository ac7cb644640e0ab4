"""What was found not to be deterministic: marks/<aa>/<hash of the action>, one small file an action.

A mark says that running the action again made something else, so its recorded result is one of several, and what is
built on it cannot be repeated. It is durable, and a file that cannot be read still marks: that errs to the safe side.
`doit check` makes and clears marks; whoever releases something asks for those of all its actions.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bfbuild.digest import ActionDigest
    from bfbuild.store.disk import Scratch


@dataclass(frozen=True)
class Mark:
    """What came out otherwise: of which recipe, which output (empty where none was made), and how, in words."""

    label: str
    output: str
    what: str


UNREADABLE = Mark("", "", "the mark cannot be read")


class Marks:
    """The marks in one folder, which need not exist."""

    def __init__(self, path: Path, scratch: Scratch) -> None:
        self.path = path
        self._scratch = scratch

    def put(self, action: ActionDigest, mark: Mark) -> None:
        """Mark an action; durable on return. Raise StoreError where it cannot be written."""
        text = json.dumps(asdict(mark), sort_keys=True)
        self._scratch.publish([(self._scratch.write(text.encode()), self.path_of(action))])
        self._scratch.sync()

    def get(self, action: ActionDigest) -> Mark | None:
        """Return an action's mark, None where it has none."""
        try:
            return Mark(**json.loads(self.path_of(action).read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            return UNREADABLE

    def clear(self, action: ActionDigest) -> bool:
        """Take a mark away; return whether there was one."""
        with suppress(FileNotFoundError):
            self.path_of(action).unlink()
            return True
        return False

    def hashes(self) -> Iterator[str]:
        """Iterate over the hashes of all marked actions."""
        yield from sorted(path.name for path in self.path.glob("??/*"))

    def path_of(self, action: ActionDigest) -> Path:
        """Return where the mark lies, or would lie."""
        return self.path / action.hash[:2] / action.hash
