"""`doit release`: dist/, built twice from nothing and compared; docs/releases.md says what is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bfbuild.commands.question import Question
from bfbuild.errors import ConfigError


class Release(Question):
    """The doit command."""

    doc_purpose = "build twice from nothing, compare, and write dist/: images and what vouches for them"
    doc_usage = ""
    doc_description = "The version is that of [project] in bareflow.toml, where --version names no other."
    cmd_options = (
        {"name": "version", "long": "version", "type": str, "default": "", "help": "of this release"},
        {
            "name": "compare",
            "long": "compare",
            "type": str,
            "default": "",
            "help": "OLD_DIST: say what changed since that release",
        },
        {
            "name": "sigstore",
            "long": "sigstore",
            "type": bool,
            "default": False,
            "help": "sign keylessly besides, as whoever is logged in or as the job of this CI",
        },
        {
            "name": "sigstore-config",
            "long": "sigstore-config",
            "type": str,
            "default": "",
            "help": "the same by other services than sigstore's public ones: a file, its ClientTrustConfig",
        },
    )

    def answer(self, start: Path, names: Sequence[str], options: Mapping[str, Any]) -> int:
        """Answer the command line."""
        from bfbuild import config  # noqa: PLC0415  (after doit has shown that the command is meant)
        from bfbuild.commands.releasing import release  # noqa: PLC0415
        from bfbuild.commands.releasing.plan import Sigstore  # noqa: PLC0415

        if names:
            raise ConfigError("release takes no names", hint="it releases what `doit image` builds")
        services = Path(options["sigstore-config"]) if options["sigstore-config"] else None
        sigstore = Sigstore(services) if options["sigstore"] or services is not None else None
        return release(config.find_root(start), options["version"], options["compare"], sigstore)
