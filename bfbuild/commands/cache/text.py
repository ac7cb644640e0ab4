"""How tables, sizes and times look; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    """Return rows under their heads in aligned columns; the columns whose numbers are in `right` end in line."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    to_right = set(right)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number in to_right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def size(count: int) -> str:
    """Return a number of bytes in three digits or so: 812 B, 28.8 kB, 1.2 GB (powers of 1000)."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def seconds(nanoseconds: int) -> str:
    """Return a duration: 4.1 ms, 12.30 s."""
    return f"{nanoseconds / 1e6:.1f} ms" if nanoseconds < 1e9 else f"{nanoseconds / 1e9:.2f} s"


def span(nanoseconds: int) -> str:
    """Return a time that somebody would wait: 0.4 s, 12 s, 4 min 10 s, 2 h 5 min."""
    whole = round(nanoseconds / 1e9)
    if nanoseconds < 10 * 10**9:
        return f"{nanoseconds / 1e9:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def when(nanoseconds: int) -> str:
    """Return a moment since 1970 as local time, to the second."""
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def timestamp(nanoseconds: int) -> str:
    """Return a moment since 1970 for programs: RFC 3339, UTC, to the millisecond."""
    moment = datetime.fromtimestamp(nanoseconds // 10**6 / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def count(number: int, one: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"
