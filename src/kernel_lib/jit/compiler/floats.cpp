/* floats.cpp: see floats.h. */
#include "floats.h"

#include <llvm/ADT/STLExtras.h>
#include <llvm/ADT/StringExtras.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>

#include <vector>

using namespace llvm;

namespace {

/* The integer that stands for a result; nullptr where the result is none of floating point. */
Type *bits_of(Type *type) {
    if (!type->isFloatTy() && !type->isDoubleTy())
        return nullptr;
    return Type::getIntNTy(type->getContext(), static_cast<unsigned>(type->getPrimitiveSizeInBits().getFixedValue()));
}

FunctionType *with_bits(FunctionType *type) {
    return FunctionType::get(bits_of(type->getReturnType()), type->params(), type->isVarArg());
}

AttributeList without_result(const AttributeList &attributes, LLVMContext &context) {
    return attributes.removeAttributesAtIndex(context, AttributeList::ReturnIndex);
}

/* Puts a function that returns bits in the place of one. */
void return_bits(Function &function) {
    Type *bits = bits_of(function.getReturnType());
    Function *made = Function::Create(with_bits(function.getFunctionType()), function.getLinkage());
    function.getParent()->getFunctionList().insert(function.getIterator(), made);
    made->copyAttributesFrom(&function);
    made->setAttributes(without_result(function.getAttributes(), function.getContext()));
    made->splice(made->begin(), &function);
    for (auto [from, to] : zip(function.args(), made->args())) {
        to.takeName(&from);
        from.replaceAllUsesWith(&to);
    }
    for (BasicBlock &block : *made)
        if (auto *end = dyn_cast<ReturnInst>(block.getTerminator())) {
            IRBuilder<> builder(end);
            builder.CreateRet(builder.CreateBitCast(end->getReturnValue(), bits));
            end->eraseFromParent();
        }
    function.replaceAllUsesWith(made);
    made->takeName(&function);
    function.eraseFromParent();
}

void expect_bits(CallInst &call) {
    IRBuilder<> builder(&call);
    std::vector<Value *> arguments(call.arg_begin(), call.arg_end());
    CallInst *made = builder.CreateCall(with_bits(call.getFunctionType()), call.getCalledOperand(), arguments);
    made->setCallingConv(call.getCallingConv());
    made->setAttributes(without_result(call.getAttributes(), call.getContext()));
    made->setTailCallKind(call.getTailCallKind());
    call.replaceAllUsesWith(builder.CreateBitCast(made, call.getType()));
    call.eraseFromParent();
}

/* Whether code generators compute it themselves, as what the build called does. */
bool is_computed(const IntrinsicInst &call) {
    switch (call.getIntrinsicID()) {
    case Intrinsic::fabs:
    case Intrinsic::copysign:
    case Intrinsic::fmuladd:
    case Intrinsic::vector_reduce_fadd:
    case Intrinsic::vector_reduce_fmul:
        return true;
    default:
        return !call.getType()->isFPOrFPVectorTy();
    }
}

bool uses_floats(const Instruction &instruction) {
    return instruction.getType()->isFPOrFPVectorTy() ||
           any_of(instruction.operands(), [](const Use &use) { return use->getType()->isFPOrFPVectorTy(); });
}

std::string doubt(const Instruction &instruction, Floats floats) {
    if (floats == Floats::OTHER && uses_floats(instruction))
        return "computes with x87, whose results depend on how code is compiled, or with SSE2 that is not there";
    if (floats != Floats::COMPUTED)
        return "";
    if (instruction.getType()->getScalarType()->isX86_FP80Ty())
        return "uses long double";
    if (instruction.getOpcode() == Instruction::FRem)
        return "takes a remainder of floating point, which a function computes that hands it over otherwise";
    const auto *call = dyn_cast<IntrinsicInst>(&instruction);
    if (call != nullptr && !is_computed(*call))
        return ("uses " + call->getCalledFunction()->getName() + ", for which another function may be called").str();
    return "";
}

bool has(StringRef features, StringRef word) {
    SmallVector<StringRef, 64> words;
    features.split(words, ',');
    return is_contained(words, word);
}

} // namespace

Floats floats_of(const Module &module, StringRef features) {
    bool has_sse2 = has(features, "+sse2");
    for (const Function &function : module) {
        if (function.isDeclaration())
            continue;
        StringRef built = function.getFnAttribute("target-features").getValueAsString();
        if (has(built, "+sse2"))
            return has_sse2 ? Floats::HARD : Floats::OTHER;
        if (has(built, "-x87"))
            return has_sse2 ? Floats::COMPUTED : Floats::SOFT;
        return Floats::OTHER;
    }
    return Floats::SOFT;
}

void hand_over_bits(Module &module) {
    for (Function &function : make_early_inc_range(module))
        if (!function.isIntrinsic() && bits_of(function.getReturnType()) != nullptr)
            return_bits(function);
    for (Function &function : module)
        for (Instruction &instruction : make_early_inc_range(instructions(function)))
            if (auto *call = dyn_cast<CallInst>(&instruction))
                if (!isa<IntrinsicInst>(call) && !call->isInlineAsm() && bits_of(call->getType()) != nullptr)
                    expect_bits(*call);
}

std::string doubtful_floats(const Module &module, Floats floats) {
    for (const Function &function : module)
        for (const Instruction &instruction : instructions(function)) {
            std::string why = doubt(instruction, floats);
            if (!why.empty())
                return (function.getName() + " " + why).str();
        }
    return "";
}
