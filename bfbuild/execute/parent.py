"""A process that ends with its parent: should we be killed, the kernel tells what we started."""

from __future__ import annotations

import ctypes
import signal

# Sent to a sandbox alone, this ends all that runs in it, at both levels: proot ignores the signals that usually ask a
# program to end, and a killed proot lets its processes go.
END_SIGNAL = signal.SIGQUIT

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Have the kernel end this process when its parent dies; for `preexec_fn`, between fork and exec."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, END_SIGNAL)
