"""One round of llama.cpp for llama_cpp.py: reads a text and goes on with it, greedily, on one thread.

    python -P benchmarks/llama_peer.py MODEL.gguf TOKENS TEXT

Prints JSON: the tokens that were read and said, and the seconds that either took. It runs in llama.cpp's environment,
which has nothing of ours; -P keeps this folder from standing in for the package of the same name.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any


def main(model: str, count: str, text: str) -> None:
    """Read once to warm up, and once more while the clock runs."""
    package: Any = importlib.import_module("llama_cpp")
    llama = package.Llama(model, n_ctx=2048, n_threads=1, n_threads_batch=1, verbose=False)
    asked = llama.tokenize(text.encode(), add_bos=False, special=False)
    llama.eval(asked)
    llama.reset()
    began = time.perf_counter()
    llama.eval(asked)
    said = [likeliest(package, llama)]
    read = time.perf_counter()
    while len(said) < int(count):
        llama.eval(said[-1:])
        said.append(likeliest(package, llama))
    llama.eval(said[-1:])
    ended = time.perf_counter()
    found = {"asked": asked, "said": said, "reading": read - began, "saying": ended - read}
    sys.stdout.write(json.dumps(found) + "\n")


def likeliest(package: Any, llama: Any) -> int:
    """The likeliest token behind the last one."""
    arrays: Any = importlib.import_module("numpy.ctypeslib")  # of llama.cpp's environment
    logits = package.llama_get_logits_ith(llama.ctx, -1)
    return int(arrays.as_array(logits, (llama.n_vocab(),)).argmax())


if __name__ == "__main__":
    main(*sys.argv[1:])
