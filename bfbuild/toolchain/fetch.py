"""Fixed-output downloads: a file is wanted by size and SHA-256, and nothing else is ever accepted for it.

Every URL is tried in turn; what a server sends beyond the wanted size is not read. Transient faults are tried again a
few times. All failures of a batch are reported together.
"""

from __future__ import annotations

import hashlib
import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bfbuild.errors import BareflowError, Errors, FetchError

CHUNK = 1 << 16
TIMEOUT = 30  # seconds without a byte
TRIES = 3
WORKERS = 8

Progress = Callable[[int, int], None]  # bytes done, bytes in all


@dataclass(frozen=True)
class Wanted:
    """A file by content: `urls` to try, and what its bytes must be. `hint` is the way out where it is nowhere."""

    name: str
    urls: tuple[str, ...]
    sha256: str
    size: int
    hint: str | None = None


class _Refused(Exception):  # noqa: N818  (the reason one URL did not serve)
    """One URL did not serve; `again` where another try may help."""

    def __init__(self, why: str, *, again: bool = False) -> None:
        super().__init__(why)
        self.again = again


def fetch_all(wanted: Sequence[Wanted], folder: Path, progress: Progress) -> dict[str, Path]:
    """Download files into `folder`, in parallel; return name -> path. Raise FetchError, or Errors of them."""
    total, done, lock = sum(each.size for each in wanted), 0, threading.Lock()

    def count(size: int) -> None:
        nonlocal done
        with lock:
            done += size
            progress(done, total)

    errors: list[BareflowError] = []
    paths: dict[str, Path] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        numbered = {each: folder / f"{number:04}" for number, each in enumerate(wanted)}
        jobs = {each: pool.submit(fetch, each, path, count) for each, path in numbered.items()}
        for each, job in jobs.items():
            try:
                job.result()
                paths[each.name] = numbered[each]
            except FetchError as error:
                errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else Errors(errors)
    return paths


def fetch(wanted: Wanted, path: Path, count: Callable[[int], None]) -> None:
    """Download one file to `path`; `count` is told the bytes as they come. Raise FetchError."""
    refusals: list[tuple[str, str]] = []
    for url in wanted.urls:
        for attempt in range(TRIES):
            try:
                _download(url, wanted, path, count)
            except _Refused as refusal:
                if refusal.again and attempt + 1 < TRIES:
                    time.sleep(0.5 * 2**attempt)
                    continue
                refusals.append((url, str(refusal)))
                break
            else:
                return
    path.unlink(missing_ok=True)
    raise FetchError(
        "a locked file cannot be had" if refusals else "a locked file has nowhere to come from",
        facts=[("file", wanted.name), ("sha256", wanted.sha256), *refusals],
        hint=wanted.hint,
    )


def _download(url: str, wanted: Wanted, path: Path, count: Callable[[int], None]) -> None:
    counted, sha256 = 0, hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response, path.open("wb") as file:  # noqa: S310
            while chunk := response.read(min(CHUNK, wanted.size + 1 - counted)):
                counted += len(chunk)
                if counted > wanted.size:
                    raise _Refused(f"sends more than the locked {wanted.size} bytes")
                sha256.update(chunk)
                file.write(chunk)
                count(len(chunk))
        if counted != wanted.size:
            raise _Refused(f"sent {counted} of {wanted.size} bytes", again=True)
        if sha256.hexdigest() != wanted.sha256:
            raise _Refused(f"sent other bytes: their SHA-256 is {sha256.hexdigest()}")
    except _Refused:
        count(-min(counted, wanted.size))
        raise
    except urllib.error.HTTPError as error:
        raise _Refused(f"HTTP {error.code} {error.reason}", again=error.code >= 500) from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        count(-counted)
        raise _Refused(str(getattr(error, "reason", None) or error), again=True) from error
    except ValueError as error:
        raise _Refused(str(error)) from error
