/* specialise.cpp: see specialise.h. */
#include "specialise.h"
#include "isolate.h"

#include <llvm/ADT/Twine.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/Transforms/Utils/Cloning.h>

using namespace llvm;

namespace {

/* A request says so only where it is most calls. */
const unsigned GUARD_HOLDS = 9, GUARD_FAILS = 1;

/* How many words of the stack an argument takes; 0 where that is not known here. */
unsigned words_of(const Argument &argument) {
    const Type *type = argument.getType();
    if (argument.hasPassPointeeByValueCopyAttr() || argument.hasInRegAttr())
        return 0;
    if (type->isPointerTy() || type->isFloatTy() || (type->isIntegerTy() && type->getIntegerBitWidth() <= 32))
        return 1;
    return type->isDoubleTy() || type->isIntegerTy(64) ? 2 : 0;
}

/* The argument that is the word; nullptr where it is a part of one, or is passed in some other way. */
Argument *argument_at(Function &function, unsigned word) {
    unsigned at = 0;
    for (Argument &argument : function.args()) {
        unsigned words = words_of(argument);
        if (words == 0 || at > word)
            return nullptr;
        if (at == word)
            return words == 1 && !argument.getType()->isFloatTy() ? &argument : nullptr;
        at += words;
    }
    return nullptr;
}

llvm::Constant *as(Type *type, uint32_t value) {
    llvm::Constant *word = ConstantInt::get(Type::getInt32Ty(type->getContext()), value);
    return type->isPointerTy() ? ConstantExpr::getIntToPtr(word, type) : ConstantInt::get(type, value);
}

struct Known {
    Argument *argument;
    llvm::Constant *value;
};

bool brings(const CallBase &call, const std::vector<Known> &known) {
    for (const Known &each : known)
        if (call.getArgOperand(each.argument->getArgNo()) != each.value)
            return false;
    return true;
}

/* A copy of the function, for calls in which the words may have any values, or have these; `known` or nothing. */
Function *copy(Function &function, const std::vector<Known> &known) {
    ValueToValueMapTy map;
    Function *copied = CloneFunction(&function, map);
    copied->setLinkage(GlobalValue::InternalLinkage);
    for (const Known &each : known)
        copied->getArg(each.argument->getArgNo())->replaceAllUsesWith(each.value);
    return copied;
}

/* Calls of itself stay in the copy that they belong to, without asking again. */
void settle_recursion(Function &function, Function *special, Function *general, const std::vector<Known> &known) {
    for (Function *copied : {special, general})
        for (Instruction &instruction : instructions(*copied))
            if (auto *call = dyn_cast<CallBase>(&instruction))
                if (call->getCalledFunction() == &function)
                    call->setCalledFunction(copied == special && brings(*call, known) ? special : general);
}

void hand_over(BasicBlock *block, Function *to) {
    IRBuilder<> builder(block);
    std::vector<Value *> arguments;
    for (Argument &argument : block->getParent()->args())
        arguments.push_back(&argument);
    CallInst *call = builder.CreateCall(to, arguments);
    call->setCallingConv(to->getCallingConv());
    call->setAttributes(to->getAttributes().removeFnAttributes(block->getContext()));
    call->setTailCallKind(CallInst::TCK_Tail);
    if (call->getType()->isVoidTy())
        builder.CreateRetVoid();
    else
        builder.CreateRet(call);
}

/* What the function does from now on. */
void choose(Function &function, Function *special, Function *general, const std::vector<Known> &known) {
    LLVMContext &context = function.getContext();
    GlobalValue::LinkageTypes linkage = function.getLinkage();
    function.deleteBody();
    function.setLinkage(linkage);
    BasicBlock *entry = BasicBlock::Create(context, "entry", &function);
    BasicBlock *matches = BasicBlock::Create(context, "matches", &function);
    BasicBlock *differs = BasicBlock::Create(context, "differs", &function);
    IRBuilder<> builder(entry);
    Value *holds = builder.getTrue();
    for (const Known &each : known)
        holds = builder.CreateAnd(holds, builder.CreateICmpEQ(each.argument, each.value));
    MDNode *weights = MDBuilder(context).createBranchWeights(GUARD_HOLDS, GUARD_FAILS);
    builder.CreateCondBr(holds, matches, differs, weights);
    hand_over(matches, special);
    hand_over(differs, general);
}

} // namespace

std::string specialise(Function &function, const std::vector<::Constant> &constants) {
    std::vector<Known> known;
    for (const ::Constant &constant : constants) {
        Argument *argument = function.isVarArg() ? nullptr : argument_at(function, constant.word);
        if (argument == nullptr)
            return (Twine("word ") + Twine(constant.word) + " of the arguments of " + function.getName() +
                    " is no integer of one word, and no pointer")
                .str();
        known.push_back({argument, as(argument->getType(), constant.value)});
    }
    if (known.empty())
        return "";
    if (has_label_addresses(function))
        return ("labels of " + function.getName() + " have addresses, so it cannot be copied").str();
    Function *special = copy(function, known), *general = copy(function, {});
    settle_recursion(function, special, general, known);
    choose(function, special, general, known);
    return "";
}
