"""Tiny Debian packages, made by the standard library alone."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
from pathlib import Path


def file(name: str, content: bytes = b"", *, mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    """A regular file."""
    info = tarfile.TarInfo(name)
    info.mode, info.size = mode, len(content)
    return info, content


def entry(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """Anything without content: a folder, a link, a device; `kind` is tarfile's."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def folder(name: str) -> tuple[tarfile.TarInfo, bytes]:
    """A folder."""
    return entry(name, tarfile.DIRTYPE)


def symlink(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    """A symbolic link."""
    return entry(name, tarfile.SYMTYPE, target)


def hard_link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    """A hard link."""
    return entry(name, tarfile.LNKTYPE, target)


def tar(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    """An uncompressed archive."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


def ar(*members: tuple[str, bytes]) -> bytes:
    """An ar archive (ar(5)): 60 bytes of header, content, padding to an even size."""
    parts = [b"!<arch>\n"]
    for name, content in members:
        parts.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode())
        parts.append(content + b"\n" * (len(content) % 2))
    return b"".join(parts)


def package(data: bytes, suffix: str = ".xz") -> bytes:
    """A .deb whose files are the tar archive `data`."""
    packed = {".xz": lzma.compress(data), ".gz": gzip.compress(data), "": data}[suffix]
    return ar(("debian-binary", b"2.0\n"), ("control.tar.xz", lzma.compress(tar())), (f"data.tar{suffix}", packed))


def deb(path: Path, *members: tuple[tarfile.TarInfo, bytes], suffix: str = ".xz") -> Path:
    """Write a .deb with these members; return its path."""
    path.write_bytes(package(tar(*members), suffix))
    return path
