"""Two surroundings for the two builds of a release, as different as they can be made, and the way into one.

What is built must not depend on where, when and by whom. bubblewrap hides most of that from an action, and these kinds
of disturbance put bfbuild and the hiding itself to the test; the clock, addresses, what fresh memory holds and the
order of a folder's entries cannot be hidden, and reach the actions.

A build moves into its surroundings by namespaces of its own, so nothing of the machine is changed, and nobody need be
root. Its store lies on a file system in memory, whose folders list their newest entry first.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.errors import ReleaseError
from bfbuild.execute.parent import die_with_parent
from bfbuild.execute.sandbox import SandboxExecutor

if TYPE_CHECKING:
    from bfbuild.action.action import Description

DAY = 86_400  # seconds
CLOCK_LIBRARY = "usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"  # in the root of recipe.model.CLOCK
SEEN_AT = "/dev/clock.so"  # by an action: in the only folder besides /tmp that is new for each

_NEW = {"CLONE_NEWNS": 0x00020000, "CLONE_NEWTIME": 0x00000080, "CLONE_NEWUTS": 0x04000000, "CLONE_NEWUSER": 0x10000000}
_PRIVATE = 0x00044000  # linux/mount.h: MS_REC | MS_PRIVATE
_NO_RANDOM_ADDRESSES = 0x0040000  # linux/personality.h: ADDR_NO_RANDOMIZE

KINDS = (
    "addresses (randomized or not)",
    "clock (days ahead, in another year)",
    "file times of the sources",
    "home folder",
    "host name",
    "jobs at once",
    "locale",
    "memory (what a fresh block holds)",
    "order of a folder's entries",
    "other variables of the environment",
    "path of the checkout and of the store",
    "time since the machine started",
    "time zone",
    "umask",
    "user (name and number)",
)


@dataclass(frozen=True)
class Surroundings:
    """All that is told to one build and not to the other; times in seconds."""

    folder: str  # of the checkout, below where both lie
    user: int
    host: str
    umask: int
    environment: Mapping[str, str]
    jobs: int
    touched: int  # when the sources were, since 1970
    uptime: int  # more than the machine's
    days: int  # that the actions' clock is ahead; 0: it is the machine's
    fill: int  # a byte, of which blocks of memory are full; 0: it is left to chance
    randomized: bool  # addresses
    backwards: bool  # inputs are laid out from the last to the first

    def words(self, clock: Path) -> tuple[str, ...]:
        """What bubblewrap is told besides, given the root of the toolchain `CLOCK`."""
        variables: dict[str, str] = {}
        if self.days:
            variables |= {"LD_PRELOAD": SEEN_AT, "FAKETIME": f"+{self.days}d", "DONT_FAKE_MONOTONIC": "1"}
        if self.fill:
            variables["MALLOC_PERTURB_"] = str(self.fill)  # mallopt(3)
        mount = ("--ro-bind", str(clock / CLOCK_LIBRARY), SEEN_AT) if self.days else ()
        return (*mount, *(word for name, value in variables.items() for word in ("--setenv", name, value)))


def two(cores: int) -> tuple[Surroundings, Surroundings]:
    """Return the surroundings of the first and of the second build on a machine with so many processors."""
    first = Surroundings(
        folder="first",
        user=1_001,
        host="first",
        umask=0o022,
        environment={
            "USER": "ada",
            "LOGNAME": "ada",
            "HOME": "/home/ada",
            "TZ": "Pacific/Kiritimati",
            "LC_ALL": "C.UTF-8",
            "LANG": "en_GB.UTF-8",
            "EDITOR": "ed",
            "PYTHONHASHSEED": "1",
        },
        jobs=cores,
        touched=1_000_000_000,
        uptime=0,
        days=0,
        fill=0,
        randomized=True,
        backwards=False,
    )
    second = Surroundings(
        folder="ein anderer Ort/für 'Nummer' $zwei",
        user=60_002,
        host="der-zweite",
        umask=0o077,
        environment={
            "USER": "grace",
            "LOGNAME": "grace",
            "HOME": "/nowhere",
            "TZ": "America/Anchorage",
            "LC_ALL": "tr_TR.UTF-8",
            "LANG": "C",
            "CPATH": "/usr/include",
            "PYTHONHASHSEED": "2",
        },
        jobs=2 * cores + 1,
        touched=1_500_000_001,
        uptime=1_000 * DAY,
        days=400,
        fill=0xA5,
        randomized=False,
        backwards=True,
    )
    return first, second


def enter(where: Surroundings, disk: Path) -> None:
    """Take this process, which MUST have one thread, to its surroundings; `disk` becomes a file system in memory.

    It goes on in a child, since only a child enters a new time; the parent ends as the child does. Raise ReleaseError
    where the kernel refuses.
    """
    user, group = os.getuid(), os.getgid()
    try:
        _call("unshare", sum(_NEW.values()))
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{where.user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{where.user} {group} 1", encoding="ascii")
        ahead = f"monotonic {where.uptime} 0\nboottime {where.uptime} 0\n"
        Path("/proc/self/timens_offsets").write_text(ahead, encoding="ascii")
        _call("mount", None, b"/", None, _PRIVATE, None)
        _call("mount", b"bareflow", os.fsencode(disk), b"tmpfs", 0, b"mode=0700")
        socket.sethostname(where.host)
        if not where.randomized:
            _call("personality", _NO_RANDOM_ADDRESSES)
    except OSError as error:
        raise ReleaseError(
            "this machine cannot make two surroundings for the two builds",
            facts=[("why", error.strerror or error)],
            hint="it needs Linux 5.6 or newer with user and time namespaces; in a container these may be refused",
        ) from error
    os.umask(where.umask)
    child = os.fork()
    if not child:
        die_with_parent()
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the child's to answer
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)


class DisturbedExecutor(SandboxExecutor):
    """Runs actions whose folders list their entries in the opposite order."""

    def lay_out(self, description: Description, scratch: Path, *, link: bool = False) -> None:
        """Put the inputs where they are wanted, the last one first."""
        backwards = dict(reversed([*description.inputs.items()]))
        super().lay_out(replace(description, inputs=backwards), scratch, link=link)


def _call(name: str, *arguments: int | bytes | None) -> None:
    """Call a function of libc; raise OSError where it refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
