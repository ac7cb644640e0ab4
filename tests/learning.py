"""A small project whose program learns: a compiler of the tests' own, what a guest keeps of it, and disks that hold it.

The compiler is a static program like the real one, takes the same words, and answers at once: the object is the request
behind a word, the optimized bitcode is the bitcode. No guest is needed either: `keeps` writes a disk as one leaves it.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from bfbuild.disk import image
from bfbuild.disk.layout import Layout, Partition
from bfbuild.disk.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bfbuild.commands.project import Project
    from tests.small import Small

EPOCH = 1_700_000_000
DATA_LBA, SECTORS = 2048, 8000
LINES = ("function add", "features +cmov,+sse2", "recursion 3")
BETTER = (*LINES[:2], "recursion 5", "constant 0 7")
WEIGHED = (*BETTER, "branches 0123")
OTHER = ("function sum", *LINES[1:])
PROFILE = "src/profile.json"
ABI = hashlib.sha256(b"rules").digest()

RECIPES = """\
from small import RULES, layout
from toolchain import llvm, qemu

from bfbuild import CObject, Command, Image, In, Link, Out, Run, c_objects, optimizations

compiler = Link(
    name="compiler.elf",
    toolchain=llvm,
    flags=("-static", "-z", "noexecstack"),
    inputs=c_objects("learn/compiler.c", toolchain=llvm, flags=("-O1", "-ffreestanding", "-fno-stack-protector")),
)
functions = CObject(
    name="functions.bc",
    source="learn/functions.c",
    toolchain=llvm,
    flags=(*RULES, "-emit-llvm"),
)
built = CObject(name="functions.o", source="learn/functions.c", toolchain=llvm, flags=RULES)
FILES = {"COMPILER.ELF": compiler, "F.BC": functions}
cold = Image(name="learner.img", layout=layout, files={"DATA": FILES})
learner = Run(name="learner", image=cold, elf=built, toolchain=qemu, profile="src/profile.json")
made = optimizations("src/profile.json", compiler=compiler)
if made:
    words = [word for each in made for output in each.outputs for word in (In(output),)]
    bundle = Command(
        name="bundle",
        tool=llvm.python,
        toolchain=llvm,
        args=("-S", In("learn/bundle.py"), Out("bundle"), *words),
    )
    Image(
        name="learner-warm.img",
        layout=layout,
        files={"DATA": {**FILES, "BUILT": bundle}},
        default=False,
        warm=True,
    )
"""

COMPILER = """\
static long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

/* Writes a file, behind a word, to another. */
static void copy(const char *from, const char *to, const char *word, long length) {
    static char bytes[1 << 16];
    long in = call(2, (long)from, 0, 0), out = call(2, (long)to, 0101, 0666);
    if (in < 0 || out < 0)
        call(60, 1, 0, 0);
    call(1, out, (long)word, length);
    for (long count; (count = call(0, in, (long)bytes, sizeof bytes)) > 0;)
        call(1, out, (long)bytes, count);
}

__attribute__((used)) static void run(long *stack) { /* argc, then the words */
    char **words = (char **)(stack + 1);
    copy(words[1], words[3], "made of ", 8);
    copy(words[2], words[4], "", 0);
    call(60, 0, 0, 0);
}

__asm__(".globl _start\\n_start: mov %rsp, %rdi\\n and $-16, %rsp\\n call run\\n");
"""

FUNCTIONS = """\
unsigned add(unsigned a, unsigned b) { return a + b; }
unsigned sum(unsigned n) { return n == 0 ? 0 : n + sum(n - 1); }
"""

BUNDLE = """\
import sys
from pathlib import Path
Path(sys.argv[1]).write_bytes(b"".join(Path(path).read_bytes() for path in sys.argv[2:]))
"""


def teach(small: Small) -> Small:
    """Make a small project one that learns."""
    small.edit("recipes/small.py", "FLAGS = (", 'RULES = ("--target=i686-unknown-none-elf", "-O2")\nFLAGS = (')
    small.write("recipes/learner.py", RECIPES)
    for name, text in {"compiler.c": COMPILER, "functions.c": FUNCTIONS, "bundle.py": BUNDLE}.items():
        small.write(f"learn/{name}", text)
    return small


def request(project: Project, lines: tuple[str, ...] = LINES) -> bytes:
    """The request that a guest of the project, which must be built, makes."""
    compiler, bitcode = (project.output(name).digest.hash for name in ("compiler.elf", "functions.bc"))
    return asked(compiler, bitcode, lines)


def asked(compiler: str, bitcode: str, lines: tuple[str, ...] = LINES) -> bytes:
    """The bytes of a request, by FORMAT.md."""
    digests = (f"compiler {compiler}", f"bitcode {bitcode}")
    return "".join(f"{line}\n" for line in ("bareflow-request 2", *digests, *lines)).encode()


def answer(project: Project, text: bytes) -> tuple[bytes, bytes]:
    """What the project's compiler makes of a request: object and bitcode."""
    return b"made of " + text, project.store.cas.get_bytes(project.output("functions.bc").digest)


def written(
    text: bytes,
    code: tuple[bytes, bytes],
    *,
    figures: tuple[int, int, int] = (500, 2000, 1000),
    better: bytes = bytes(32),
    version: int = 2,
) -> bytes:
    """The bytes of an artifact, by FORMAT.md."""
    object_, optimized = code
    sizes = (len(text), len(object_), len(optimized))
    head = struct.pack("<4sI", b"BFJA", version) + hashlib.sha256(text).digest() + ABI
    head += struct.pack("<Q16s4I2Q", 0x81, b"19.1.7", *sizes, *figures) + better + hashlib.sha256(optimized).digest()
    body = head + text + object_
    return body + hashlib.sha256(body).digest() + optimized


def place(text: bytes) -> str:
    """Where a guest keeps the artifact of a request."""
    return f"JIT/CACHE/{hashlib.sha256(text).hexdigest()[:16]}.art"


def disk(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A disk whose partition has these files."""
    folder.mkdir(exist_ok=True)
    paths = {}
    for index, (path, data) in enumerate(files.items()):
        source = folder / str(index)
        source.write_bytes(data)
        paths[path] = str(source)
    layout = Layout((DATA_LBA + SECTORS) * 512, (), (Partition("DATA", DATA_LBA, SECTORS),))
    made = folder / "disk.img"
    image.build(Spec(layout, files={"DATA": paths}), made, timestamp=EPOCH)
    return made


def keeps(folder: Path, project: Project, asked_for: Iterable[tuple[str, ...]] = (LINES,)) -> Path:
    """A disk as a guest leaves it that was right about these requests."""
    texts = [request(project, lines) for lines in asked_for]
    return disk(folder, {place(text): written(text, answer(project, text)) for text in texts})
