/* interpreter.cpp: see interpreter.h. What LLVM's interpreter cannot do it aborts at, so it is looked for before. */
#include "interpreter.h"
#include "isolate.h"

#include <llvm/ADT/STLExtras.h>
#include <llvm/ADT/StringExtras.h>
#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/ExecutionEngine/GenericValue.h>
#include <llvm/ExecutionEngine/Interpreter.h>
#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/Support/DynamicLibrary.h>
#include <llvm/Support/MemoryBuffer.h>

#include <map>

using namespace llvm;

namespace {

/* A function that is ready to run; those that run are not in the list, since an engine runs one call at a time. */
struct Engine {
    LLVMContext context;
    std::unique_ptr<ExecutionEngine> engine;
    Function *function = nullptr;
};

std::map<std::string, std::vector<std::unique_ptr<Engine>>> idle; /* by digest of the bitcode, and name */

bool is_word(const Type *type) {
    return type->isPointerTy() || type->isIntegerTy(8) || type->isIntegerTy(16) || type->isIntegerTy(32) ||
           type->isIntegerTy(64);
}

bool is_known(const CallBase &call) {
    const Function *function = call.getCalledFunction();
    if (function == nullptr)
        return false;
    switch (function->getIntrinsicID()) {
    case Intrinsic::lifetime_start:
    case Intrinsic::lifetime_end:
    case Intrinsic::memcpy:
    case Intrinsic::memmove:
    case Intrinsic::memset:
        return true;
    case Intrinsic::not_intrinsic:
        break;
    default:
        return false;
    }
    bool has_words = all_of(call.args(), [](const Use &use) { return is_word(use->getType()); }) &&
                     (call.getType()->isVoidTy() || is_word(call.getType()));
    return has_words && !function->isVarArg() && !call.hasByValArgument() && !call.hasStructRetAttr();
}

bool is_known(const Instruction &instruction) {
    switch (instruction.getOpcode()) {
    case Instruction::FNeg:
    case Instruction::FCmp:
    case Instruction::Invoke:
    case Instruction::CallBr:
    case Instruction::IndirectBr:
    case Instruction::Fence:
    case Instruction::AtomicCmpXchg:
    case Instruction::AtomicRMW:
    case Instruction::Freeze:
    case Instruction::VAArg:
        return false;
    case Instruction::Call:
        return is_known(cast<CallBase>(instruction));
    default:
        return none_of(instruction.operands(), [](const Use &use) {
            const Type *type = use->getType();
            return type->isFPOrFPVectorTy() || type->isVectorTy() || type->isStructTy() ||
                   isa<Function>(use->stripPointerCasts()) || isa<BlockAddress>(use);
        });
    }
}

void declare_constants(Module &module) {
    for (GlobalVariable &variable : module.globals())
        if (variable.hasAvailableExternallyLinkage()) {
            variable.setInitializer(nullptr);
            variable.setLinkage(GlobalValue::ExternalLinkage);
        }
}

/* Gives all that the kernel has its address there. */
bool find_names(Module &module, const compiler_call_t &call, std::string &why) {
    for (GlobalObject &each : module.global_objects()) {
        auto *function = dyn_cast<Function>(&each);
        if (!each.isDeclaration() || each.use_empty() || (function != nullptr && function->isIntrinsic()))
            continue;
        uint32_t address = call.find(call.where, each.getName().str().c_str());
        if (address == 0) {
            why = ("it needs " + each.getName()).str();
            return false;
        }
        each.setName("at." + utohexstr(address)); /* names of other files may be the same */
        sys::DynamicLibrary::AddSymbol(each.getName(), reinterpret_cast<void *>(address));
    }
    return true;
}

bool is_suitable(Module &module, const Function &wanted, std::string &why) {
    bool has_words = all_of(wanted.args(), [](const Argument &argument) { return is_word(argument.getType()); }) &&
                     (wanted.getReturnType()->isVoidTy() || is_word(wanted.getReturnType()));
    if (!has_words || wanted.isVarArg() || wanted.hasStructRetAttr())
        why = "of its arguments or result";
    for (const GlobalVariable &variable : module.globals())
        if (variable.hasInitializer() && !variable.use_empty())
            why = "of the constant " + variable.getName().str();
    for (const Function &function : module)
        for (const Instruction &instruction : instructions(function))
            if (!is_known(instruction))
                why = std::string("of an instruction, ") + instruction.getOpcodeName();
    return why.empty();
}

std::unique_ptr<Engine> prepare(const compiler_call_t &call, std::string &why) {
    auto made = std::make_unique<Engine>();
    StringRef data(reinterpret_cast<const char *>(call.bitcode), call.bitcode_size);
    Expected<std::unique_ptr<Module>> module = parseBitcodeFile(MemoryBufferRef(data, "bitcode"), made->context);
    if (!module) {
        why = toString(module.takeError());
        return nullptr;
    }
    Isolated isolated;
    StripDebugInfo(**module);
    if (!isolate(**module, call.function, isolated, why))
        return nullptr;
    remove_unused(**module);
    declare_constants(**module);
    if (!is_suitable(**module, *isolated.function, why) || !find_names(**module, call, why))
        return nullptr;
    LLVMLinkInInterpreter();
    made->function = isolated.function;
    made->engine.reset(
        EngineBuilder(std::move(*module)).setEngineKind(EngineKind::Interpreter).setErrorStr(&why).create());
    return made->engine == nullptr ? nullptr : std::move(made);
}

std::vector<GenericValue> values_of(const Function &function, const uint32_t *words) {
    std::vector<GenericValue> values;
    for (const Argument &argument : function.args()) {
        GenericValue value;
        const auto *type = dyn_cast<IntegerType>(argument.getType());
        uint64_t word = *words++;
        if (type == nullptr)
            value.PointerVal = reinterpret_cast<void *>(static_cast<uintptr_t>(word));
        else if (type->getBitWidth() <= 32)
            value.IntVal = APInt(32, word).trunc(type->getBitWidth());
        else
            value.IntVal = APInt(64, word | static_cast<uint64_t>(*words++) << 32);
        values.push_back(value);
    }
    return values;
}

} // namespace

int interpret(compiler_call_t *call) {
    std::vector<std::unique_ptr<Engine>> &engines = idle[std::string(call->digest) + call->function];
    std::unique_ptr<Engine> engine;
    std::string why;
    if (engines.empty()) {
        engine = prepare(*call, why);
    } else {
        engine = std::move(engines.back());
        engines.pop_back();
    }
    if (engine == nullptr) {
        strncpy(call->message, why.c_str(), sizeof call->message - 1);
        return 1;
    }
    if (call->arguments == nullptr) {
        engines.push_back(std::move(engine));
        return 0;
    }
    const Type *type = engine->function->getReturnType();
    GenericValue result = engine->engine->runFunction(engine->function, values_of(*engine->function, call->arguments));
    if (type->isPointerTy())
        call->result = reinterpret_cast<uintptr_t>(result.PointerVal);
    else if (!type->isVoidTy())
        call->result = result.IntVal.getZExtValue();
    idle[std::string(call->digest) + call->function].push_back(std::move(engine));
    return 0;
}
