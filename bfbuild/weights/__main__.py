"""The script that makes a kernel's model: what an action runs in the sandbox.

    python3 -S -m weights WEIGHTS OUT                a GGUF file
    python3 -S -m weights WEIGHTS TOKENIZER OUT      a checkpoint of llama2.c and its tokenizer.bin

An error is told on stderr and ends with status 2.
"""

from __future__ import annotations

import sys
from pathlib import Path

from . import gguf, llama2c, writer
from .data import Data
from .faults import WeightsError


def main(arguments: list[str]) -> int:
    """Do what the arguments say; return the exit status."""
    try:
        match arguments:
            case [weights, out]:
                convert(Path(weights), None, Path(out))
            case [weights, tokenizer, out]:
                convert(Path(weights), Path(tokenizer), Path(out))
            case _:
                raise WeightsError("these arguments mean nothing", [("usage", "weights WEIGHTS [TOKENIZER] OUT")])
    except WeightsError as error:
        return _fail(error)
    except OSError as error:
        return _fail(
            WeightsError("a file cannot be read or written", [("file", error.filename), ("reason", error.strerror)])
        )
    return 0


def convert(weights: Path, tokenizer: Path | None, out: Path) -> None:
    """Write the flat file of a model; raise WeightsError for what it is not, and OSError."""
    data = Data.open(weights)
    is_gguf = data.size >= 4 and data.at(0, 4, "signature") == gguf.MAGIC
    if is_gguf and tokenizer is not None:
        raise data.error("a GGUF file has its vocabulary, and takes no tokenizer", [("tokenizer", tokenizer)])
    if not is_gguf and tokenizer is None:
        raise data.error("a checkpoint needs a tokenizer", [("first bytes", data.at(0, min(4, data.size), "").hex())])
    model = llama2c.read(data, Data.open(tokenizer)) if tokenizer is not None else gguf.read(data)
    with out.open("wb") as file:
        writer.write(model, file)


def _fail(error: WeightsError) -> int:
    sys.stderr.write(error.text() + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
