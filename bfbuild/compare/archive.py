r"""Static libraries, by member: the ar format as System V and GNU have it.

"!<arch>\n", then for each member 60 bytes of header (name 16, ..., size 10, "`\n") and its content, at even places.
Member "/" is the index, "//" holds long names, "/123" is the name that begins there at 123.
"""

from __future__ import annotations

from bfbuild.compare.finding import Compare, Finding, by_name

MAGIC = b"!<arch>\n"
HEADER = 60
INDEX, NAMES = "/", "//"


def is_one(content: bytes) -> bool:
    """Whether these bytes begin as an archive."""
    return content.startswith(MAGIC)


def compare(old: bytes, new: bytes, inner: Compare) -> tuple[Finding, ...] | None:
    """Return the members that came, went or changed; None where one archive is damaged."""
    try:
        before, after = members(old), members(new)
    except ValueError:
        return None
    found = by_name("member", before, after, inner)
    if not found:
        return (Finding("archive", "", "the members are the same, in another order or with other headers"),)
    return found


def members(content: bytes) -> dict[str, bytes]:
    """Return the members by name, a second one of a name as "name (2)"; raise ValueError where it is damaged."""
    found: dict[str, bytes] = {}
    names = b""
    at = len(MAGIC)
    while at < len(content):
        header = content[at : at + HEADER]
        if len(header) < HEADER or header[58:] != b"`\n":
            raise ValueError(f"no header at byte {at}")
        name, size = header[:16].decode("latin-1").rstrip(" "), int(header[48:58])
        data = content[at + HEADER : at + HEADER + size]
        at += HEADER + size + size % 2
        if name == NAMES:
            names = data
        elif name != INDEX:
            if name.startswith("/"):
                name = names[int(name[1:]) :].split(b"/\n", 1)[0].decode(errors="replace")
            name = name.removesuffix("/")
            again = sum(1 for each in found if each == name or each.startswith(f"{name} ("))
            found[f"{name} ({again + 1})" if again else name] = data
    return found
