"""The sandbox: a toolchain's root as the whole world of a process, and the executor that runs actions in it.

Two levels, recorded in every trace:

- `bubblewrap`: namespaces. No network, no home, no host files, own process table, fixed user, host name and paths;
  inputs are mounted read-only, so not even a tool that wants to can change them.
- `proot`: where user namespaces are refused. The same paths by ptrace; inputs are copies, and only the modes of the
  unpacked tools guard these from an action, which means nothing to root. Network and process table are
  the host's, so this level is announced loudly and cannot be released.

Both programs come from the lock and run through the loader and libraries of their own closure: nothing is asked of the
host but a Linux kernel. Times and memory are bounded; a process group never outlives its action.
"""

from __future__ import annotations

import errno
import os
import resource
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bfbuild.action.action import OUT, WORK
from bfbuild.errors import ActionError
from bfbuild.execute.outcome import Made, Outcome
from bfbuild.execute.parent import die_with_parent
from bfbuild.store.disk import disk_errors

if TYPE_CHECKING:
    from bfbuild.action.action import Action, Description
    from bfbuild.digest import Digest
    from bfbuild.execute.outcome import Level, Tools
    from bfbuild.store import Store

LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADER = f"{LIBRARIES}/ld-linux-x86-64.so.2"
LEAST_ROOM = 64 << 10  # bytes
PROBE = ("/lib64/ld-linux-x86-64.so.2", "--version")  # a program that every closure has


@dataclass(frozen=True)
class Bind:
    """A host path that a sandboxed process sees at `target`."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Sandbox:
    """The two sandbox programs in their unpacked closure, and which of them this machine can use."""

    tools: Path
    wanted: Literal["auto", "bubblewrap", "proot"] = "auto"
    proven: Level | None = None  # the level that worked the last time
    more: tuple[str, ...] = ()  # words for bubblewrap besides: what a release disturbs its builds with

    @cached_property
    def level(self) -> Level:
        """The level that works here; raise ActionError where the wanted one, or none, does."""
        if self.proven is not None:
            return self.proven
        levels: list[Level] = ["bubblewrap", "proot"] if self.wanted == "auto" else [self.wanted]
        complaints = []
        for level in levels:
            probe = subprocess.run(
                self._wrap(level, PROBE, [], self.tools, "/"), capture_output=True, env={}, check=False, timeout=60
            )
            if probe.returncode == 0:
                return level
            complaints.append((level, probe.stderr.decode(errors="replace").strip() or f"exit {probe.returncode}"))
        raise ActionError(
            "no sandbox works on this machine",
            facts=complaints,
            hint="allow user namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces) or ptrace",
        )

    def wrap(self, argv: Sequence[str], binds: Sequence[Bind], root: Path, folder: str = "/") -> list[str]:
        """Return the host's command line that runs `argv` with `root` as `/` and `binds` in it."""
        return self._wrap(self.level, argv, binds, root, folder)

    def _wrap(self, level: Level, argv: Sequence[str], binds: Sequence[Bind], root: Path, folder: str) -> list[str]:
        program = "bwrap" if level == "bubblewrap" else "proot"
        start = [
            str(self.tools / LOADER),
            "--library-path",
            str(self.tools / LIBRARIES),
            str(self.tools / "usr/bin" / program),
        ]
        if level == "proot":
            mounts = [part for bind in binds for part in ("-b", f"{bind.source}:{bind.target}")]
            return [*start, *("-r", str(root), "-b", "/dev", "-b", "/proc"), *mounts, "-w", folder, *argv]
        mounts = [
            part
            for bind in binds
            for part in ("--bind" if bind.writable else "--ro-bind", str(bind.source), bind.target)
        ]
        isolation = ["--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--hostname", "bareflow"]
        world = ["--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108  (inside)
        return [
            *start,
            *isolation,
            "--die-with-parent",
            "--new-session",
            *world,
            *mounts,
            *self.more,
            "--chdir",
            folder,
            "--",
            *argv,
        ]


@dataclass
class SandboxExecutor:
    """Runs actions on this machine. Safe to call from several threads; `cancel` ends all that is running."""

    store: Store
    sandbox: Sandbox
    timeout: int
    memory: int
    _running: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _cancelled: bool = False

    def execute(self, action: Action, tools: Tools) -> Outcome:
        """Run an action whose inputs are in the store.

        Raise StoreError where the store cannot be read or written, ActionError where nothing can be started.
        """
        root = tools()
        _find_program(action, root)
        with self.store.scratch.folder() as scratch, disk_errors("run an action", scratch):
            # A hard link is safe only behind a read-only mount.
            self.lay_out(action.description, scratch, link=self.sandbox.level == "bubblewrap")
            with (scratch / "stdout").open("wb") as stdout, (scratch / "stderr").open("wb") as stderr:
                start = time.monotonic_ns()
                exit_code, usage, limit = self._run(action, root, scratch, stdout.fileno(), stderr.fileno())
                wall = time.monotonic_ns() - start
            if self._cancelled:
                raise ActionError("the build was stopped")  # what it left is no outcome
            if exit_code != 0 and _is_full(scratch):  # neither is what a tool could not write
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            with self.store.cas.batch() as batch:
                # Nobody is left in a namespace to write to what it made; under proot somebody may be: it is copied.
                take = batch.take_file if self.sandbox.level == "bubblewrap" else batch.put_file
                outputs, missing = _collect(action, scratch, take)
                said, complained = take(scratch / "stdout"), take(scratch / "stderr")
            return Outcome(
                exit_code=exit_code,
                stdout=said,
                stderr=complained,
                outputs=outputs,
                missing=missing,
                level=self.sandbox.level,
                wall=wall,
                user_time=int(usage.ru_utime * 1e9),
                system_time=int(usage.ru_stime * 1e9),
                max_rss=usage.ru_maxrss * 1024,
                limit=limit,
            )

    def lay_out(self, description: Description, scratch: Path, *, link: bool = False) -> None:
        """Put the inputs under `scratch/in` and make `scratch/out` with the folders that outputs need.

        With `link` inputs may be hard links into the store. Raise StoreError, StoreLookup among it, or OSError.
        """
        targets = {scratch / "in" / place: file for place, file in description.inputs.items()}
        made = {target.parent for target in targets} | {(scratch / name).parent for name in description.outputs}
        for folder in sorted({*made, scratch / "in" / OUT, scratch / OUT, scratch / "tmp"}):
            folder.mkdir(parents=True, exist_ok=True)
        for target, file in targets.items():
            self.store.cas.copy_to(file.digest, target, executable=file.executable, link=link)

    def command(self, argv: Sequence[str], root: Path, scratch: Path) -> list[str]:
        """The host's command line for a process of an action that was laid out in `scratch`."""
        binds = [Bind(scratch / "in", f"/{WORK}"), Bind(scratch / OUT, f"/{WORK}/{OUT}", writable=True)]
        if self.sandbox.level == "proot":  # bubblewrap mounts a fresh /tmp itself
            binds.append(Bind(scratch / "tmp", "/tmp", writable=True))  # noqa: S108
        return self.sandbox.wrap(argv, binds, root, f"/{WORK}")

    def cancel(self) -> None:
        """End every running process group, and refuse to start another."""
        with self._lock:
            self._cancelled = True
            for pid in self._running:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)

    @property
    def _limits(self) -> tuple[str, ...]:
        """What sets limits and then becomes the command: code of ours between fork and exec would copy our memory."""
        return ("/bin/sh", "-c", f'ulimit -c 0 && ulimit -v {self.memory >> 10} && exec "$@"', "sh")

    def _run(
        self, action: Action, root: Path, scratch: Path, stdout: int, stderr: int
    ) -> tuple[int, resource.struct_rusage, str | None]:
        with self._lock:
            if self._cancelled:
                raise ActionError("the build was stopped")
            try:
                process = subprocess.Popen(
                    [*self._limits, *self.command(action.description.arguments, root, scratch)],
                    env=action.description.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    umask=0o022,
                    start_new_session=True,
                    preexec_fn=die_with_parent if self.sandbox.level == "proot" else None,  # noqa: PLW1509  (one call)
                )
            except OSError as error:
                facts = [("recipe", action.request.label), ("why", error.strerror)]
                raise ActionError("an action cannot be started", facts=facts) from error
            self._running.add(process.pid)
        try:
            return self._wait(process)
        finally:
            with self._lock:
                self._running.discard(process.pid)
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _wait(self, process: subprocess.Popen[bytes]) -> tuple[int, resource.struct_rusage, str | None]:
        limit = None
        handle = os.pidfd_open(process.pid)
        try:
            if not select.select([handle], [], [], self.timeout)[0]:
                limit = f"it ran longer than {self.timeout} s"
                os.killpg(process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            os.close(handle)
        process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode, usage, limit


def _collect(action: Action, scratch: Path, take: Callable[[Path], Digest]) -> tuple[dict[str, Made], tuple[str, ...]]:
    """Return the declared outputs that were made, taken into the store, and the names of those that were not."""
    outputs, missing = {}, []
    for name in action.request.outputs:
        path = scratch / OUT / name
        inside = path.parent.resolve() == path.parent and not path.is_symlink()
        if not inside or not path.is_file():
            missing.append(name)
        else:
            executable = bool(path.stat().st_mode & 0o100)
            outputs[name] = Made(take(path), executable)
    return outputs, tuple(missing)


def _is_full(folder: Path) -> bool:
    """Whether a disk has so little room left that no tool can work on it."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize < LEAST_ROOM


def _find_program(action: Action, root: Path) -> None:
    """Raise ActionError where the toolchain lacks the program, which the sandbox would tell in fewer words."""
    program, folders = action.request.argv[0], action.request.path
    # A link counts whatever it leads to: one with an absolute target means another file out here.
    if "/" in program or any(os.path.lexists(root / folder.lstrip("/") / program) for folder in folders):
        return
    raise ActionError(
        "the toolchain has no such program",
        facts=[("recipe", action.request.label), ("program", program), ("looked in", ", ".join(folders))],
        location=action.request.location,
        hint="add the package that has it to the toolchain's packages, then `doit lock`; or its folder to path",
    )
