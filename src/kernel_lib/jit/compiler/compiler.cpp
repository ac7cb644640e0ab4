/*
 * compiler.cpp: LLVM as one function: a request and bitcode in, an object for one processor out, and the bitcode that
 * the optimizer made for it.
 *
 *     compiler serve                                in a kernel: see compiler.h
 *     compiler REQUEST BITCODE OBJECT OPTIMIZED     on Linux: paths of two inputs and two outputs; exit status 1 and a
 *                                                   message where it cannot
 *
 * Equal requests give equal objects, in a kernel and on Linux: nothing here looks at the machine it runs on.
 */
#include "compiler.h"
#include "branches.h"
#include "floats.h"
#include "interpreter.h"
#include "isolate.h"
#include "needed.h"
#include "request_parser.h"
#include "specialise.h"

#include <llvm/Bitcode/BitcodeWriter.h>
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

#include <string_view>
#include <vector>

using namespace llvm;

extern "C" {
void LLVMInitializeX86TargetInfo();
void LLVMInitializeX86Target();
void LLVMInitializeX86TargetMC();
void LLVMInitializeX86AsmPrinter();
void LLVMInitializeX86AsmParser();
}

static_assert(std::string_view(LLVM_VERSION_STRING) == COMPILER_LLVM, "compiler.h");

namespace {

const char *const TRIPLE = "i686-unknown-none-elf";
const char *const CPU = "i686";

/* What the build said of the processor and of what it must leave alone; the request says it anew. */
const char *const REPLACED[] = {"target-cpu", "target-features", "tune-cpu", "use-soft-float", "frame-pointer"};

const unsigned UNFOLDED_INSTRUCTIONS = 1000;

SmallVector<char, 0> object, optimized;

bool fail(compiler_job_t &job, const Twine &message) {
    SmallString<COMPILER_MESSAGE_SIZE> text;
    strncpy(job.message, message.toNullTerminatedStringRef(text).data(), sizeof job.message - 1);
    return false;
}

void aim(Module &module, StringRef features, Floats floats) {
    std::string all = features.str();
    if (features.contains("+avx512f"))
        all +=
            ",+evex512"; // that it has registers of 512 bits LLVM takes for granted with no name of a processor alone
    if (floats == Floats::SOFT)
        all += all.empty() ? "-x87,-sse" : ",-x87,-sse";
    for (Function &function : module) {
        for (const char *attribute : REPLACED)
            function.removeFnAttr(attribute);
        function.removeFnAttr(Attribute::NoImplicitFloat);
        function.addFnAttr("target-cpu", CPU);
        function.addFnAttr("target-features", all);
    }
}

std::vector<CallBase *> calls_of_itself(Function &function) {
    std::vector<CallBase *> calls;
    for (Instruction &instruction : instructions(function))
        if (auto *call = dyn_cast<CallBase>(&instruction))
            if (call->getCalledFunction() == &function)
                calls.push_back(call);
    return calls;
}

/*
 * Puts calls of the function by itself into each other, as often as the request says, while that stays small. A
 * compiler does this seldom, since it doubles the code and may not pay; here it is tried, and measured.
 */
void unfold(Function &function, unsigned levels) {
    if (has_label_addresses(function))
        return; // copies would jump into each other
    ValueToValueMapTy map;
    Function *once = CloneFunction(&function, map);
    once->setLinkage(GlobalValue::InternalLinkage);
    for (unsigned level = 0; level < levels && function.getInstructionCount() < UNFOLDED_INSTRUCTIONS; level++) {
        for (CallBase *call : calls_of_itself(function)) {
            InlineFunctionInfo info;
            call->setCalledFunction(once);
            if (!InlineFunction(*call, info).isSuccess())
                call->setCalledFunction(&function);
        }
    }
    once->eraseFromParent();
}

/* Runs passes over a module: those that remove what nobody needs, or all of the optimizer. */
void run(Module &module, TargetMachine &machine, bool is_optimizing) {
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
    ModulePassManager passes;
    if (is_optimizing)
        passes = builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3);
    else
        passes.addPass(GlobalDCEPass());
    passes.run(module, modules);
}

/* Answers with the module as it is, and as an object. */
bool emit(Module &module, TargetMachine &machine, compiler_job_t &job) {
    optimized.clear();
    raw_svector_ostream bitcode(optimized);
    WriteBitcodeToFile(module, bitcode); // before code generation, which changes it
    object.clear();
    raw_svector_ostream stream(object);
    legacy::PassManager passes;
    if (machine.addPassesToEmitFile(passes, stream, nullptr, CodeGenFileType::ObjectFile))
        return fail(job, "this LLVM cannot write objects");
    passes.run(module);
    job.object = reinterpret_cast<const uint8_t *>(object.data());
    job.object_size = static_cast<uint32_t>(object.size());
    job.optimized = reinterpret_cast<const uint8_t *>(optimized.data());
    job.optimized_size = static_cast<uint32_t>(optimized.size());
    return true;
}

bool answer(const Request &request, Module &module, compiler_job_t &job) {
    std::string why;
    const Target *target = TargetRegistry::lookupTarget(TRIPLE, why);
    TargetOptions options;
    options.AllowFPOpFusion = FPOpFusion::Strict; // a product is rounded before it is added, as in the build's code
    std::unique_ptr<TargetMachine> machine(target->createTargetMachine(
        TRIPLE, CPU, request.features, options, Reloc::Static, std::nullopt, CodeGenOptLevel::Aggressive));
    if (module.getDataLayout() != machine->createDataLayout())
        return fail(job, "the bitcode is for another machine");
    Floats floats = floats_of(module, request.features);
    if (floats == Floats::COMPUTED)
        hand_over_bits(module);
    Isolated isolated;
    if (!isolate(module, request.function, isolated, why))
        return fail(job, why);
    StripDebugInfo(module);
    run(module, *machine, false);
    Function &wanted = *isolated.function;
    job.branches = number_of_branches(module);
    job.is_recursive = !calls_of_itself(wanted).empty();
    if (request.counts_branches)
        count_branches(module);
    why = weigh_branches(module, request.branches);
    if (!why.empty())
        return fail(job, why);
    aim(module, request.features, floats);
    unfold(wanted, request.recursion);
    why = specialise(wanted, request.constants);
    if (!why.empty())
        return fail(job, why);
    run(module, *machine, true);
    if (!settle(module, isolated, why))
        return fail(job, why);
    run(module, *machine, false);
    why = doubtful_floats(module, floats);
    if (!why.empty())
        return fail(job, why);
    return emit(module, *machine, job);
}

int compile(compiler_job_t *job) {
    Request request = {};
    std::string why = parse_request(job->request, request);
    if (!why.empty()) {
        fail(*job, why);
        return 1;
    }
    LLVMContext context;
    StringRef data(reinterpret_cast<const char *>(job->bitcode), job->bitcode_size);
    Expected<std::unique_ptr<Module>> module = read_needed(MemoryBufferRef(data, "bitcode"), request.function, context);
    if (!module) {
        fail(*job, toString(module.takeError()));
        return 1;
    }
    return answer(request, **module, *job) ? 0 : 1;
}

int complain(const Twine &message) {
    errs() << message << '\n';
    return 1;
}

std::unique_ptr<MemoryBuffer> read(const char *path) {
    ErrorOr<std::unique_ptr<MemoryBuffer>> data = MemoryBuffer::getFile(path);
    if (data)
        return std::move(*data);
    complain(Twine(path) + ": " + data.getError().message());
    return nullptr;
}

bool write(const char *path, const uint8_t *data, uint32_t size) {
    std::error_code error;
    raw_fd_ostream stream(path, error);
    stream.write(reinterpret_cast<const char *>(data), size);
    stream.close();
    error = error ? error : stream.error();
    stream.clear_error();
    if (error)
        complain(Twine(path) + ": " + error.message());
    return !error;
}

/* The words of the command line behind its name. */
enum { REQUEST = 1, BITCODE, OBJECT, OPTIMIZED, WORDS };

int compile_once(char **words) {
    std::unique_ptr<MemoryBuffer> request = read(words[REQUEST]), bitcode = read(words[BITCODE]);
    if (request == nullptr || bitcode == nullptr)
        return 1;
    compiler_job_t job = {};
    job.request = request->getBufferStart(); // a zero follows it
    if (strlen(job.request) != request->getBufferSize())
        return complain("the request is no text");
    job.bitcode = reinterpret_cast<const uint8_t *>(bitcode->getBufferStart());
    job.bitcode_size = static_cast<uint32_t>(bitcode->getBufferSize());
    if (compile(&job) != 0)
        return complain(job.message);
    return write(words[OBJECT], job.object, job.object_size) &&
                   write(words[OPTIMIZED], job.optimized, job.optimized_size)
               ? 0
               : 1;
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
    static const compiler_offer_t offer = {COMPILER_ABI, compile, interpret};
    syscall(COMPILER_OFFER, &offer);
    errs() << "usage: compiler REQUEST BITCODE OBJECT OPTIMIZED\n";
    return 2;
}
