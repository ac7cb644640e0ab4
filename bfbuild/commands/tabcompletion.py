"""`doit tabcompletion --shell bash|zsh`: a script for the shell; source it, or put it where the shell looks.

doit has a command of that name, whose script knows neither our words nor targets and loads dodo.py at each Tab. This
one asks complete.py, with the Python that belongs to the `doit` or `bf` that is being typed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bfbuild.commands.question import Question
from bfbuild.errors import ConfigError

BASH = """\
# Completes doit and bf in bash; made by `doit tabcompletion`.
_bareflow()
{
    local python IFS=$'\\n'
    case ${COMP_WORDS[0]} in
    bf | */bf) python=$(dirname "${COMP_WORDS[0]}")/.venv/bin/python ;;
    *) python=$(dirname "$(command -v "${COMP_WORDS[0]}")")/python ;;
    esac
    COMPREPLY=($("$python" -m bfbuild.commands.complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _bareflow doit bf ./bf
"""
ZSH = """\
#compdef doit bf
# Completes doit and bf in zsh; made by `doit tabcompletion --shell zsh`.
_bareflow()
{
    local python=${commands[$words[1]]:h}/python
    [[ ${words[1]:t} == bf ]] && python=${words[1]:h}/.venv/bin/python
    local -a found
    found=(${(f)"$($python -m bfbuild.commands.complete ${(@Q)words[2,CURRENT]} 2>/dev/null)"})
    (( $#found )) && compadd -a found || _files
}
compdef _bareflow doit bf
"""
SHELLS = {"bash": BASH, "zsh": ZSH}


class TabCompletion(Question):
    """The doit command."""

    name = "tabcompletion"
    doc_purpose = "print a script that completes commands, targets and builds in bash or zsh"
    doc_usage = ""
    doc_description = (
        "In ~/.bashrc: source <(doit tabcompletion); in ~/.zshrc: source <(doit tabcompletion --shell zsh)"
    )
    cmd_options = ({"name": "shell", "long": "shell", "type": str, "default": "bash", "help": "bash or zsh"},)

    def answer(self, start: Path, names: Sequence[str], options: Mapping[str, Any]) -> int:
        """Answer the command line."""
        del start, names
        if options["shell"] not in SHELLS:
            raise ConfigError(
                "there is no script for this shell", facts=[("shell", options["shell"])], hint="bash or zsh"
            )
        sys.stdout.write(SHELLS[options["shell"]])
        return 0
