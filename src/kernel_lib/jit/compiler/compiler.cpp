/*
 * compiler.cpp: LLVM as one function: bitcode in, an object for one processor out.
 *
 *     compiler serve                                        in a kernel: see compiler.h
 *     compiler FUNCTION FEATURES RECURSION BITCODE OBJECT   on Linux: compiles once; exit status 1 and a message where
 * it cannot
 *
 * Equal requests give equal objects, in a kernel and on Linux: nothing here looks at the machine it runs on.
 */
#include "compiler.h"
#include "isolate.h"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/IPO/GlobalDCE.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include <unistd.h>

#include <vector>

using namespace llvm;

extern "C" {
void LLVMInitializeX86TargetInfo();
void LLVMInitializeX86Target();
void LLVMInitializeX86TargetMC();
void LLVMInitializeX86AsmPrinter();
void LLVMInitializeX86AsmParser();
}

namespace {

const char *const TRIPLE = "i686-unknown-none-elf";
const char *const CPU = "i686";

/* What the build said of the processor and of what it must leave alone; the request says it anew. */
const char *const REPLACED[] = {"target-cpu", "target-features", "tune-cpu", "use-soft-float", "frame-pointer"};

const unsigned UNFOLDED_INSTRUCTIONS = 1000;

SmallVector<char, 0> object;

bool fail(compiler_job_t &job, const Twine &message) {
    SmallString<COMPILER_MESSAGE_SIZE> text;
    strncpy(job.message, message.toNullTerminatedStringRef(text).data(), sizeof job.message - 1);
    return false;
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

/*
 * Puts calls of the function by itself into each other, as often as the request says, while that stays small. A
 * compiler does this seldom, since it doubles the code and may not pay; here it is tried, and measured.
 */
void unfold(Function &function, unsigned levels) {
    ValueToValueMapTy map;
    Function *once = CloneFunction(&function, map);
    once->setLinkage(GlobalValue::InternalLinkage);
    for (unsigned level = 0; level < levels && function.getInstructionCount() < UNFOLDED_INSTRUCTIONS; level++) {
        std::vector<CallBase *> calls;
        for (Instruction &instruction : instructions(function))
            if (auto *call = dyn_cast<CallBase>(&instruction))
                if (call->getCalledFunction() == &function)
                    calls.push_back(call);
        for (CallBase *call : calls) {
            InlineFunctionInfo info;
            call->setCalledFunction(once);
            if (!InlineFunction(*call, info).isSuccess())
                call->setCalledFunction(&function);
        }
    }
    once->eraseFromParent();
}

bool optimize(Module &module, TargetMachine &machine, const Isolated &isolated, std::string &why) {
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
    if (!settle(module, isolated, why))
        return false;
    GlobalDCEPass().run(module, modules);
    return true;
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
    Isolated isolated;
    if (!isolate(**module, job->function, isolated, why)) {
        fail(*job, why);
        return 1;
    }
    StripDebugInfo(**module);
    aim(**module, job->features);
    unfold(*isolated.function, job->recursion);
    if (!optimize(**module, *machine, isolated, why)) {
        fail(*job, why);
        return 1;
    }
    return emit(**module, *machine, *job) ? 0 : 1;
}

int complain(const Twine &message) {
    errs() << message << '\n';
    return 1;
}

/* The words of the command line behind its name. */
enum { FUNCTION = 1, FEATURES, RECURSION, BITCODE, OBJECT, WORDS };

int compile_once(char **words) {
    const char *bitcode = words[BITCODE], *result = words[OBJECT];
    ErrorOr<std::unique_ptr<MemoryBuffer>> data = MemoryBuffer::getFile(bitcode);
    if (!data)
        return complain(Twine(bitcode) + ": " + data.getError().message());
    compiler_job_t job = {};
    job.bitcode = reinterpret_cast<const uint8_t *>((*data)->getBufferStart());
    job.bitcode_size = static_cast<uint32_t>((*data)->getBufferSize());
    job.function = words[FUNCTION];
    job.features = words[FEATURES];
    job.recursion = static_cast<uint32_t>(strtoul(words[RECURSION], nullptr, 10));
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
    LLVMInitializeX86AsmParser(); // of assembly in a source
    if (count == WORDS)
        return compile_once(arguments);
    static const compiler_offer_t offer = {COMPILER_ABI, LLVM_VERSION_STRING, compile};
    syscall(COMPILER_OFFER, &offer);
    errs() << "usage: compiler FUNCTION FEATURES RECURSION BITCODE OBJECT\n";
    return 2;
}
