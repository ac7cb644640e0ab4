"""The one error of this room: what is wrong with a model file, told with a headline and aligned facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class WeightsError(Exception):
    """A model cannot be read, or is none that we know; `facts` are (label, value) pairs in the order to be shown."""

    def __init__(self, headline: str, facts: Sequence[tuple[str, object]] = ()) -> None:
        super().__init__(headline)
        self.headline = headline
        self.facts = [(label, str(value)) for label, value in facts]

    def about(self, label: str, value: object) -> WeightsError:
        """Return the same error with one more fact, first: what it is about."""
        return WeightsError(self.headline, [(label, value), *self.facts])

    def text(self) -> str:
        """Return the error as lines for a person, in the form of every error of the build."""
        width = max((len(label) for label, _ in self.facts), default=0)
        rows = [f"  {label:<{width}}  {value}" for label, value in self.facts]
        return "\n".join([f"error: {self.headline}", *rows])
