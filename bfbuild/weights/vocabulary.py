"""Vocabularies, prepared so that a kernel needs no start-up: tokens as bytes, and a sorted table of merges.

Both kinds work by the same table. A byte-level BPE names its merges itself. For SentencePiece every token that is two
others one behind the other is a merge, and its rank follows from its score.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from .model import NONE, Vocabulary

if TYPE_CHECKING:
    from .data import Data

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)  # GGUF's types of tokens
SPLITTERS = {"gpt-2": 1, "smollm": 2, "default": 1}  # how text falls into words: see FORMAT.md
SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # what SentencePiece writes for a space
LONGEST = 1 << 10  # bytes of a token
DEFAULT_SYSTEM = re.compile(r"<\|im_start\|>system\n([^'\"{}]*?)<\|im_end\|>")


class Common(NamedTuple):
    """What both kinds of vocabularies have."""

    data: Data
    tokens: list[str]
    types: list[int]
    bos: int
    eos: int
    unknown: int
    adds_bos: bool
    template: str

    def check(self) -> None:
        """Raise WeightsError where a named token does not exist."""
        for name, token in (("bos", self.bos), ("eos", self.eos), ("unknown", self.unknown)):
            if token != NONE and not 0 <= token < len(self.tokens):
                raise self.data.error("a vocabulary names a token that it lacks", [(name, token)])
        if self.adds_bos and self.bos == NONE:
            raise self.data.error("a vocabulary names a token that it lacks", [("bos", "none")])

    def ids(self) -> dict[str, int]:
        """Return the first token of each text; holes are no tokens."""
        ids: dict[str, int] = {}
        for token, text in enumerate(self.tokens):
            if text and self.types[token] != UNUSED:
                ids.setdefault(text, token)
        return ids

    @property
    def controls(self) -> set[int]:
        """The tokens that are no text."""
        return {token for token, type_ in enumerate(self.types) if type_ in (CONTROL, UNKNOWN)}

    def made(self, tokens: list[bytes], **rest: object) -> Vocabulary:
        """Return the vocabulary; raise WeightsError for a token that is too long."""
        longest = max(tokens, key=len, default=b"")
        if len(longest) > LONGEST:
            facts = [("token", tokens.index(longest)), ("bytes", len(longest)), ("at most", LONGEST)]
            raise self.data.error("a vocabulary has a token that is too long", facts)
        fields = {
            "tokens": tokens,
            "controls": self.controls,
            "adds_bos": self.adds_bos,
            "bos": self.bos,
            "eos": self.eos,
            "unknown": self.unknown,
            "chat": chat(self.template),
        }
        return Vocabulary(**fields | rest)  # type: ignore[arg-type]


def byte_characters() -> dict[str, int]:
    """Return the character that stands for each byte in a byte-level BPE, as GPT-2 chose them."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + number): byte for number, byte in enumerate(others)}


def byte_level(common: Common, merges: list[str], splitter: str) -> Vocabulary:
    """Return a byte-level BPE's vocabulary."""
    common.check()
    data = common.data
    if splitter not in SPLITTERS:
        facts = [("splitter", splitter), ("known", ", ".join(SPLITTERS))]
        raise data.error("a vocabulary splits text in a way that we do not know", facts)
    ids, of_character = common.ids(), byte_characters()
    pairs: dict[tuple[int, int], tuple[int, int]] = {}
    for rank, merge in enumerate(merges):
        left, gap, right = str(merge).partition(" ")
        tokens = [ids.get(each) for each in (left, right, left + right)]
        if not gap or None in tokens:
            raise data.error(
                "a merge names a token that the vocabulary lacks", [("merge", rank), ("text", repr(merge))]
            )
        pairs.setdefault((tokens[0] or 0, tokens[1] or 0), (rank, tokens[2] or 0))
    return common.made(
        [_plain(text, of_character) for text in common.tokens],
        byte_ids=[ids.get(character, NONE) for character in sorted(of_character, key=of_character.__getitem__)],
        pairs=sorted((*pair, *found) for pair, found in pairs.items()),
        characters=[],
        splitter=SPLITTERS[splitter],
        unknown=NONE,  # a byte without a token is nothing, as in every implementation
        adds_space=False,
    )


def _plain(text: str, of_character: dict[str, int]) -> bytes:
    """Return the bytes that a token stands for; one with a foreign character is its text."""
    if all(character in of_character for character in text):
        return bytes(of_character[character] for character in text)
    return text.encode("utf-8", "surrogateescape")


def sentencepiece(common: Common, scores: list[float], *, adds_space: bool) -> Vocabulary:
    """Return a SentencePiece vocabulary; a `BYTE` token's text is <0xNN>."""
    common.check()
    data = common.data
    strange = [token for token, score in enumerate(scores) if not math.isfinite(score)]
    if strange:
        raise data.error("a vocabulary's scores cannot be true", [("token", strange[0]), ("of", len(scores))])
    byte_ids = [NONE] * 256
    texts: dict[bytes, int] = {}
    tokens = []
    for token, text in enumerate(common.tokens):
        byte = re.fullmatch(r"<0x([0-9A-Fa-f]{2})>", text)
        if byte and common.types[token] == BYTE:
            byte_ids[int(byte[1], 16)] = token
            tokens.append(bytes.fromhex(byte[1]))
            continue
        plain = text.replace(SPACE, " ").encode("utf-8", "surrogateescape")
        tokens.append(plain)
        if plain and common.types[token] in (NORMAL, USER):
            texts.setdefault(plain, token)
    return common.made(
        tokens,
        byte_ids=byte_ids,
        pairs=_pairs(texts, scores),
        characters=_characters(texts),
        splitter=0,
        adds_space=adds_space,
    )


def _pairs(texts: dict[bytes, int], scores: list[float]) -> list[tuple[int, int, int, int]]:
    """Return every pair of tokens whose texts together are a token's; equal scores have equal ranks."""
    order = sorted({scores[token] for token in texts.values()}, reverse=True)
    ranks = {score: rank for rank, score in enumerate(order)}
    pairs = []
    for text, token in texts.items():
        for cut in range(1, len(text)):
            left, right = texts.get(text[:cut]), texts.get(text[cut:])
            if left is not None and right is not None:
                pairs.append((left, right, ranks[scores[token]], token))
    return sorted(pairs)


def _characters(texts: dict[bytes, int]) -> list[tuple[int, int]]:
    found = {}
    for text, token in texts.items():
        try:
            character = text.decode()
        except UnicodeDecodeError:
            continue
        if len(character) == 1:
            found[ord(character)] = token
    if ord(" ") in found:
        found[ord(SPACE)] = found[ord(" ")]  # SentencePiece takes one for the other
    return sorted(found.items())


def chat(template: str) -> tuple[str, str, str, str]:
    """Return what stands before all, before a question, before its answer, and behind that; empty if not known."""
    if "<|im_start|>" in template:
        system = DEFAULT_SYSTEM.search(template.replace("\\n", "\n"))
        first = f"<|im_start|>system\n{system[1]}<|im_end|>\n" if system else ""
        return first, "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>\n"
    if "<|user|>" in template and "<|assistant|>" in template:
        return "", "<|user|>\n", "</s>\n<|assistant|>\n", "</s>\n"
    return "", "", "", ""
