"""The compiler module: LLVM for x86 alone, as one static i386 program that a kernel can load, and Linux too."""

from bfbuild import CObject, Command, In, Link, Out, Recipe, c_objects, glob
from layout import layout
from toolchain import compiler, llvm

COMPILER = "JIT/COMPILER.ELF"  # where a kernel looks for the module (jit.c)
ABI = "src/kernel_lib/jit/abi.txt"  # by which rules code and kernel meet
BUNDLE = "JIT/BUILT.ART"  # and where for code that was made before its boot (artifact.c)
SYSROOT = "/sysroot/usr/lib"
MACHINE = ("--target=i386-linux-gnu", "--sysroot=/sysroot")

# LLVM's optimizer, its code generator for x86, and what these are made of.
LIBRARIES = (
    *("Passes", "ipo", "Vectorize", "ScalarOpts", "AggressiveInstCombine", "InstCombine", "TransformUtils"),
    *("Coroutines", "Instrumentation", "ObjCARCOpts", "HipStdPar", "IRPrinter", "FrontendOpenMP"),
    *("FrontendOffloading", "Linker", "X86CodeGen", "X86AsmParser", "X86Desc", "X86Info", "AsmPrinter", "GlobalISel"),
    *(
        "SelectionDAG",
        "CodeGen",
        "CodeGenTypes",
        "CodeGenData",
        "CFGuard",
        "Target",
        "TargetParser",
        "Analysis",
        "ProfileData",
    ),
    *("Object", "MC", "MCParser", "MCDisassembler", "BitReader", "BitWriter", "BitstreamReader", "IRReader"),
    *("AsmParser", "TextAPI", "DebugInfoDWARF", "DebugInfoCodeView", "DebugInfoMSF", "DebugInfoPDB", "DebugInfoBTF"),
    *("Remarks", "Symbolize", "BinaryFormat", "Demangle", "Core", "Support"),
)

objects = c_objects(
    "src/kernel_lib/jit/compiler/*.cpp",
    toolchain=compiler,
    flags=(
        *MACHINE,
        *("-std=c++17", "-O2", "-fno-exceptions", "-fno-rtti", "-ffunction-sections", "-fdata-sections"),
        *("-D_GNU_SOURCE", "-D__STDC_CONSTANT_MACROS", "-D__STDC_FORMAT_MACROS", "-D__STDC_LIMIT_MACROS"),
        *("-Wall", "-Wextra", "-Werror", "-Wshadow"),
        f"-isystem{SYSROOT}/llvm-19/include",
    ),
    headers=glob("src/kernel_lib/jit/compiler/*.h"),
)
module = Link(
    name="jit/compiler.elf",
    driver="cxx",
    toolchain=compiler,
    script="src/kernel_lib/jit/compiler/compiler.ld",
    symbols={"compiler_address": layout["WINDOW_START"]},
    flags=(
        *(*MACHINE, "-static", "-nostartfiles", f"{SYSROOT}/i386-linux-gnu/crt1.o", f"{SYSROOT}/i386-linux-gnu/crti.o"),
        *("-Wl,--gc-sections", "-Wl,--icf=all", "-Wl,--strip-all", f"-L{SYSROOT}/llvm-19/lib"),
        *(f"-lLLVM{each}" for each in LIBRARIES),
        *("-lz", "-lzstd", f"{SYSROOT}/i386-linux-gnu/crtn.o"),
    ),
    inputs=objects,
)


def bitcode(source: str, *, flags: tuple[str, ...], headers: tuple[Recipe | str, ...]) -> CObject:
    """Declare `SOURCE.bc`: a source as the module wants it, not yet optimized but with all that helps to do so."""
    return CObject(
        name=f"{source}.bc",
        source=source,
        toolchain=llvm,
        flags=(*flags, "-g0", "-DJIT_BITCODE", "-Xclang", "-disable-llvm-passes", "-emit-llvm"),
        includes=("src/kernel_lib",),
        headers=headers,
    )


def optimizable(
    source: str, *, flags: tuple[str, ...], headers: tuple[Recipe | str, ...], path: str
) -> tuple[CObject, dict[str, Recipe | str]]:
    """Declare a source twice: as an object, and as bitcode that lies at `path` on the disk (src/kernel_lib/jit).

    Return the object and the files that a disk must have for it. The object knows the digest of its bitcode and of the
    module, so both are made before it.
    """
    code = bitcode(source, flags=flags, headers=headers)
    digests = f"{source}.digests.h"
    known = Command(
        name=digests,
        tool=llvm.python,
        toolchain=llvm,
        args=("-S", In("src/kernel_lib/jit/describe.py"), In(code), In(module), In(ABI), path, Out(digests)),
    )
    object_ = CObject(
        name=f"{source}.o",
        source=source,
        toolchain=llvm,
        flags=(*flags, "-include", f"build/{digests}"),
        includes=("src/kernel_lib",),
        headers=(*headers, known),
    )
    return object_, {COMPILER: module, path: code}


def optimized(
    name: str, source: str, functions: tuple[str, ...], *, features: str, recursion: int = 3
) -> dict[str, Recipe | str]:
    """Declare what a guest would make of these functions of an optimizable source, made here; return files for a disk.

    Same request, same bytes: a guest that finds itself on a processor with just these features tries the code at once,
    and needs no compiler. Runs the module, so the building machine must run i386 programs.
    """
    parts: list[In] = []
    for function in functions:
        request, code, better = (f"{name}/{function}.{suffix}" for suffix in ("txt", "o", "bc"))
        asked = Command(
            name=request,
            tool=llvm.python,
            toolchain=llvm,
            args=(
                *("-S", In("src/kernel_lib/jit/ask.py"), In(module), In(f"{source}.bc")),
                *(function, features or "none", str(recursion), Out(request)),
            ),
        )
        Command(
            name=code,
            tool=module,
            toolchain=llvm,
            args=(In(asked), In(f"{source}.bc"), Out(code), Out(better)),
        )
        parts += [In(asked), In(code), In(better)]
    bundle = Command(
        name=f"{name}.art",
        tool=llvm.python,
        toolchain=llvm,
        args=("-S", In("src/kernel_lib/jit/pack.py"), In(ABI), Out(f"{name}.art"), *parts),
    )
    return {BUNDLE: bundle}
