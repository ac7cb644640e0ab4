/* isolate.cpp: see isolate.h. */
#include "isolate.h"

#include <llvm/ADT/STLExtras.h>
#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/Analysis/CaptureTracking.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/InstrTypes.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Transforms/IPO/GlobalDCE.h>
#include <llvm/Transforms/IPO/Internalize.h>
#include <llvm/Transforms/Utils/GlobalStatus.h>

using namespace llvm;

namespace {

const char *const BUILD_PREFIX = "aot_"; /* function.h */
const char *const KEPT_SECTION = ".rodata.kept";

using Names = SmallPtrSet<const GlobalValue *, 32>;

/* What is found by its name: declarations, and what the build kept as it is (-fkeep-persistent-storage-variables). */
Names found_by_name(const Module &module) {
    SmallVector<GlobalValue *, 32> used;
    collectUsedGlobalVariables(module, used, true);
    Names named(used.begin(), used.end());
    for (const GlobalVariable &variable : module.globals())
        if (variable.isDeclaration())
            named.insert(&variable);
    return named;
}

/* What tells a linker or the start of a program something; an object of ours has neither. */
void forget_lists(Module &module) {
    for (const char *name : {"llvm.used", "llvm.compiler.used", "llvm.global_ctors", "llvm.global_dtors"})
        if (GlobalVariable *list = module.getGlobalVariable(name))
            list->eraseFromParent();
    module.setModuleInlineAsm("");
}

/* Whether a value is made of something like that. */
bool holds(const Constant &value, function_ref<bool(const Constant &)> is_like_that) {
    if (is_like_that(value))
        return true;
    return !isa<GlobalValue>(value) && !isa<BlockAddress>(value) &&
           any_of(value.operands(), [&](const Use &part) { return holds(*cast<Constant>(part), is_like_that); });
}

/* An address of a label is good in its own function only. */
bool has_labels(const GlobalVariable &variable) {
    return holds(*variable.getInitializer(), [](const Constant &part) { return isa<BlockAddress>(part); });
}

bool is_never_written(GlobalVariable &variable) {
    GlobalStatus status;
    return variable.isConstant() || (variable.hasLocalLinkage() && !GlobalStatus::analyzeGlobal(&variable, status) &&
                                     status.StoredType == GlobalStatus::NotStored);
}

void declare(GlobalVariable &variable) {
    variable.setInitializer(nullptr);
    variable.setLinkage(GlobalValue::ExternalLinkage);
    variable.setSection("");
    variable.setDSOLocal(true);
}

/* Addresses of constants without a name would be those of copies. */
bool has_nameless(const GlobalVariable &variable, const Names &named) {
    return holds(*variable.getInitializer(), [&](const Constant &part) {
        return isa<GlobalVariable>(part) && !named.contains(cast<GlobalVariable>(&part));
    });
}

void share(GlobalVariable &variable, const Names &named, Isolated &isolated) {
    bool is_named = named.contains(&variable);
    if (has_labels(variable) && is_never_written(variable)) {
        variable.setConstant(true);
        variable.setLinkage(GlobalValue::InternalLinkage);
    } else if (variable.isInterposable() || !variable.isConstant()) {
        if (!is_named || has_labels(variable))
            isolated.unshareable.push_back(&variable);
        declare(variable);
    } else if (is_named && has_nameless(variable, named)) {
        declare(variable);
    } else if (is_named) { /* its value may be used, its place is elsewhere */
        variable.setLinkage(GlobalValue::AvailableExternallyLinkage);
        variable.setSection("");
    }
}

/* Puts a declaration in the place of another name of something. */
void declare_alias(GlobalValue &alias) {
    Module &module = *alias.getParent();
    auto *type = dyn_cast<FunctionType>(alias.getValueType());
    GlobalValue *declared =
        type != nullptr ? static_cast<GlobalValue *>(Function::Create(type, alias.ExternalLinkage, "", module))
                        : new GlobalVariable(module, alias.getValueType(), false, alias.ExternalLinkage, nullptr);
    declared->takeName(&alias);
    alias.replaceAllUsesWith(declared);
    alias.eraseFromParent();
}

/* An address of a function, as opposed to a call of it or a label in it. */
bool is_address(const Use &use) {
    const auto *call = dyn_cast<CallBase>(use.getUser());
    return !isa<BlockAddress>(use.getUser()) && (call == nullptr || !call->isCallee(&use));
}

/* Lets addresses of a function that is copied be those of the build's. */
void share_addresses(Function &function, const std::string &name) {
    if (none_of(function.uses(), is_address))
        return;
    if (function.getName() == name)
        function.setName(name + ".copy");
    Function *build =
        Function::Create(function.getFunctionType(), GlobalValue::ExternalLinkage, name, function.getParent());
    function.replaceUsesWithIf(build, is_address);
}

} // namespace

Function *find_function(Module &module, StringRef name) {
    for (const std::string &candidate : {(BUILD_PREFIX + name).str(), name.str()})
        if (Function *function = module.getFunction(candidate); function != nullptr && !function->isDeclaration())
            return function;
    return nullptr;
}

bool isolate(Module &module, StringRef name, Isolated &isolated, std::string &why) {
    isolated.function = find_function(module, name);
    if (isolated.function == nullptr) {
        why = ("the bitcode does not define " + name).str();
        return false;
    }
    isolated.build_name = isolated.function->getName().str();
    Names named = found_by_name(module);
    forget_lists(module);
    for (GlobalAlias &alias : make_early_inc_range(module.aliases()))
        declare_alias(alias);
    for (GlobalIFunc &ifunc : make_early_inc_range(module.ifuncs()))
        declare_alias(ifunc);
    for (Function &function : module)
        if (!function.isDeclaration() && function.isInterposable() && &function != isolated.function)
            function.deleteBody(); /* another file's may take its place */
    for (GlobalVariable &variable : module.globals())
        if (!variable.isDeclaration())
            share(variable, named, isolated);
    isolated.function->setName(name);
    isolated.function->setLinkage(GlobalValue::ExternalLinkage);
    internalizeModule(module, [&](const GlobalValue &value) { return &value == isolated.function; });
    return true;
}

bool settle(Module &module, const Isolated &isolated, std::string &why) {
    for (const WeakVH &variable : isolated.unshareable)
        if (variable != nullptr && !variable->use_empty()) {
            why = (isolated.function->getName() + " uses the variable " + variable->getName() +
                   ", which the build's code cannot share")
                      .str();
            return false;
        }
    for (Function &function : make_early_inc_range(module))
        if (!function.isDeclaration() && function.getName() != isolated.build_name)
            share_addresses(function, &function == isolated.function ? isolated.build_name : function.getName().str());
    for (GlobalVariable &variable : module.globals())
        if (variable.hasInitializer() && PointerMayBeCaptured(&variable, true, true)) {
            variable.setUnnamedAddr(GlobalValue::UnnamedAddr::None);
            variable.setSection(KEPT_SECTION);
        }
    return true;
}

bool has_label_addresses(const Function &function) {
    return any_of(function, [](const BasicBlock &block) { return block.hasAddressTaken(); });
}

void remove_unused(Module &module) {
    ModuleAnalysisManager modules;
    FunctionAnalysisManager functions;
    PassBuilder builder;
    builder.registerModuleAnalyses(modules);
    builder.registerFunctionAnalyses(functions);
    modules.registerPass([&] { return FunctionAnalysisManagerModuleProxy(functions); });
    functions.registerPass([&] { return ModuleAnalysisManagerFunctionProxy(modules); });
    GlobalDCEPass().run(module, modules);
}
