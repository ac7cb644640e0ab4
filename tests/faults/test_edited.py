"""Sources that are edited all the time while builds run: nothing is recorded for bytes that were not built."""

from __future__ import annotations

import threading
from itertools import cycle

from bfbuild.action.action import read_description
from bfbuild.digest import digest_bytes
from tests.faults.conftest import Trial
from tests.faults.whole import damage
from tests.small import Small

# What is built of words.txt says, a moment later, what they were: an action that sees two versions shows it.
SLOW = """\
import sys, time
from pathlib import Path
first = Path(sys.argv[1]).read_text()
time.sleep(0.02)
Path(sys.argv[2]).write_text(first.upper() + Path(sys.argv[1]).read_text().upper())
"""


def keep_editing(small: Small, stop: threading.Event) -> None:
    """Write another text of the same length as often as the disk allows, in place, as some editors do."""
    for number in cycle(range(1000)):
        if stop.wait(0.002):
            return
        with (small.root / "src/words.txt").open("r+") as file:
            file.write(f"words {number:03}\n")


def test_every_result_is_of_the_sources_that_its_key_names(trial: Trial) -> None:
    """Whatever a build met, each recorded output is what its action makes of the very inputs that name it."""
    small = trial.small("edited")
    small.write("src/shout.py", SLOW)
    small.write("src/words.txt", "words 000\n")
    stop = threading.Event()
    editor = threading.Thread(target=keep_editing, args=(small, stop))
    editor.start()
    codes = []
    try:
        for _ in trial.rounds(50):
            done = small.doit("build", "greeting.txt")
            assert "Traceback" not in done.err, done
            assert done.code == 0 or "a source is edited faster than it can be built" in done.err, done
            codes.append(done.code)
    finally:
        stop.set()
        editor.join()
    store = small.store
    assert damage(store) == []
    checked = 0
    for trace in store.traces.recent():
        words = read_description(trace.action, store.cas.get_bytes).inputs["src/words.txt"]
        content = store.cas.get_bytes(words.digest).upper()
        assert trace.outputs["greeting.txt"] == digest_bytes(content * 2)
        checked += 1
    done = small.doit("build", "greeting.txt")
    assert done.code == 0
    assert (small.root / "build/greeting.txt").read_text() == (small.root / "src/words.txt").read_text().upper() * 2
    trial.tell(
        f"{len(codes)} builds of a source that is edited every 2 ms: {codes.count(0)} succeeded, the others said why;"
        f" {checked} results, each of the bytes that its key names"
    )
