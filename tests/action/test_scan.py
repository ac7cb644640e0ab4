"""Which files a source includes: never too few, checked against what the compilers themselves say."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bfbuild.action.scan import Include, MacroName, Scanner, asm_includes, c_includes
from bfbuild.errors import RecipeError
from bfbuild.recipe.graph import File, Source
from tests.conftest import Tool


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('#include "a.h"\n', [("a.h", 1, True)]),
        ("#include <a.h>\n", [("a.h", 1, False)]),
        ('\n\n \t# \t include\t"deep/a.h" // why\n', [("deep/a.h", 3, True)]),
        ('#if 0\n#include "never.h"\n#endif\n', [("never.h", 2, True)]),
        (
            '#embed "font.bin"\n#import "b.h"\n#include_next <c.h>\n',
            [("font.bin", 1, True), ("b.h", 2, True), ("c.h", 3, False)],
        ),
        ('// #include "a.h"\n', []),
        ('char *s = "#include <a.h>";\n', []),
        ('#define include "a.h"\n#error include "a.h"\n', []),
        ('#include "a.h"\r\n#include "b.h"\r\n', [("a.h", 1, True), ("b.h", 2, True)]),
        ('#include \\\n "a.h"\n', [("a.h", 2, True)]),
        ('#/* one */include/* two */"a.h"\n', [("a.h", 1, True)]),
        ('/* here\n*/ #include "a.h"\n', [("a.h", 2, True)]),
        ("", []),
    ],
)
def test_the_directives_of_c(text: str, found: list[tuple[str, int, bool]]) -> None:
    """Every way to write an include is found with its line, and nothing that only looks like one."""
    assert [Include(*each) for each in found] == list(c_includes(text.encode()))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('%include "a.inc"\n', ["a.inc"]),
        ("%include 'a.inc'\n  %INCLUDE \"b.inc\"\n", ["a.inc", "b.inc"]),
        ('table: incbin "table.bin"\nIncBin "other.bin", 16\n', ["table.bin", "other.bin"]),
        ('; %include "a.inc"\nmov al, 1 ; incbin "b.bin"\n', []),
        ('db "a;b" \n incbin "c.bin"\n', ["c.bin"]),
        ("incbinary: nop\n", []),
    ],
)
def test_the_directives_of_nasm(text: str, found: list[str]) -> None:
    """Includes and binaries, by either quote and case, but none in a comment; nasm never looks beside the file."""
    assert list(asm_includes(text.encode())) == [
        Include(name, next(n for n, row in enumerate(text.splitlines(), 1) if name in row), beside=False)
        for name in found
    ]


@pytest.mark.parametrize(
    ("directives", "text"),
    [(c_includes, "#define A <a.h>\n#include A\n"), (asm_includes, "\n%include NAME\n")],
)
def test_a_name_made_by_a_macro_is_refused(directives: Callable[[bytes], object], text: str) -> None:
    """What the scan cannot follow it says, with the line."""
    with pytest.raises(MacroName) as problem:
        list(directives(text.encode()))  # type: ignore[call-overload]
    assert problem.value.line == 2


def scan(
    files: Mapping[str, str], source: str, folders: tuple[str, ...] = (), undeclared: tuple[str, ...] = ()
) -> list[str]:
    """Return the places that a source includes, of these declared files."""
    declared: dict[str, File] = {path: Source(path) for path in files}
    scanner = Scanner(
        includes=lambda file: tuple(c_includes(files[file.place].encode())),
        declared=declared,
        folders=folders,
        undeclared=lambda place: place in undeclared,
        root=Path("/project"),
        owner="a.o",
    )
    return [file.place for file in scanner.closure(Source(source))]


def test_includes_are_followed_through_headers() -> None:
    """The whole closure, sorted; a circle ends; what nobody includes is left out."""
    files = {
        "src/a.c": '#include "b.h"\n#include <sys.h>\n',
        "src/b.h": '#include "deep/c.h"\n',
        "src/deep/c.h": '#include "../b.h"\n',
        "src/unused.h": "",
    }
    assert scan(files, "src/a.c") == ["src/b.h", "src/deep/c.h"]


def test_the_first_place_wins_as_for_the_compiler() -> None:
    """Beside the includer first, for quotes only; then the folders in their order."""
    files = {"src/a.c": '#include "x.h"\n#include <y.h>\n', "src/x.h": "", "src/y.h": "", "i/x.h": "", "i/y.h": ""}
    assert scan(files, "src/a.c", ("i", "src")) == ["i/y.h", "src/x.h"]


def test_a_header_of_the_project_that_was_not_declared_is_refused() -> None:
    """It would be invisible to the compiler, and a change of it to us: the error shows the include's own line."""
    with pytest.raises(RecipeError) as problem:
        scan({"src/a.c": '\n#include "secret.h"\n'}, "src/a.c", undeclared=("src/secret.h",))
    error = problem.value
    assert error.headline == "a source includes a file that its recipe does not declare"
    assert error.facts == [("recipe", "a.o"), ("includes", "src/secret.h")]
    assert str(error.location) == "/project/src/a.c:2"
    assert error.hint == "add it to headers, e.g. headers=glob('src/*.h')"


def test_a_header_that_stands_before_the_declared_one_is_refused() -> None:
    """Any other compiler would take the undeclared one, so silently taking the other would be a surprise."""
    files = {"src/a.c": '#include "x.h"\n', "i/x.h": ""}
    with pytest.raises(RecipeError) as problem:
        scan(files, "src/a.c", ("i",), undeclared=("src/x.h",))
    assert problem.value.facts == [("recipe", "a.o"), ("includes", "src/x.h")]


def test_a_path_out_of_the_project_is_never_looked_at() -> None:
    """An include that climbs out of the project is left to the compiler, which does not see it either."""
    assert scan({"a.c": '#include "../../etc/passwd"\n'}, "a.c", undeclared=("../../etc/passwd", "etc/passwd")) == []


NAMES = ("a.h", "b.h", "d/a.h", "d/c.h")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({name: st.lists(st.sampled_from(range(8)), max_size=3) for name in ("s/m.c", *NAMES)}))
def test_the_closure_is_what_clang_reads(tool: Tool, tmp_path: Path, uses: dict[str, list[int]]) -> None:
    """Of random trees of headers, found beside and by folders: what `clang -MM` names, the scan names."""
    ways = ['"a.h"', "<a.h>", '"b.h"', '"c.h"', '"d/a.h"', "<d/c.h>", '"../d/c.h"', '"../b.h"']
    files = {}
    for path, lines in uses.items():
        where = f"i/{path}" if path.endswith(".h") else path
        guard = path.replace("/", "_").replace(".", "_")
        body = "".join(f"#if __has_include({ways[way]})\n#include {ways[way]}\n#endif\n" for way in lines)
        files[where] = f"#ifndef {guard}\n#define {guard}\n{body}#endif\n"
        (tmp_path / where).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / where).write_text(files[where])
    said = tool("clang", "-MM", "-Ii", "-Ii/d", "s/m.c", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    read = {posixpath.normpath(name) for name in said.stdout.replace("\\\n", " ").split()[1:]}
    assert set(scan(files, "s/m.c", ("i", "i/d"))) | {"s/m.c"} == read
