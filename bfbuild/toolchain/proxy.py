"""The way to the archive: by the proxies of the environment, else by those that the host's apt goes by.

The environment is read as everywhere (http_proxy, https_proxy, no_proxy), apt's options as apt reads them
(apt-transport-http(1)): a proxy for all hosts or for one, DIRECT for none, and what is said of http holds for https
unless https has its own. What apt would have to run a program for (Proxy-Auto-Detect) is not known here.
"""

from __future__ import annotations

import re
import subprocess
import urllib.request
from typing import TYPE_CHECKING

from bfbuild.toolchain.apt import said

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPTION = re.compile(r'^Acquire::(https?)::Proxy(?:::([^ ]+))? "(.*)";$', re.MULTILINE | re.IGNORECASE)
DIRECT = "direct"

Proxies = dict[tuple[str, str], str]  # (scheme, host; "" for all) -> URL, or DIRECT in any case


def opener() -> urllib.request.OpenerDirector:
    """Return what opens the archive's URLs; environment and apt are read now, and not again."""
    return urllib.request.build_opener(_Handler(urllib.request.getproxies(), _apt()))


class _Handler(urllib.request.ProxyHandler):
    """Chooses a proxy, or none, for each request."""

    def __init__(self, environment: Mapping[str, str], apt: Proxies) -> None:
        self.environment, self.apt = environment, apt
        super().__init__(
            {"http": DIRECT, "https": DIRECT}
        )  # so that it is asked about these, and by `proxy_open` below

    def proxy_open(self, request: urllib.request.Request, proxy: str, type: str) -> object:  # noqa: A002  (urllib's word)
        proxy = self.environment.get(type) or self._of_apt(type, request.host.partition(":")[0]) or DIRECT
        return None if proxy.lower() == DIRECT else super().proxy_open(request, proxy, type)

    def _of_apt(self, scheme: str, host: str) -> str | None:
        """Return what apt's options say, the most special first."""
        schemes = ("https", "http") if scheme == "https" else ("http",)
        found = (self.apt.get((each, which)) for which in (host, "") for each in schemes)
        return next((proxy for proxy in found if proxy), None)


def _apt() -> Proxies:
    """Return the proxies in the host's apt configuration; none where there is no apt."""
    try:
        options = said(["apt-config", "dump", "Acquire"], {})
    except (OSError, subprocess.SubprocessError):
        return {}
    return {(scheme.lower(), host.lower()): proxy for scheme, host, proxy in _OPTION.findall(options)}
