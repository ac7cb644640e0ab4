"""The two surroundings: a process in one sees other things than a process in the other, in every kind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bfbuild.release.disturb import DAY, KINDS, two

LOOK = """
import json, os, socket, sys, time
from pathlib import Path
from bfbuild.release.disturb import enter, two
where = two(2)[int(sys.argv[1])]
disk = Path(sys.argv[2])
enter(where, disk)
umask = os.umask(0)
for name in "abc" if not where.backwards else "cba":
    (disk / name).touch()
print(json.dumps({
    "user": os.getuid(),
    "host name": socket.gethostname(),
    "umask": umask,
    "time since the machine started": time.clock_gettime(time.CLOCK_BOOTTIME),
    "order of a folder's entries": os.listdir(disk),
    "addresses": int(Path("/proc/self/personality").read_text(), 16) & 0x40000,
    "file system": os.statvfs(disk).f_fsid != os.statvfs("/").f_fsid,
    "environment": dict(os.environ),
    "processes": os.getppid() > 0,
}))
"""


def seen(number: int, folder: Path) -> dict[str, Any]:
    """What a process sees in one of the surroundings."""
    folder.mkdir()
    environment = {**two(2)[number].environment, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(number), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == [], "what it wrote was on a disk of its own"
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is seen in both."""
    folder = tmp_path_factory.mktemp("surroundings")
    return seen(0, folder / "first"), seen(1, folder / "second")


@pytest.mark.parametrize(
    "kind", ["user", "host name", "umask", "order of a folder's entries", "addresses", "environment"]
)
def test_what_a_process_sees_differs(both: tuple[dict[str, Any], dict[str, Any]], kind: str) -> None:
    """The kernel really tells the two different things."""
    first, second = both
    assert first[kind] != second[kind]


def test_the_machine_seems_to_run_for_years_longer(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """A time namespace moves what no clock that people set does."""
    first, second = (each["time since the machine started"] for each in both)
    assert second - first > 999 * DAY


def test_two_surroundings_differ_in_all_that_they_are() -> None:
    """Every field is another one, and there are more kinds than a release must have."""
    first, second = (vars(each) for each in two(2))
    assert {name for name in first if first[name] == second[name]} == set()
    variables = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PYTHONHASHSEED", "TZ", "USER")
    assert {name for name in variables if first["environment"][name] == second["environment"][name]} == set()
    assert len(KINDS) >= 8
    assert len(set(KINDS)) == len(KINDS)


def test_a_kernel_that_refuses_is_told(tmp_path: Path) -> None:
    """Where no namespace can be made, there is an error with the way out, and nothing was changed."""
    program = (
        "import ctypes, resource\n"
        "from pathlib import Path\n"
        "from bfbuild.errors import ReleaseError, render\n"
        "from bfbuild.release.disturb import enter, two\n"
        "try:\n"
        f"    enter(two(2)[0], Path({str(tmp_path / 'missing')!r}))\n"
        "except ReleaseError as error:\n"
        "    print(render(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(
        "error: this machine cannot make two surroundings for the two builds\n  why   mount: No"
    )
    assert "user and time namespaces" in done.stdout
