"""Write a checkpoint of llama2.c with made-up weights, and its tokenizer: CHECKPOINT TOKENIZER.

Its shape is that of stories260K, the smallest model that people tell stories with. It knows no story: what it says is
noise, but as much work. Standard library only, since a build runs it.
"""

from __future__ import annotations

import random
import struct
import sys
from array import array
from pathlib import Path

DIM, HIDDEN, LAYERS, HEADS, KV_HEADS, VOCABULARY, CONTEXT = 64, 172, 5, 8, 4, 512, 512
SEED = 1


def main(checkpoint: str, tokenizer: str) -> None:
    """Write both files: the legacy header, with a classifier that is the embedding."""
    made = random.Random(SEED)
    key = DIM // HEADS * KV_HEADS
    matrices = [DIM * DIM, DIM * key, DIM * key, DIM * DIM]
    sizes = [VOCABULARY * DIM, *(LAYERS * each for each in (DIM, *matrices, DIM, *[HIDDEN * DIM] * 3)), DIM]
    norms = {1, 6, len(sizes) - 1}  # for attention, for the hidden part, and the last one
    numbers = array("f")
    for place, size in enumerate(sizes):
        numbers.extend(made.gauss(1 if place in norms else 0, 0.2) for _ in range(size))
    numbers.extend([0] * (CONTEXT * DIM // HEADS))  # where cosines and sines were
    header = struct.pack("<7i", DIM, HIDDEN, LAYERS, HEADS, KV_HEADS, VOCABULARY, CONTEXT)
    Path(checkpoint).write_bytes(header + numbers.tobytes())
    texts = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), " "]
    letters = "etaoinshrdlu"
    texts += [*letters, *(f"{a}{b}" for a in f" {letters}" for b in letters)]
    texts += [f"{number}" for number in range(VOCABULARY - len(texts))]
    with Path(tokenizer).open("wb") as file:
        file.write(struct.pack("<i", max(map(len, texts))))
        for number, text in enumerate(texts):
            file.write(struct.pack("<fi", -float(number), len(text)) + text.encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
