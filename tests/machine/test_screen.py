"""Pictures of a guest's screen."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.errors import MachineError
from bfbuild.machine.screen import screenshot
from bfbuild.machine.spec import BootSpec

if TYPE_CHECKING:
    from bfbuild.machine.spec import Wrap
    from tests.machine.conftest import Guest


def rows(picture: bytes) -> list[bytes]:
    """Return the rows of a PNG as plain RGB (RFC 2083: chunks in chapter 3, filters in chapter 6)."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    chunks: dict[bytes, bytes] = {}
    position = 8
    while position < len(picture):
        size, kind = struct.unpack_from(">I4s", picture, position)
        chunks[kind] = chunks.get(kind, b"") + picture[position + 8 : position + 8 + size]
        position += size + 12
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (width, height, depth, colour) == (720, 400, 8, 2)  # VGA text mode, 80x25 characters of 9x16
    data = zlib.decompress(chunks[b"IDAT"])
    above, found = bytes(3 * width), []
    for start in range(0, len(data), 3 * width + 1):
        above = unfilter(data[start], data[start + 1 : start + 1 + 3 * width], above)
        found.append(above)
    return found


def unfilter(kind: int, row: bytes, above: bytes) -> bytes:
    """Undo the filter of one row of 3-byte pixels."""
    plain = bytearray(3) + row  # three bytes of nothing to the left
    up = bytes(3) + above
    for x in range(3, len(plain)):
        left, top, corner = plain[x - 3], up[x], up[x - 3]
        nearest = min((left, top, corner), key=lambda byte: abs(left + top - corner - byte))
        plain[x] = plain[x] + (0, left, top, (left + top) // 2, nearest)[kind] & 0xFF
    return bytes(plain[3:])


def test_the_picture_shows_what_the_guest_wrote(guest: Guest, qemu_wrap: Wrap, tmp_path: Path) -> None:
    """A guest that writes thirty lines fills the screen to its height, one that writes none leaves most of it dark."""
    full, empty = tmp_path / "full.png", tmp_path / "empty.png"
    for text, picture in (("####\r\n" * 30, full), ("", empty)):
        screenshot(BootSpec(guest(f"{text}@bf done status=0\r\n", "succeed")), qemu_wrap, picture)
    lit = [sum(any(row) for row in rows(picture.read_bytes())) for picture in (full, empty)]
    assert lit[0] > 200 > lit[1] > 0


def test_another_line_can_be_awaited(guest: Guest, qemu_wrap: Wrap, tmp_path: Path) -> None:
    """A guest that never says it is done is taken at the line that is asked for, though it spins."""
    screenshot(BootSpec(guest("the menu\n", "spin")), qemu_wrap, tmp_path / "menu.png", awaited="the menu")
    assert rows((tmp_path / "menu.png").read_bytes())


@pytest.mark.parametrize("text", ["hello\r\n", ""], ids=["on the serial port", "on the screen only"])
def test_a_stranger_is_taken_when_it_is_quiet(guest: Guest, qemu_wrap: Wrap, tmp_path: Path, text: str) -> None:
    """A guest that knows nothing of records has its picture taken once it says no more, or never said anything."""
    screenshot(BootSpec(guest(text, "halt"), silence_s=3), qemu_wrap, tmp_path / "quiet.png")
    assert rows((tmp_path / "quiet.png").read_bytes())


def test_a_line_that_never_comes_is_an_error(guest: Guest, qemu_wrap: Wrap, tmp_path: Path) -> None:
    """Without its line there is no picture, and the error tells of the boot."""
    with pytest.raises(MachineError, match="hangs") as caught:
        screenshot(BootSpec(guest("other\n", "spin"), timeout_s=1), qemu_wrap, tmp_path / "never.png")
    assert caught.value.facts[0] == ("awaited", "@bf done")
    assert not (tmp_path / "never.png").exists()


def test_a_place_that_cannot_be_written_is_an_error(guest: Guest, qemu_wrap: Wrap, tmp_path: Path) -> None:
    """A picture has to go into a folder that exists."""
    with pytest.raises(MachineError, match="cannot be written"):
        screenshot(BootSpec(guest("@bf done status=0\n", "halt")), qemu_wrap, tmp_path / "none" / "x.png")
