"""Writes the classes of characters that texts are split by, as ranges for C: unicode.py OUT."""

import sys
import unicodedata
from pathlib import Path

CLASSES = {"letters": "L", "digits": "N"}
END = 0x110000


def ranges(category):
    """Return the ranges of all characters of a general category."""
    found, start = [], None
    for code in range(END + 1):
        is_in = code < END and unicodedata.category(chr(code))[0] == category
        if is_in and start is None:
            start = code
        elif not is_in and start is not None:
            found.append((start, code - 1))
            start = None
    return found


def main(out):
    """Write the header."""
    text = f"/* Unicode {unicodedata.unidata_version}: first and last character of each range. */\n"
    for name, category in CLASSES.items():
        rows = "".join(f"    {{{first:#x}, {last:#x}}},\n" for first, last in ranges(category))
        text += f"static const uint32_t unicode_{name}[][2] = {{\n{rows}}};\n"
    Path(out).write_text(text, encoding="ascii")


main(*sys.argv[1:])
