"""`doit lock`: resolve every toolchain anew against the Debian archive, write bareflow.lock, and tell what changed.

The archive's dates alone are no change: a lock whose packages are still the newest is left as it is, to the byte.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.cmd_base import Command

from bfbuild.commands.show import FAILED, guarded
from bfbuild.errors import BareflowError, Errors, LockError

if TYPE_CHECKING:
    from bfbuild.recipe.model import Toolchain
    from bfbuild.toolchain.lock import Lock as LockFile


class Lock(Command):  # type: ignore[misc]  # doit has no types
    """The doit command."""

    doc_purpose = "resolve the toolchains' packages anew and write them to bareflow.lock"
    doc_usage = ""
    doc_description = "BAREFLOW_DEBIAN_MIRROR names the mirrors to ask; without it, those of the host's apt are."
    cmd_options = (
        {
            "name": "check",
            "long": "check",
            "type": bool,
            "default": False,
            "help": "write nothing; exit 1 if the lock would change",
        },
    )

    def execute(self, opt_values: dict[str, Any], pos_args: list[str]) -> int:
        """Answer the command line."""
        return guarded(lambda: lock(Path.cwd(), pos_args, check=opt_values["check"]))


def lock(start: Path, names: Sequence[str], *, check: bool) -> int:
    """Resolve, print the changes, and write them or, with `check`, return 1 for them."""
    from bfbuild import config  # noqa: PLC0415  (after doit has shown that the command is meant)
    from bfbuild.recipe import loader  # noqa: PLC0415
    from bfbuild.recipe.model import CLOCK, SANDBOX, Toolchain  # noqa: PLC0415
    from bfbuild.toolchain.debian import SECURITY  # noqa: PLC0415
    from bfbuild.toolchain.lock import changes, lock_text  # noqa: PLC0415

    if names:
        raise LockError("lock takes no names: toolchains share packages, so all are resolved together")
    settings = config.load(config.find_root(start))
    declared = [each for each in loader.load(settings, lambda _: None) if isinstance(each, Toolchain)]
    old = _known(settings.lock_path)
    new = _resolve({each.name: each for each in [SANDBOX, CLOCK, *declared]}, settings.mirrors)
    told = list(changes(old, new))
    sys.stdout.write("".join(f"{line}\n" for line in told))
    dates = ", ".join(f"{suite} {date}" for suite, date in sorted(new.archive.items()))
    sys.stdout.write(f"{len(new.packages)} packages, {'changed' if told else 'unchanged'}; archive: {dates}\n")
    sys.stdout.flush()
    if SECURITY not in new.archive:
        sys.stderr.write(f"warning: no mirror has {SECURITY}: these packages lack security updates\n")
    if told and not check:
        _write(settings.lock_path, lock_text(new))
    return FAILED if told and check else 0


def _known(path: Path) -> LockFile | None:
    """The lock that there is. A broken one is no obstacle: it is about to be replaced."""
    from bfbuild.toolchain.lock import Lock as LockFile  # noqa: PLC0415

    try:
        return LockFile.load(path)
    except LockError:
        return None


def _resolve(toolchains: dict[str, Toolchain], mirrors: tuple[str, ...]) -> LockFile:
    """Resolve, and let an error about a toolchain show the line that asks for its packages."""
    from bfbuild.recipe.lines import field_line  # noqa: PLC0415
    from bfbuild.toolchain.debian import resolve  # noqa: PLC0415

    try:
        return resolve(
            {name: recipe.packages for name, recipe in toolchains.items()},
            mirrors,
            alone=[name for name, recipe in toolchains.items() if not recipe.dependencies],
        )
    except BareflowError as error:
        for each in error.errors if isinstance(error, Errors) else [error]:
            facts = dict(each.facts)
            if recipe := toolchains.get(facts.get("toolchain", "")):
                each.location = field_line(recipe.location, "packages", facts.get("unknown"))
        raise


def _write(path: Path, text: str) -> None:
    """Replace the lock as a whole: a reader, or a crash, sees the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise LockError("the lock cannot be written", facts=[("file", path), ("why", error.strerror)]) from error
