"""Archives taken apart and put together again, as they should be or not."""

from __future__ import annotations

import io
import json
import lzma
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.digest import ActionDigest, canonical
from bfbuild.protos.remote_execution_pb2 import ActionResult
from bfbuild.store import Store
from bfbuild.store.results import seal as seal_of

if TYPE_CHECKING:
    from collections.abc import Mapping

Members = dict[str, bytes]
HEAD = "bareflow.json"


def members_of(path: Path) -> Members:
    """Return what an archive holds, read by Python's own tar."""
    with tarfile.open(path, "r:xz") as tar:
        found = {}
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            found[member.name] = file.read()
        return found


def tar_of(members: Mapping[str, bytes]) -> bytes:
    """Return a tar of these members as an archive has them, whatever their names are."""
    out = io.BytesIO()
    for name, data in members.items():
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), 0o444
        out.write(info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512))
    out.write(bytes(1024))
    return out.getvalue()


def pack(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write an archive of these members, the head counting them as it should."""
    rest = {name: data for name, data in members.items() if name != HEAD}
    head = {"version": 1, "target": "a", "bytes": sum(map(len, rest.values())), "members": len(rest)}
    path.write_bytes(lzma.compress(tar_of({HEAD: json.dumps(head).encode(), **rest}), preset=0))
    return path


def sealed(result: ActionResult, action: str) -> bytes:
    """Return the record of a result under any action, as an enemy would make it who knows the form."""
    body = canonical(result)
    return body + seal_of(ActionDigest(action, 0), body)


def everything(store: Store) -> dict[str, bytes]:
    """Return every file that a store shows."""
    paths = [path for name in ("cas", "ac", "trace", "tmp") for path in (store.path / name).rglob("*")]
    return {str(path.relative_to(store.path)): path.read_bytes() for path in paths if path.is_file()}
