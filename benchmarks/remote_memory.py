"""How much memory the client needs for a piece of content of a gigabyte, given to a server and taken back into a store.

    .venv/bin/python -m benchmarks.remote_memory [--size BYTES]

Given and taken is in a process of its own, and told is the most memory that it ever had. The server is a local
buildbox-casd.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.remote_lookups import connect
from bfbuild.digest import CHUNK, digest_file
from bfbuild.store import Store
from tests.remote import servers


def main() -> int:
    """Start a server and the client, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=int, default=1 << 30)
    parser.add_argument("--client", nargs=2, metavar=("URL", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client:
        move(arguments.client[0], Path(arguments.client[1]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "server").mkdir()
        with servers.running(servers.casd(Path(folder) / "server", quota="8G")) as server:
            path = Path(folder) / "large"
            with path.open("wb") as file:
                for start in range(0, arguments.size, CHUNK):
                    file.write(os.urandom(min(CHUNK, arguments.size - start)))
            words = [sys.executable, "-m", "benchmarks.remote_memory", "--client", server.url, str(path)]
            return subprocess.run(words, check=False).returncode


def move(url: str, path: Path) -> None:
    """Give a file to a server, take it back into an empty store, and print what that took."""
    digest, client = digest_file(path), connect(url)
    for word in ("given", "taken"):
        began = time.monotonic()
        if word == "given":
            client.give({digest: path})
        else:
            with Store(path.with_name("store")).cas.batch() as batch:
                client.take([digest], batch)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        took = time.monotonic() - began
        sys.stdout.write(f"{digest.size:,} bytes {word} in {took:.1f} s, at most {most / 1e6:.0f} MB of memory\n")


if __name__ == "__main__":
    sys.exit(main())
