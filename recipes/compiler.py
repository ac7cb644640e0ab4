"""The compiler module: LLVM for x86 alone, as one static i386 program that a kernel can load, and Linux too."""

from bfbuild import CObject, Command, In, Link, Out, Recipe, c_objects, glob, optimizations
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
    *("Interpreter", "ExecutionEngine", "RuntimeDyld", "OrcTargetProcess", "OrcShared"),
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


# What makes a source optimizable. Each of its variables stays as it is written and keeps its name: code that is made at
# run time uses them too. So clang does not take variables apart, make constants of those that are never written, or
# leave out those that are never read; all else is as without.
SHARED = ("-DJIT_SOURCE", "-fkeep-persistent-storage-variables")


def bitcode(source: str, *, flags: tuple[str, ...], headers: tuple[Recipe | str, ...]) -> CObject:
    """Declare `SOURCE.bc`: a source as the module wants it, not yet optimized but with all that helps to do so."""
    return CObject(
        name=f"{source}.bc",
        source=source,
        toolchain=llvm,
        flags=(*flags, "-g0", "-Xclang", "-disable-llvm-passes", "-emit-llvm"),
        includes=("src/kernel_lib",),
        headers=headers,
    )


def optimizable(
    source: str, *, flags: tuple[str, ...], headers: tuple[Recipe | str, ...], path: str
) -> tuple[CObject, dict[str, Recipe | str]]:
    """Declare a source twice: as an object, and as bitcode that lies at `path` on the disk (src/kernel_lib/jit).

    Return the object and the files that a disk must have for it. The object knows the digest of its bitcode and of the
    module, so both are made before it; and where what it holds lies, so it is made a first time without that.
    """
    flags = (*flags, *SHARED)
    code = bitcode(source, flags=flags, headers=headers)

    def compiled(name: str, *more: Recipe, include: tuple[str, ...] = ()) -> CObject:
        return CObject(
            name=name,
            source=source,
            toolchain=llvm,
            flags=(*flags, *include),
            includes=("src/kernel_lib",),
            headers=(*headers, *more),
        )

    symbols = Command(
        name=f"{source}.symbols.txt",
        tool="llvm-nm",
        toolchain=llvm,
        args=(In(compiled(f"{source}.first.o")),),
        stdout=f"{source}.symbols.txt",
    )
    description = f"{source}.description.h"
    known = Command(
        name=description,
        tool=llvm.python,
        toolchain=llvm,
        args=(
            *("-S", In("src/kernel_lib/jit/describe.py"), In(code), In(module), In(ABI), In(symbols)),
            *(path, Out(description)),
        ),
    )
    object_ = compiled(f"{source}.o", known, include=("-include", f"build/{description}"))
    return object_, {COMPILER: module, path: code}


def optimized(profile: str) -> dict[str, Recipe | str]:
    """Declare what guests would make of the requests in a recorded profile, made here; return files for a disk, if any.

    Same request, same bytes: a guest on a processor of the profile needs no compiler for them. What the store does not
    have from a boot is made by running the module, so the building machine must run i386 programs then.
    """
    made = optimizations(profile, compiler=module)
    if not made:
        return {}
    name = f"{profile.removesuffix('.json')}.art"
    files = [
        word
        for each in made
        for word in (str(each.bitcode), In(each.bitcode), *(In(output) for output in each.outputs))
    ]
    bundle = Command(
        name=name,
        tool=llvm.python,
        toolchain=llvm,
        args=("-S", In("src/kernel_lib/jit/pack.py"), Out(name), In(ABI), In(module), In(profile), *files),
    )
    return {BUNDLE: bundle}
