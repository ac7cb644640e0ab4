"""How the rim speaks: errors as they are designed, exit codes that mean something, Ctrl-C that leaves nothing behind.

Exit codes: 0 done; 1 what was asked for failed (a build, a boot, a comparison); 2 it could not be tried (a wrong
recipe, lock, argument or store); 130, as a shell says it, stopped by Ctrl-C. doit's own 3 is a word
that is no command or task, or an option of a command that is doit's.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bfbuild.errors import ActionError, BareflowError, Errors, LayoutError, MachineError, render

FAILED = 1
REFUSED = 2


def guarded(work: Callable[[], int]) -> int:
    """Run `work`; show an error of ours and return its exit code; let Ctrl-C end the process as a signal does."""
    try:
        code = work()
        sys.stdout.flush()  # what a reader that left does not take is known here, not at the interpreter's end
        return code
    except BareflowError as error:
        with suppress(BrokenPipeError):
            sys.stdout.flush()
        sys.stderr.write(f"{_coloured(render(error, base=Path.cwd()))}\n")
        return exit_code(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; so do we, quietly
        return 0
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; what was finished is kept\n")
        sys.stderr.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        raise


def exit_code(error: BareflowError) -> int:
    """1 where what was asked for failed, 2 where it could not be tried."""
    if isinstance(error, Errors):
        return min(exit_code(each) for each in error.errors)
    return FAILED if isinstance(error, ActionError | LayoutError | MachineError) else REFUSED


def _coloured(text: str) -> str:
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        return text
    lines = [f"\033[1;31m{line}\033[0m" if line.startswith("error:") else line for line in text.split("\n")]
    return "\n".join(f"\033[1m{line}\033[0m" if line.lstrip().startswith(">>>") else line for line in lines)
