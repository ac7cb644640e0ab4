"""Where the actions of a build run: on this machine, and at the cluster where a project names one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bfbuild.commands.progress import Progress
    from bfbuild.execute.outcome import Executor
    from bfbuild.execute.sandbox import SandboxExecutor
    from bfbuild.remote.channel import Channel
    from bfbuild.store import Store


@dataclass(frozen=True)
class Places:
    """`here` actions at once run on this machine, by what `local` makes when one must; the rest at the cluster."""

    store: Store
    progress: Progress
    here: int
    local: Callable[[], SandboxExecutor]
    cluster: Channel | None

    @property
    def jobs(self) -> int:
        """How many actions run at once, at all places together."""
        return self.here + (self.cluster.remote.jobs if self.cluster is not None else 0)

    def executor(self, timeout: int) -> Executor:
        """Return what runs an action at one of the places, for so many seconds at most."""
        if self.cluster is None:
            return self.local()
        from bfbuild.execute.hybrid import HybridExecutor  # noqa: PLC0415  (for a project that has a cluster)
        from bfbuild.execute.remote import RemoteExecutor  # noqa: PLC0415

        return HybridExecutor(
            local=self.local,
            remote=RemoteExecutor(self.store, self.cluster, timeout, self.progress.transfer),
            jobs=self.here,
            remote_jobs=self.cluster.remote.jobs,
            is_here=lambda root: self.store.tree_path(root).is_dir(),
            note=self.progress.note,
        )
