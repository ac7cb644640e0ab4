/* needed.cpp: see needed.h. */
#include "needed.h"
#include "isolate.h"

#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/IR/InstIterator.h>

using namespace llvm;

namespace {

/* What code and constants refer to, each once. */
class Needed {
  public:
    void add(const User &user) {
        for (Value *part : user.operands()) {
            auto *constant = dyn_cast<Constant>(part);
            if (constant != nullptr && seen.insert(constant).second && !is_elsewhere(*constant))
                open.push_back(constant);
        }
    }

    Constant *next() {
        return open.empty() ? nullptr : open.pop_back_val();
    }

  private:
    SmallPtrSet<Constant *, 32> seen;
    SmallVector<Constant *, 32> open;

    /* What a variable holds when the build's code starts says nothing of what it holds now (isolate.cpp). */
    static bool is_elsewhere(const Constant &constant) {
        const auto *variable = dyn_cast<GlobalVariable>(&constant);
        return variable != nullptr && !variable->isConstant() && !variable->hasLocalLinkage();
    }
};

Error read_from(Function *wanted) {
    Needed needed;
    for (Constant *constant = wanted; constant != nullptr; constant = needed.next()) {
        needed.add(*constant);
        auto *function = dyn_cast<Function>(constant);
        if (function == nullptr)
            continue;
        if (Error error = function->materialize())
            return error;
        for (const Instruction &instruction : instructions(*function))
            needed.add(instruction);
    }
    return Error::success();
}

} // namespace

Expected<std::unique_ptr<Module>> read_needed(MemoryBufferRef bitcode, StringRef name, LLVMContext &context) {
    Expected<std::unique_ptr<Module>> module = getLazyBitcodeModule(bitcode, context);
    if (!module)
        return module;
    if (Error error = read_from(find_function(**module, name)))
        return std::move(error);
    for (Function &function : **module)
        if (function.isMaterializable())
            function.deleteBody();
    if (Error error = (*module)->materializeAll())
        return std::move(error);
    return module;
}
