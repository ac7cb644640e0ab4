"""How long it takes to learn that 10,000 results are at a server: a local buildbox-casd, all hits, nothing downloaded.

    .venv/bin/python -m benchmarks.remote_lookups [--actions N]

Each result has one output of a kilobyte. Asked is as a build asks, from as many threads: GetActionResult for each
action; and then, in one question for many, whether the server still has what the results name. Filling the server is
not measured.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bfbuild.config import RemoteSection
from bfbuild.digest import ActionDigest, Digest, canonical, digest_bytes
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.realise import QUESTIONS
from bfbuild.remote import actions
from bfbuild.remote.blobs import Blobs
from bfbuild.remote.capabilities import capabilities
from bfbuild.remote.channel import Channel
from bfbuild.remote.wire import Wanted, incoming
from bfbuild.store.results import result_blobs
from tests.remote import servers

OUTPUT = "out/made.o"
SIZE = 1024


def main() -> int:
    """Fill a server, ask it, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--actions", type=int, default=10_000)
    number = parser.parse_args().actions
    with tempfile.TemporaryDirectory() as folder, servers.running(servers.casd(Path(folder))) as server:
        names = fill(connect(server.url), number)
        client = connect(server.url)
        began, processor = time.monotonic(), time.process_time()
        found = ask(client, names)
        took, used = time.monotonic() - began, time.process_time() - processor
    sys.stdout.write(f"{found:,} of {number:,} results are there\n")
    sys.stdout.write(f"{took:.2f} s, {used:.2f} s of the client's processor time on {os.cpu_count()} processors\n")
    sys.stdout.write(f"{client.channel.sent:,} bytes sent, {client.channel.received:,} received\n")
    return 0 if found == number else 1


def connect(url: str) -> Blobs:
    """A client of its own."""
    channel = Channel(RemoteSection(cache=url), url)
    return Blobs(channel, capabilities(channel))


def fill(blobs: Blobs, number: int) -> list[ActionDigest]:
    """Give a server results of so many actions, and return their names."""
    content: dict[Digest, bytes] = {}
    results: dict[ActionDigest, api.ActionResult] = {}
    for each in range(number):
        action = canonical(api.Action(salt=each.to_bytes(8, "little")))
        made = digest_bytes(f"{each:0{SIZE}}".encode())
        name = digest_bytes(action)
        content |= {name: action, made: f"{each:0{SIZE}}".encode()}
        results[ActionDigest(name.hash, name.size)] = api.ActionResult(
            output_files=[api.OutputFile(path=OUTPUT, digest=made.to_message())]
        )
    blobs.give(content)
    with ThreadPoolExecutor(QUESTIONS) as pool:
        for _ in pool.map(lambda name: actions.update(blobs.channel, name, results[name]), results):
            pass
    return list(results)


def ask(blobs: Blobs, names: list[ActionDigest]) -> int:
    """Return for how many actions a server has a whole result."""
    with ThreadPoolExecutor(QUESTIONS) as pool:
        answers = list(pool.map(lambda name: actions.get(blobs.channel, name), names))
    told = [incoming(answer, Wanted(files=(OUTPUT,))) for answer in answers if answer is not None]
    outputs = [dict(result_blobs(each.record))[OUTPUT] for each in told if each is not None]
    missing = blobs.missing(outputs)
    return sum(output not in missing for output in outputs)


if __name__ == "__main__":
    sys.exit(main())
