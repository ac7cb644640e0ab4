"""A small model: one pass through it in the emulator takes a tenth of the 100 ms that the original wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chat.reference import Llama
from tests.weights import small_checkpoint

if TYPE_CHECKING:
    from tests.conftest import Boot, Built

TOKENS = 20
PASS_CYCLES = 1_500_000  # instructions: 10 ms for an emulator that does 150 million a second, half of what QEMU does


def test_a_pass_takes_less_than_ten_milliseconds(start: Boot, built: Built) -> None:
    """The program boots with it, says that many tokens, and each takes few instructions."""
    image = built("chat-small.img")["chat-small.img"]
    run = start(image, args=f"jit=0 tokens={TOKENS} tell the tale", deterministic=True, cpu="max").require_ok()
    tests = {each.text("name"): each for each in run.transcript.all("test")}
    assert tests["say"].number("calls") == TOKENS
    assert 0 < tests["say"].number("cycles") / TOKENS < PASS_CYCLES


def test_the_made_up_model_is_of_that_size(built: Built) -> None:
    """Between 260,000 and 1,000,000 weights, in the shape that its script says."""
    names = ("chat/small/checkpoint.bin", "chat/small/tokenizer.bin")
    files = built(*names)
    llama = Llama(*(files[name] for name in names))
    counts = [llama.embedding.size, llama.norm.size, *(each.size for layer in llama.layers for each in layer)]
    assert 250_000 < sum(counts) < 1_000_000
    assert (llama.config.dim, llama.config.hidden, llama.config.layers) == (
        *(small_checkpoint.DIM, small_checkpoint.HIDDEN, small_checkpoint.LAYERS),
    )
