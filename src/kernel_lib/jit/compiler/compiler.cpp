/*
 * compiler.cpp: LLVM as one function: bitcode in, an object for one processor out.
 *
 *     compiler serve                              in a kernel: see compiler.h
 *     compiler FUNCTION FEATURES BITCODE OBJECT   on Linux: compiles once; exit status 1 and a message where it cannot
 *
 * Equal requests give equal objects, in a kernel and on Linux: nothing here looks at the machine it runs on.
 */
#include "compiler.h"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/IPO/Internalize.h>

#include <unistd.h>

using namespace llvm;

extern "C" {
void LLVMInitializeX86TargetInfo();
void LLVMInitializeX86Target();
void LLVMInitializeX86TargetMC();
void LLVMInitializeX86AsmPrinter();
}

namespace {

const char *const TRIPLE = "i686-unknown-none-elf";
const char *const CPU = "i686";

/* What the build said of the processor and of what it must leave alone; the request says it anew. */
const char *const REPLACED[] = {"target-cpu", "target-features", "tune-cpu", "use-soft-float", "frame-pointer"};

SmallVector<char, 0> object;

bool fail(compiler_job_t &job, const Twine &message) {
    SmallString<COMPILER_MESSAGE_SIZE> text;
    strncpy(job.message, message.toNullTerminatedStringRef(text).data(), sizeof job.message - 1);
    return false;
}

/* Makes the wanted function the only one that others can see. */
bool isolate(Module &module, compiler_job_t &job) {
    const Function *wanted = module.getFunction(job.function);
    if (wanted == nullptr || wanted->isDeclaration())
        return fail(job, Twine("the bitcode does not define ") + job.function);
    if (wanted->getReturnType()->isFloatingPointTy())
        return fail(job, Twine(job.function) + " returns a floating-point number, which kernels hand over otherwise");
    for (const GlobalVariable &variable : module.globals())
        if (!variable.isDeclaration() && !variable.isConstant())
            return fail(job, Twine("the source has a variable, ") + variable.getName() + ", which would be doubled");
    internalizeModule(module, [wanted](const GlobalValue &value) { return &value == wanted; });
    return true;
}

void aim(Module &module, const char *features) {
    for (Function &function : module) {
        for (const char *attribute : REPLACED)
            function.removeFnAttr(attribute);
        function.removeFnAttr(Attribute::NoImplicitFloat);
        function.addFnAttr("target-cpu", CPU);
        function.addFnAttr("target-features", features);
    }
}

void optimize(Module &module, TargetMachine &machine) {
    LoopAnalysisManager loops;
    FunctionAnalysisManager functions;
    CGSCCAnalysisManager components;
    ModuleAnalysisManager modules;
    PassBuilder builder(&machine);
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(components);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, components, modules);
    builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3).run(module, modules);
}

bool emit(Module &module, TargetMachine &machine, compiler_job_t &job) {
    object.clear();
    raw_svector_ostream stream(object);
    legacy::PassManager passes;
    if (machine.addPassesToEmitFile(passes, stream, nullptr, CodeGenFileType::ObjectFile))
        return fail(job, "this LLVM cannot write objects");
    passes.run(module);
    job.object = reinterpret_cast<const uint8_t *>(object.data());
    job.object_size = static_cast<uint32_t>(object.size());
    return true;
}

int compile(compiler_job_t *job) {
    LLVMContext context;
    StringRef data(reinterpret_cast<const char *>(job->bitcode), job->bitcode_size);
    Expected<std::unique_ptr<Module>> module = parseBitcodeFile(MemoryBufferRef(data, "bitcode"), context);
    if (!module) {
        fail(*job, toString(module.takeError()));
        return 1;
    }
    std::string why;
    const Target *target = TargetRegistry::lookupTarget(TRIPLE, why);
    std::unique_ptr<TargetMachine> machine(target->createTargetMachine(
        TRIPLE, CPU, job->features, TargetOptions(), Reloc::Static, std::nullopt, CodeGenOptLevel::Aggressive));
    if ((*module)->getDataLayout() != machine->createDataLayout()) {
        fail(*job, "the bitcode is for another machine");
        return 1;
    }
    if (!isolate(**module, *job))
        return 1;
    StripDebugInfo(**module);
    aim(**module, job->features);
    optimize(**module, *machine);
    return emit(**module, *machine, *job) ? 0 : 1;
}

int complain(const Twine &message) {
    errs() << message << '\n';
    return 1;
}

int compile_once(const char *function, const char *features, const char *bitcode, const char *result) {
    ErrorOr<std::unique_ptr<MemoryBuffer>> data = MemoryBuffer::getFile(bitcode);
    if (!data)
        return complain(Twine(bitcode) + ": " + data.getError().message());
    compiler_job_t job = {};
    job.bitcode = reinterpret_cast<const uint8_t *>((*data)->getBufferStart());
    job.bitcode_size = static_cast<uint32_t>((*data)->getBufferSize());
    job.function = function;
    job.features = features;
    if (compile(&job) != 0)
        return complain(job.message);
    std::error_code error;
    raw_fd_ostream stream(result, error);
    stream.write(reinterpret_cast<const char *>(job.object), job.object_size);
    stream.close();
    error = error ? error : stream.error();
    stream.clear_error();
    return error ? complain(Twine(result) + ": " + error.message()) : 0;
}

} // namespace

int main(int count, char **arguments) {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    if (count == 5)
        return compile_once(arguments[1], arguments[2], arguments[3], arguments[4]);
    static const compiler_offer_t offer = {COMPILER_ABI, LLVM_VERSION_STRING, compile};
    syscall(COMPILER_OFFER, &offer);
    errs() << "usage: compiler FUNCTION FEATURES BITCODE OBJECT\n";
    return 2;
}
