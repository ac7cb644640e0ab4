/*
 * isolate.h: what of a source goes into an object that is made at run time, and what that shares with the build's.
 *
 * Of the functions the wanted one, and copies of those that it calls. Variables and named constants exist once, in the
 * build's object, and are referred to by name; so are functions whose address is taken. So the object can be taken away
 * at any time, and an address means the same in both. Constants without a name (strings above all) are copied; where
 * such an address may be kept, they lie in a section KEPT_SECTION, and the object must stay.
 */
#ifndef BF_ISOLATE_H
#define BF_ISOLATE_H

#include <llvm/IR/Module.h>
#include <llvm/IR/ValueHandle.h>

#include <string>
#include <vector>

struct Isolated {
    llvm::Function *function;
    std::string build_name;                /* of the function in the build's object */
    std::vector<llvm::WeakVH> unshareable; /* variables that the object cannot refer to */
};

/* The function that a source marks by this name; NULL where the bitcode does not define it. */
llvm::Function *find_function(llvm::Module &module, llvm::StringRef name);

/* Before the optimizer: makes the wanted function the only one that others can see. False, and why, where it cannot. */
bool isolate(llvm::Module &module, llvm::StringRef name, Isolated &isolated, std::string &why);

/* After it: what is still referred to. False, and why, where the object cannot have that. */
bool settle(llvm::Module &module, const Isolated &isolated, std::string &why);

/* Takes away what nobody needs. */
void remove_unused(llvm::Module &module);

/* Whether addresses of its labels are taken: then copies of it are no good, since tables of them are of one function.
 */
bool has_label_addresses(const llvm::Function &function);

#endif
