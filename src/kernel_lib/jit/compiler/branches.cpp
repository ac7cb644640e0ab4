/* branches.cpp: see branches.h. */
#include "branches.h"
#include "compiler.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/MDBuilder.h>

using namespace llvm;

namespace {

/* How often a function was called does not matter; that it is known makes the optimizer look at the branches. */
const uint64_t ENTRIES = 1000;

std::vector<BranchInst *> branches_of(Module &module) {
    std::vector<BranchInst *> branches;
    for (Function &function : module)
        for (BasicBlock &block : function)
            if (auto *branch = dyn_cast_or_null<BranchInst>(block.getTerminator()))
                if (branch->isConditional())
                    branches.push_back(branch);
    return branches;
}

} // namespace

uint32_t number_of_branches(Module &module) {
    return static_cast<uint32_t>(branches_of(module).size());
}

void count_branches(Module &module) {
    std::vector<BranchInst *> branches = branches_of(module);
    Type *word = Type::getInt32Ty(module.getContext());
    auto *type = ArrayType::get(ArrayType::get(word, 2), branches.size());
    auto *counters = new GlobalVariable(module, type, false, GlobalValue::ExternalLinkage, nullptr, COMPILER_COUNTERS);
    for (size_t i = 0; i < branches.size(); i++) {
        IRBuilder<> builder(branches[i]);
        Value *outcome = builder.CreateSelect(branches[i]->getCondition(), builder.getInt32(0), builder.getInt32(1));
        Value *counter = builder.CreateGEP(type, counters, {builder.getInt32(0), builder.getInt32(i), outcome});
        builder.CreateStore(builder.CreateAdd(builder.CreateLoad(word, counter), builder.getInt32(1)), counter);
    }
}

std::string weigh_branches(Module &module, const std::vector<uint8_t> &outcomes) {
    std::vector<BranchInst *> branches = branches_of(module);
    if (outcomes.empty())
        return "";
    if (outcomes.size() != 2 * branches.size())
        return "the request is about " + std::to_string(outcomes.size() / 2) + " branches, the bitcode has " +
               std::to_string(branches.size());
    MDBuilder builder(module.getContext());
    for (size_t i = 0; i < branches.size(); i++) {
        unsigned taken = outcomes[2 * i], not_taken = outcomes[2 * i + 1];
        if (taken + not_taken > 0) // else nobody came there
            branches[i]->setMetadata(LLVMContext::MD_prof, builder.createBranchWeights(1U << taken, 1U << not_taken));
    }
    for (Function &function : module)
        if (!function.isDeclaration())
            function.setEntryCount(ENTRIES);
    return "";
}
