"""A recorded profile: what a compiler was asked for while a program ran, and what that was worth; pure.

It is JSON in a file of the project. For each bitcode, by the name of the output, it has the requests without the
digests in them, so that they can be asked again when the source has changed, and the figures, which hold for the two
digests beside them alone. `doit run` and `doit bench` write it for a `Run(profile=...)`.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bfbuild.errors import RecipeError

HEAD = "bareflow-request 2"
DIGESTS = ("compiler", "bitcode")
_TEXT = re.compile(
    r"function [A-Za-z_][\w.]*\n"
    r"features (none|\+[\w.]+(-[\w.]+)*(,\+[\w.]+(-[\w.]+)*)*)\n"
    r"recursion (0|[1-9]\d{0,8})\n"
    r"(count branches\n)?"
    r"(constant \d{1,2} \d{1,10}\n)*"
    r"(branches [0-9A-Fa-f]+\n)?",
    re.ASCII,
)
CONSTANT, BRANCHES = "constant ", "branches "
_HASH = re.compile(r"[0-9a-f]{64}")
LONGEST = 2048  # bytes of a whole request, and one more


def _lines(lines: tuple[str, ...]) -> tuple[str, ...]:
    if not _TEXT.fullmatch(text := "".join(f"{line}\n" for line in lines)):
        raise ValueError(f"{text!r} is no request")
    if len(request_text("0" * 64, "0" * 64, lines)) >= LONGEST:
        raise ValueError(f"a request has less than {LONGEST} bytes")
    return lines


def request_text(compiler: str, bitcode: str, lines: tuple[str, ...]) -> bytes:
    """Return the bytes of a request, those that a guest makes: their SHA-256 is the key of the answer."""
    digests = (f"{name} {digest}" for name, digest in zip(DIGESTS, (compiler, bitcode), strict=True))
    return "".join(f"{line}\n" for line in (HEAD, *digests, *lines)).encode()


def request_lines(request: bytes) -> tuple[str, str, tuple[str, ...]]:
    """Return the digests of compiler and bitcode, and the lines behind them; raise ValueError for anything else."""
    head, *words = request.decode("ascii").split("\n")[:-1]
    digests, lines = words[: len(DIGESTS)], _lines(tuple(words[len(DIGESTS) :]))
    compiler, bitcode = (line.removeprefix(f"{name} ") for name, line in zip(DIGESTS, digests, strict=True))
    if request_text(compiler, bitcode, lines) != request or not (
        _HASH.fullmatch(compiler) and _HASH.fullmatch(bitcode)
    ):
        raise ValueError(f"it begins with {head!r}")
    return compiler, bitcode, lines


def still(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return what of a request can be asked of another bitcode than it was made for: all but what counts branches."""
    return tuple(line for line in lines if not line.startswith(BRANCHES))


def label(bitcode: str, lines: tuple[str, ...]) -> str:
    """Return the name of the recipe for a request: the same for a boot that makes its result before there is one."""
    own = hashlib.sha256("".join(f"{line}\n" for line in (bitcode, *lines)).encode()).hexdigest()
    return f"optimized/{function(lines)}-{own[:8]}"


def processor(lines: tuple[str, ...]) -> str:
    """Return in short what a request may use of a processor: its last feature, and how many there are besides."""
    *others, last = lines[1].removeprefix("features ").split(",")
    return "i686" if last == "none" else f"{last.removeprefix('+')} and {len(others)} more"


def version(lines: tuple[str, ...]) -> str:
    """Return in short which version of a function is asked for: by what is known of arguments and branches."""
    constants = " ".join(line.split()[1] for line in lines if line.startswith(CONSTANT))
    others = ("branches" if line.startswith(BRANCHES) else line for line in lines[3:] if not line.startswith(CONSTANT))
    return ", ".join((lines[2], *([f"constants {constants}"] if constants else []), *others))


def function(lines: tuple[str, ...]) -> str:
    """Return the name of the function that a request is about."""
    return lines[0].removeprefix("function ")


Lines = Annotated[tuple[str, ...], AfterValidator(_lines)]  # of a request, from `function NAME` on
Hash = Annotated[str, Field(pattern=f"^{_HASH.pattern}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(_Part):
    """One request, and what became of it with this compiler and bitcode; figures as in an artifact, 0 where untried.

    `better` are the lines of another request for the same that turned out to be worth more; none for none.
    """

    request: Lines
    state: Literal["optimized", "rejected", "untried"] = "untried"
    per_mille: int = Field(default=0, ge=0, lt=1 << 32)
    before: int = Field(default=0, ge=0, lt=1 << 64)
    after: int = Field(default=0, ge=0, lt=1 << 64)
    better: Lines | tuple[()] = ()


class Source(_Part):
    """What is recorded of one bitcode, by these two digests."""

    compiler: Hash
    bitcode: Hash
    entries: tuple[Entry, ...]


class Profile(_Part):
    """All that is recorded in one file: bitcode's output name -> what is recorded of it."""

    version: Literal[1] = 1
    sources: dict[str, Source] = {}

    def to_text(self) -> str:
        """Return canonical JSON, of numbers and texts alone: src/kernel_lib/jit/pack.py reads it as Python."""
        return json.dumps(self.model_dump(), sort_keys=True, indent=1) + "\n"

    @classmethod
    def from_text(cls, text: str, origin: str) -> Self:
        """Read what `to_text` wrote; raise RecipeError, which names `origin`, for anything else."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            facts = [(".".join(map(str, each["loc"])) or "why", each["msg"]) for each in error.errors()[:3]]
            raise RecipeError(
                "a recorded profile cannot be read",
                facts=[("file", origin), *facts],
                hint="remove it; the next `doit run` of its program records it anew",
            ) from error
