"""Fixed-output downloads: a file is wanted by size and SHA-256, and nothing else is ever accepted for it.

Every URL is tried in turn. What a server sends beyond the wanted size is not read; a server that stalls or trickles is
given up in bounded time; faults that may pass are tried again a few times, but a host that cannot be reached is not
asked for the rest of the batch. All failures of a batch are reported together, one error for each kind of fault.
http, https and file URLs; http_proxy, https_proxy, no_proxy and SSL_CERT_FILE are respected (urllib's rules), unless an
opener with other rules is given.
"""

from __future__ import annotations

import hashlib
import http.client
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from bfbuild.errors import BareflowError, Errors, FetchError, StoreError

CHUNK = 1 << 16
TIMEOUT = 30.0  # seconds without a byte
SLOWEST = 4 << 10  # bytes per second, on average; below it a server counts as stalled
TRIES = 3
BACKOFF = 0.5  # seconds before the second try; doubles
WORKERS = 8
SHOWN = 8  # files that one error names

Progress = Callable[[int, int], None]  # bytes done, bytes in all


@dataclass(frozen=True)
class Wanted:
    """A file by content: `urls` to try in turn, and what its bytes must be.

    `name` tells a person which file it is, and must be unique in a batch. `hint` is the way out where every URL
    answers, and none has these bytes.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str
    size: int
    hint: str | None = None


class Fault(Enum):
    """Why a file could not be had, as an error's headline. Of several URLs' faults the first in this order counts."""

    ALTERED = "a download is not the locked file: its SHA-256 differs"
    LONGER = "a download is longer than the locked file"
    CUT = "a download breaks off"
    REFUSED = "a server refuses a file"
    AWAY = "a server cannot be reached"
    GONE = "a locked file is gone"
    NOWHERE = "a locked file has no URL"


ADVICE = {
    Fault.CUT: "the server or the way to it is unwell: try again, or use another mirror",
    Fault.REFUSED: "try again later, or use another mirror",
    Fault.AWAY: "check the network and the proxies (http_proxy, https_proxy, no_proxy; apt's), or use another mirror",
}


class _Refused(Exception):  # noqa: N818  (the reason one URL did not serve)
    """One URL did not serve; `again` where another try may help."""

    def __init__(self, fault: Fault, why: object, *, again: bool = False) -> None:
        super().__init__(str(why))
        self.fault = fault
        self.again = again


@dataclass(frozen=True)
class _Failure:
    """A file that no URL served, and what each of them did instead."""

    wanted: Wanted
    refusals: tuple[tuple[str, _Refused], ...]

    @property
    def fault(self) -> Fault:
        faults = {refusal.fault for _, refusal in self.refusals}
        return next((fault for fault in Fault if fault in faults), Fault.NOWHERE)


def fetch_all(
    wanted: Sequence[Wanted],
    folder: Path,
    progress: Progress,
    opener: urllib.request.OpenerDirector | None = None,
) -> dict[str, Path]:
    """Download files into `folder`, in parallel; return name -> path.

    Raise FetchError, or Errors of them, after everything was tried; what could not be had leaves no file behind.
    Raise StoreError at once where `folder` cannot be written.
    """
    opener = opener or urllib.request.build_opener()  # reads the proxies now
    batch = _Batch(sum(each.size for each in wanted), progress, opener)
    paths = {each.name: folder / f"{number:04}" for number, each in enumerate(wanted)}
    pool = ThreadPoolExecutor(WORKERS)
    try:
        done = list(pool.map(lambda each: batch.fetch(each, paths[each.name]), wanted))
    finally:
        batch.stop.set()  # where something was raised (Ctrl-C, a full disk), nobody waits for the rest
        pool.shutdown(cancel_futures=True)
    errors = _errors([failure for failure in done if failure is not None])
    if errors:
        raise errors[0] if len(errors) == 1 else Errors(errors)
    return paths


@dataclass
class _Batch:
    """What the downloads of one batch share."""

    total: int
    progress: Progress
    opener: urllib.request.OpenerDirector
    done: int = 0
    away: dict[str, _Refused] = field(default_factory=dict)  # by host
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, size: int) -> None:
        with self.lock:
            self.done += size
            self.progress(self.done, self.total)

    def fetch(self, wanted: Wanted, path: Path) -> _Failure | None:
        """Download one file to `path`; return None, or why it could not be had. Raise StoreError for a full disk."""
        refusals = []
        for url in wanted.urls:
            refusal = self._try(url, wanted, path)
            if refusal is None:
                return None
            refusals.append((url, refusal))
        path.unlink(missing_ok=True)
        return _Failure(wanted, tuple(refusals))

    def _try(self, url: str, wanted: Wanted, path: Path) -> _Refused | None:
        host = urllib.parse.urlsplit(url).netloc
        delay = BACKOFF
        for tries_left in reversed(range(TRIES)):
            if host in self.away:
                return self.away[host]
            try:
                self._download(url, wanted, path)
            except _Refused as refusal:
                if not (refusal.again and tries_left) or self.stop.wait(delay):
                    if refusal.fault is Fault.AWAY:
                        self.away[host] = refusal
                    return refusal
                delay *= 2
            except OSError as error:
                raise StoreError(
                    "a download cannot be written", facts=[("file", path), ("why", error.strerror or error)]
                ) from error
            else:
                break
        return None

    def _download(self, url: str, wanted: Wanted, path: Path) -> None:
        """Raise _Refused for the server's faults, OSError for the local file's."""
        size, sha256 = 0, hashlib.sha256()
        try:
            with path.open("wb") as file:
                for chunk in _received(self.opener, url, wanted.size + 1):
                    if size + len(chunk) > wanted.size:
                        raise _Refused(Fault.LONGER, f"sends more than {wanted.size} bytes")
                    if self.stop.is_set():
                        raise _Refused(Fault.CUT, "given up")
                    file.write(chunk)
                    sha256.update(chunk)
                    size += len(chunk)
                    self.count(len(chunk))
            if size != wanted.size:
                raise _Refused(Fault.CUT, f"sent {size} of {wanted.size} bytes", again=True)
            if sha256.hexdigest() != wanted.sha256:
                raise _Refused(Fault.ALTERED, f"sent other bytes, SHA-256 {sha256.hexdigest()}")
        except _Refused:
            self.count(-size)
            raise


def _received(opener: urllib.request.OpenerDirector, url: str, limit: int) -> Iterator[bytes]:
    """Yield at most `limit` bytes as they come; raise _Refused for all that a server or the way to it can do."""
    started, size = time.monotonic(), 0
    try:
        with opener.open(url, timeout=TIMEOUT) as response:
            while size < limit and (chunk := response.read1(min(CHUNK, limit - size))):
                size += len(chunk)
                yield chunk
                if time.monotonic() - started > TIMEOUT + size / SLOWEST:
                    raise _Refused(Fault.CUT, f"sends less than {SLOWEST} bytes a second")
    except urllib.error.HTTPError as error:
        error.close()
        fault = Fault.GONE if error.code in (404, 410) else Fault.REFUSED
        again = error.code in (408, 429) or error.code >= 500
        raise _Refused(fault, f"HTTP {error.code} {error.reason}", again=again) from error
    except urllib.error.URLError as error:
        if urllib.parse.urlsplit(url).scheme == "file":
            raise _Refused(Fault.GONE, getattr(error.reason, "strerror", None) or error.reason) from error
        raise _Refused(Fault.AWAY, error.reason, again=True) from error
    except TimeoutError as error:
        raise _Refused(Fault.CUT, f"sent nothing for {TIMEOUT:g} s", again=True) from error
    except (http.client.HTTPException, OSError) as error:
        raise _Refused(Fault.CUT, str(error) or type(error).__name__, again=True) from error
    except ValueError as error:  # no URL at all
        raise _Refused(Fault.REFUSED, error) from error


def _errors(failures: Sequence[_Failure]) -> list[BareflowError]:
    """One error for each kind of fault, in the order of Fault."""
    by_fault = {fault: [each for each in failures if each.fault is fault] for fault in Fault}
    return [_error(fault, group) for fault, group in by_fault.items() if group]


def _error(fault: Fault, failures: Sequence[_Failure]) -> FetchError:
    facts: list[tuple[str, object]] = [("files", len(failures))] if len(failures) > 1 else []
    for failure in failures[:SHOWN]:
        facts += [("file", failure.wanted.name), ("sha256", failure.wanted.sha256)]
        facts += [("tried", f"{url}: {refusal}") for url, refusal in failure.refusals]
    if len(failures) > SHOWN:
        facts.append(("and", f"{len(failures) - SHOWN} more"))
    return FetchError(fault.value, facts=facts, hint=ADVICE.get(fault, failures[0].wanted.hint))
