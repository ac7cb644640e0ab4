"""Content compressed by Zstandard, in chunks; what is unpacked takes bounded memory whatever was sent."""

from __future__ import annotations

from io import RawIOBase
from typing import IO, TYPE_CHECKING, cast

from bfbuild.digest import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class _Reader(RawIOBase):
    """Chunks as a file that is read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)

    def read(self, size: int = -1) -> bytes:
        del size  # a chunk is what one message has
        return next((chunk for chunk in self._chunks if chunk), b"")


def packed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same compressed: equal chunks come to equal bytes."""
    from zstandard import ZstdCompressor  # noqa: PLC0415  (part of an extra)

    packer = ZstdCompressor().compressobj()
    for chunk in chunks:
        if data := packer.compress(chunk):
            yield data
    yield packer.flush()


def unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what was compressed; raise ValueError where it was not."""
    from zstandard import ZstdDecompressor, ZstdError  # noqa: PLC0415  (part of an extra)

    source = cast("IO[bytes]", _Reader(chunks))
    reader = ZstdDecompressor().stream_reader(source, read_across_frames=True)
    try:
        while chunk := reader.read1(CHUNK):  # what came by now, so that nothing of it is asked for again
            yield chunk
    except ZstdError as error:
        raise ValueError(f"it is not compressed by Zstandard: {error}") from error
